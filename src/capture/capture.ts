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
  for (const { connection: head, record } of [...reader.receive(text), ...reader.end()]) {
    const connection = connections.get(head.number) ?? { ...head, records: [] }
    connections.set(head.number, connection)
    if (record !== undefined) connection.records.push(record)
  }
  return { header: reader.header, connections: [...connections.values()] }
}

type ConnectionHead = Pick<CapturedConnection, 'number' | 'startMs'>

export interface CaptureLine {
  readonly connection: ConnectionHead
  /** Undefined for a `connection` line. */
  readonly record: CapturedRecord | undefined
}

/** Characters. No line of a capture is longer, because a line contains one record. */
const maxLineLength = 16 * 1024 * 1024

/** Parses a capture that arrives in chunks; see {@link parseCapture}. */
export class CaptureReader {
  readonly header: string[] = []
  readonly #connections = new Map<number, ConnectionHead>()
  #current: ConnectionHead | undefined
  /** Of the current line, from 1. */
  #line = 0
  #rest = ''

  /**
   * Parses the lines that `text` completes. Comments and empty lines are not returned.
   * @throws {CaptureError} at the first malformed line
   */
  receive(text: string): CaptureLine[] {
    const lines = (this.#rest + text).split('\n')
    this.#rest = lines.pop() ?? ''
    const parsed = lines.flatMap((line) => this.#parse(line))
    if (this.#rest.length > maxLineLength)
      throw new CaptureError(this.#line + 1, 'too long for a record')
    return parsed
  }

  /** Parses a last line without a line end. @throws {CaptureError} if it is malformed */
  end(): CaptureLine[] {
    return this.#parse(this.#rest)
  }

  #parse(raw: string): CaptureLine[] {
    this.#line++
    const line = (this.#line === 1 ? raw.replace(/^\uFEFF/, '') : raw).trim()
    if (line.startsWith('#') && this.#connections.size === 0) this.header.push(line.slice(1).trim())
    if (line === '' || line.startsWith('#')) return []
    if (line.startsWith('connection')) {
      this.#current = this.#parseConnection(line)
      return [{ connection: this.#current, record: undefined }]
    }
    this.#current ??= this.#open(1, undefined)
    return [{ connection: this.#current, record: parseRecord(line, this.#line) }]
  }

  #parseConnection(line: string): ConnectionHead {
    const [, number, start] = connectionLine.exec(line) ?? []
    const form = '"connection NUMBER" or "connection NUMBER +MILLISECONDS"'
    if (number === undefined) throw new CaptureError(this.#line, `expected ${form}`)
    const known = this.#connections.get(Number(number))
    if (known === undefined) return this.#open(Number(number), milliseconds(start))
    if (start === undefined) return known
    const fault = `connection ${number} begins on an earlier line; remove "+${start}"`
    throw new CaptureError(this.#line, fault)
  }

  #open(number: number, startMs: number | undefined): ConnectionHead {
    const connection = { number, startMs }
    this.#connections.set(number, connection)
    return connection
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

const signs: Readonly<Record<CapturedRecord['from'], string>> = { sender: '>', gateway: '<' }

const connectionLine = /^connection\s+(\d{1,9})(?:\s+\+(\d{1,12}))?$/

const recordLine = /^([<>])(?:\s*\+(\d{1,12})(?=\s|$))?(.*)$/

function parseRecord(line: string, at: number): CapturedRecord {
  const [, sign, offset, rest = ''] = recordLine.exec(line) ?? []
  if (sign === undefined)
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
