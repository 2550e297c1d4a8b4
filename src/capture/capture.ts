/** The text form of what a sender and a gateway said to each other, byte for byte. */

/** A transcript of one or several connections; captures/README.md shows its text. */
export interface Capture {
  /** The comment lines at the top, without `#`: where the bytes come from. */
  readonly header: readonly string[]
  /** In the order of their beginning. */
  readonly connections: readonly CapturedConnection[]
}

/** One TLS connection. */
export interface CapturedConnection {
  /** Unlike that of every other connection in the capture. */
  readonly number: number
  /** When it began, milliseconds after the first one; undefined = not known. */
  readonly startMs: number | undefined
  readonly records: readonly CapturedRecord[]
}

/** What one TLS record carried. */
export interface CapturedRecord {
  readonly from: 'sender' | 'gateway'
  /** Milliseconds since the connection began; undefined = not known. */
  readonly offsetMs: number | undefined
  /** One byte at least. */
  readonly bytes: Buffer
}

/** A text that is no capture. */
export class CaptureError extends Error {
  override readonly name = 'CaptureError'
  /** The line at fault; the first is 1. */
  readonly line: number

  constructor(line: number, fault: string) {
    super(`line ${line}: ${fault}`)
    this.line = line
  }
}

/**
 * Reads a capture. Comments below the top and empty lines say nothing; records before the first
 * `connection` line belong to connection 1; a connection may be taken up again further down.
 * @throws {CaptureError} at the first line that cannot be read
 */
export function parseCapture(text: string): Capture {
  const reader = new CaptureReader()
  const connections = new Map<number, CapturedConnection & { readonly records: CapturedRecord[] }>()
  for (const line of text.split('\n')) {
    const read = reader.read(line)
    if (read === undefined) continue
    const { number } = read.connection
    const connection = connections.get(number) ?? { ...read.connection, records: [] }
    connections.set(number, connection)
    if (read.record !== undefined) connection.records.push(read.record)
  }
  return { header: reader.header, connections: [...connections.values()] }
}

/** Which connection a line is about. */
type ConnectionHead = Pick<CapturedConnection, 'number' | 'startMs'>

/** What a line of a capture says. */
export interface CaptureLine {
  readonly connection: ConnectionHead
  /** Undefined where the connection begins, or is taken up again. */
  readonly record: CapturedRecord | undefined
}

/** Reads a capture line by line; see {@link parseCapture}. */
export class CaptureReader {
  readonly header: string[] = []
  readonly #connections = new Map<number, ConnectionHead>()
  #current: ConnectionHead | undefined
  #line = 0

  /**
   * Undefined for a line that says nothing.
   * @throws {CaptureError} where it cannot be read
   */
  read(raw: string): CaptureLine | undefined {
    this.#line++
    const line = (this.#line === 1 ? raw.replace(/^\uFEFF/, '') : raw).trim()
    if (line.startsWith('#')) {
      if (this.#connections.size === 0) this.header.push(line.slice(1).trim())
      return undefined
    }
    if (line.startsWith('connection')) {
      this.#current = parseConnection(line, this.#line, this.#connections)
      return { connection: this.#current, record: undefined }
    }
    if (line === '') return undefined
    this.#current ??= begin(this.#connections, 1, undefined)
    return { connection: this.#current, record: parseRecord(line, this.#line) }
  }
}

/** The text of a capture, one connection after another; {@link parseCapture} reads it back. */
export function formatCapture({ header, connections }: Capture): string {
  const lines = header.map((comment) => `${`# ${comment}`.trimEnd()}\n`)
  for (const { number, startMs, records } of connections)
    lines.push(
      `${['connection', number, ...time(startMs)].join(' ')}\n`,
      ...records.map(formatRecord),
    )
  return lines.join('')
}

/** The line of one record, to be added below those of its connection. */
export function formatRecord({ from, offsetMs, bytes }: CapturedRecord): string {
  return `${[signs[from], ...time(offsetMs), bytes.toString('hex')].join(' ')}\n`
}

const signs = { sender: '>', gateway: '<' } as const satisfies Record<
  CapturedRecord['from'],
  string
>

const connectionLine = /^connection\s+(\d{1,9})(?:\s+\+(\d{1,12}))?$/

const recordLine = /^([<>])(?:\s*\+(\d{1,12})(?=\s|$))?(.*)$/

function parseConnection(
  line: string,
  at: number,
  connections: Map<number, ConnectionHead>,
): ConnectionHead {
  const [matched, number, start] = connectionLine.exec(line) ?? []
  if (matched === undefined)
    throw new CaptureError(at, 'expected "connection NUMBER" or "connection NUMBER +MILLISECONDS"')
  const known = connections.get(Number(number))
  if (known === undefined) return begin(connections, Number(number), milliseconds(start))
  if (start !== undefined)
    throw new CaptureError(
      at,
      `connection ${known.number} has begun further up; leave out "+${start}"`,
    )
  return known
}

function begin(
  connections: Map<number, ConnectionHead>,
  number: number,
  startMs: number | undefined,
): ConnectionHead {
  const connection: ConnectionHead = { number, startMs }
  connections.set(number, connection)
  return connection
}

function parseRecord(line: string, at: number): CapturedRecord {
  const [matched, sign, offset, rest = ''] = recordLine.exec(line) ?? []
  if (matched === undefined)
    throw new CaptureError(at, 'expected a line that begins with ">", "<", "connection" or "#"')
  const digits = rest.replaceAll(/\s/g, '')
  if (digits === '') throw new CaptureError(at, 'a record without bytes')
  const stranger = /[^\da-f]/i.exec(digits)?.[0]
  if (stranger !== undefined)
    throw new CaptureError(at, `${JSON.stringify(stranger)} is not a hexadecimal digit`)
  if (digits.length % 2 === 1)
    throw new CaptureError(at, `${digits.length} hexadecimal digits: half a byte is missing`)
  return {
    from: sign === signs.sender ? 'sender' : 'gateway',
    offsetMs: milliseconds(offset),
    bytes: Buffer.from(digits, 'hex'),
  }
}

function milliseconds(digits: string | undefined): number | undefined {
  return digits === undefined ? undefined : Number(digits)
}

function time(ms: number | undefined): string[] {
  return ms === undefined ? [] : [`+${ms}`]
}
