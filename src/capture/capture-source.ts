/** Reads the input of a user: a capture, raw bytes, or hexadecimal digits. */
import {
  CaptureError,
  CaptureReader,
  parseCapture,
  type Capture,
  type CaptureLine,
} from './capture.ts'

/** The format of the input; `auto` = detected from its first bytes. */
export type SourceFormat = 'auto' | 'capture' | 'raw' | 'hex'

/** `stream`: the bytes of one direction, which is unknown. `capture`: both directions. */
export type Source =
  | { readonly kind: 'stream'; readonly bytes: Buffer }
  | { readonly kind: 'capture'; readonly capture: Capture }

/**
 * Reads a whole file.
 * @throws {CaptureError} at the first malformed line of a capture
 * @throws {RangeError} at the first character that is not hexadecimal
 */
export function readSource(file: Buffer, format: SourceFormat): Source {
  const known = format === 'auto' ? detectFormat(file) : format
  if (known === 'capture') return { kind: 'capture', capture: parseCapture(file.toString('utf8')) }
  const reader = new SourceReader(known)
  const parts = [...reader.receive(file), ...reader.end()]
  return {
    kind: 'stream',
    bytes: Buffer.concat(parts.flatMap((part) => (part.kind === 'bytes' ? [part.bytes] : []))),
  }
}

/** A part of the input: bytes of a stream, or a line of a capture. */
export type SourcePart =
  { readonly kind: 'bytes'; readonly bytes: Buffer } | ({ readonly kind: 'line' } & CaptureLine)

interface PartReader {
  receive(bytes: Buffer): Iterable<SourcePart>
  end(): Iterable<SourcePart>
}

/** Enough to detect the format. */
const detectionBytes = 4096

/**
 * Reads a file in chunks, for files that do not fit in memory. Throws the errors of {@link
 * readSource}.
 */
export class SourceReader implements PartReader {
  readonly #format: SourceFormat
  #head = Buffer.alloc(0)
  #reader: PartReader | undefined

  constructor(format: SourceFormat) {
    this.#format = format
  }

  *receive(bytes: Buffer): Generator<SourcePart> {
    if (this.#reader !== undefined) {
      yield* this.#reader.receive(bytes)
      return
    }
    this.#head = Buffer.concat([this.#head, bytes])
    if (this.#head.length >= detectionBytes) yield* this.#start().receive(this.#head)
  }

  *end(): Generator<SourcePart> {
    if (this.#reader === undefined) yield* this.#start().receive(this.#head)
    yield* this.#start().end()
  }

  #start(): PartReader {
    const format = this.#format === 'auto' ? detectFormat(this.#head) : this.#format
    this.#reader ??= readers[format]()
    return this.#reader
  }
}

/**
 * No message, and no feedback tuple before 2038, begins with the byte of one of these characters.
 */
function detectFormat(head: Buffer): Exclude<SourceFormat, 'auto'> {
  const text = head.toString('utf8').replace(/^\uFEFF/, '')
  if (/^\s*([#<>]|connection)/.test(text)) return 'capture'
  return /^[\s:]*[\da-f][\da-f\s:]*$/i.test(text) ? 'hex' : 'raw'
}

class HexReader implements PartReader {
  #half = ''
  #characters = 0
  #digits = 0

  receive(bytes: Buffer): SourcePart[] {
    const text = bytes.toString('latin1')
    const invalid = /[^\da-f\s:]/i.exec(text)
    if (invalid !== null)
      throw new RangeError(
        `character ${this.#characters + invalid.index + 1}, ${JSON.stringify(invalid[0])}, is ` +
          'not a hexadecimal digit; convert the bytes with xxd -p',
      )
    const digits = text.replaceAll(/[\s:]/g, '')
    this.#characters += text.length
    this.#digits += digits.length
    const pairs = this.#half + digits
    this.#half = pairs.length % 2 === 1 ? pairs.slice(-1) : ''
    // Buffer.from ignores the last digit of an odd number of digits.
    return [{ kind: 'bytes', bytes: Buffer.from(pairs, 'hex') }]
  }

  end(): SourcePart[] {
    if (this.#half === '') return []
    throw new RangeError(`${this.#digits} hexadecimal digits: half a byte is missing`)
  }
}

/** Characters. No line of a capture is longer, because a line contains one record. */
const maxLineLength = 16 * 1024 * 1024

class LineReader implements PartReader {
  readonly #capture = new CaptureReader()
  readonly #decoder = new TextDecoder('utf-8', { ignoreBOM: true })
  #rest = ''
  #lines = 0

  receive(bytes: Buffer): SourcePart[] {
    const lines = (this.#rest + this.#decoder.decode(bytes, { stream: true })).split('\n')
    this.#rest = lines.pop() ?? ''
    this.#lines += lines.length
    if (this.#rest.length > maxLineLength)
      throw new CaptureError(this.#lines + 1, 'too long for a record')
    return lines.flatMap((line) => this.#read(line))
  }

  end(): SourcePart[] {
    return this.#read(this.#rest)
  }

  #read(line: string): SourcePart[] {
    const parsed = this.#capture.read(line)
    return parsed === undefined ? [] : [{ kind: 'line', ...parsed }]
  }
}

const readers: Readonly<Record<Exclude<SourceFormat, 'auto'>, () => PartReader>> = {
  raw: () => ({ receive: (bytes) => [{ kind: 'bytes', bytes }], end: () => [] }),
  hex: () => new HexReader(),
  capture: () => new LineReader(),
}
