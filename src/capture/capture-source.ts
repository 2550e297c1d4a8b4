/** Reads the input of a user: a capture, raw bytes, or hexadecimal digits. */
import {
  CaptureReader,
  parseCapture,
  type CapturedConnection,
  type CaptureLine,
} from './capture.ts'

type KnownFormat = 'capture' | 'raw' | 'hex'

/** The format of the input; `auto` = detected from its first bytes. */
export type SourceFormat = 'auto' | KnownFormat

/**
 * The connections in a whole file. Bytes that are no capture are the records of one sender.
 * @throws {CaptureError} at the first malformed line of a capture
 * @throws {RangeError} at the first character that is not hexadecimal
 */
export function readConnections(file: Buffer): readonly CapturedConnection[] {
  const format = detectFormat(file)
  if (format === 'capture') return parseCapture(file.toString('utf8')).connections
  const reader = format === 'hex' ? new HexReader() : rawReader
  const parts = [...reader.receive(file), ...reader.end()].filter(({ length }) => length > 0)
  const records = parts.map((bytes) => ({ from: 'sender', offsetMs: undefined, bytes }) as const)
  return [{ number: 1, startMs: undefined, records }]
}

/** A part of the input: bytes of a stream whose direction is unknown, or a line of a capture. */
export type SourcePart = Buffer | CaptureLine

interface PartReader {
  receive(bytes: Buffer): SourcePart[]
  end(): SourcePart[]
}

/** Enough to detect the format. */
const detectionBytes = 4096

/**
 * Reads a file in chunks, for files that do not fit in memory. Throws the errors of {@link
 * readConnections}.
 */
export class SourceReader implements PartReader {
  readonly #format: SourceFormat
  #head = Buffer.alloc(0)
  #reader: PartReader | undefined

  constructor(format: SourceFormat) {
    this.#format = format
  }

  receive(bytes: Buffer): SourcePart[] {
    if (this.#reader !== undefined) return this.#reader.receive(bytes)
    this.#head = Buffer.concat([this.#head, bytes])
    return this.#head.length < detectionBytes ? [] : this.#start().receive(this.#head)
  }

  end(): SourcePart[] {
    const start = this.#reader === undefined ? this.#start().receive(this.#head) : []
    return [...start, ...this.#start().end()]
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
function detectFormat(head: Buffer): KnownFormat {
  const text = head.toString('utf8').replace(/^\uFEFF/, '')
  if (/^\s*([#<>]|connection)/.test(text)) return 'capture'
  return /^[\s:]*[\da-f][\da-f\s:]*$/i.test(text) ? 'hex' : 'raw'
}

class HexReader {
  #half = ''
  #characters = 0
  #digits = 0

  receive(bytes: Buffer): Buffer[] {
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
    return [Buffer.from(pairs, 'hex')]
  }

  end(): Buffer[] {
    if (this.#half === '') return []
    throw new RangeError(`${this.#digits} hexadecimal digits: half a byte is missing`)
  }
}

const rawReader = { receive: (bytes: Buffer): Buffer[] => [bytes], end: (): Buffer[] => [] }

function captureReader(): PartReader {
  const reader = new CaptureReader()
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
  return {
    receive: (bytes) => reader.receive(decoder.decode(bytes, { stream: true })),
    end: () => reader.end(),
  }
}

const readers: Readonly<Record<KnownFormat, () => PartReader>> = {
  raw: () => rawReader,
  hex: () => new HexReader(),
  capture: captureReader,
}
