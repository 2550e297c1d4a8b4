/** What a user calls a capture: its text, the bytes themselves, or the bytes in hexadecimal. */
import { parseCapture, type Capture } from './capture.ts'

/** How bytes are to be read; `auto` looks at them. */
export const sourceFormats = ['auto', 'capture', 'raw', 'hex'] as const

/** One of {@link sourceFormats}. */
export type SourceFormat = (typeof sourceFormats)[number]

/** Bytes of one direction, nobody knows which, or a transcript of both. */
export type Source =
  | { readonly kind: 'stream'; readonly bytes: Buffer }
  | { readonly kind: 'capture'; readonly capture: Capture }

/**
 * Reads a file.
 * @throws {CaptureError} at the first line of a capture that cannot be read, and a RangeError at the
 * first character that is not hexadecimal
 */
export function readSource(file: Buffer, format: SourceFormat): Source {
  switch (format === 'auto' ? guess(file) : format) {
    case 'capture':
      return { kind: 'capture', capture: parseCapture(file.toString('utf8')) }
    case 'hex':
      return { kind: 'stream', bytes: parseHex(file.toString('latin1')) }
    case 'raw':
      return { kind: 'stream', bytes: file }
  }
}

/** Neither a message nor a feedback tuple of this century begins with one of these letters' bytes. */
function guess(file: Buffer): Exclude<SourceFormat, 'auto'> {
  const text = file.toString('utf8').replace(/^\uFEFF/, '')
  if (/^\s*([#<>]|connection)/.test(text)) return 'capture'
  return /^[\s:]*[\da-f][\da-f\s:]*$/i.test(text) ? 'hex' : 'raw'
}

function parseHex(text: string): Buffer {
  const stranger = /[^\da-f\s:]/i.exec(text)
  if (stranger !== null)
    throw new RangeError(
      `character ${stranger.index + 1}, ${JSON.stringify(stranger[0])}, is not a hexadecimal digit; ` +
        'xxd -p writes what is understood',
    )
  const digits = text.replaceAll(/[\s:]/g, '')
  if (digits.length % 2 === 1)
    throw new RangeError(`${digits.length} hexadecimal digits: half a byte is missing`)
  return Buffer.from(digits, 'hex')
}
