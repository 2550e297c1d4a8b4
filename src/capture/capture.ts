/** The text format of captures: the bytes that a sender and a gateway exchanged. */

/** A transcript of one or more connections; captures/README.md describes the format. */
export interface Capture {
  /** The comment lines at the top, without `#`; they name the origin of the bytes. */
  readonly header: readonly string[]
  /** In the order in which they were opened. */
  readonly connections: readonly CapturedConnection[]
}

export interface CapturedConnection {
  /** Unique in the capture. */
  readonly number: number
  /** Milliseconds after the first connection was opened; undefined = unknown. */
  readonly startMs: number | undefined
  readonly records: readonly CapturedRecord[]
}

/** The content of one TLS record. */
export interface CapturedRecord {
  readonly from: 'sender' | 'gateway'
  /** Milliseconds since the connection was opened; undefined = unknown. */
  readonly offsetMs: number | undefined
  /** At least one byte. */
  readonly bytes: Buffer
}

/** The text is not a valid capture. */
export class CaptureError extends Error {
  override readonly name = 'CaptureError'
  /** Of the malformed line, from 1. */
  readonly line: number

  constructor(line: number, fault: string) {
    super(`line ${line}: ${fault}`)
    this.line = line
  }
}

/**
 * Parses a capture. Later comments and empty lines are ignored. Records before the first
 * `connection` line belong to connection 1. A later `connection` line may continue an earlier
 * connection.
 * @throws {CaptureError} at the first malformed line
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

type ConnectionHead = Pick<CapturedConnection, 'number' | 'startMs'>

export interface CaptureLine {
  readonly connection: ConnectionHead
  /** Undefined for a `connection` line. */
  readonly record: CapturedRecord | undefined
}

/** Parses a capture line by line; see {@link parseCapture}. */
export class CaptureReader {
  readonly header: string[] = []
  readonly #connections = new Map<number, ConnectionHead>()
  #current: ConnectionHead | undefined
  #line = 0

  /**
   * Parses the next line; undefined for a comment or an empty line.
   * @throws {CaptureError} when the line is malformed
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
    this.#current ??= addConnection(this.#connections, 1, undefined)
    return { connection: this.#current, record: parseRecord(line, this.#line) }
  }
}

/** Writes one connection after another; {@link parseCapture} reads the text. */
export function formatCapture({ header, connections }: Capture): string {
  const lines = header.map((comment) => `${`# ${comment}`.trimEnd()}\n`)
  for (const { number, startMs, records } of connections)
    lines.push(
      `${['connection', number, ...time(startMs)].join(' ')}\n`,
      ...records.map(formatRecord),
    )
  return lines.join('')
}

/** The line of one record, to be appended after the other lines of its connection. */
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
  if (known === undefined) return addConnection(connections, Number(number), milliseconds(start))
  if (start !== undefined)
    throw new CaptureError(
      at,
      `connection ${known.number} begins on an earlier line; remove "+${start}"`,
    )
  return known
}

function addConnection(
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
  const invalid = /[^\da-f]/i.exec(digits)?.[0]
  if (invalid !== undefined)
    throw new CaptureError(at, `${JSON.stringify(invalid)} is not a hexadecimal digit`)
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
