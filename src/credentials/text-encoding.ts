/** Decodes text files in the encodings that editors and shells write. */
import { isUtf8 } from 'node:buffer'

/** The text has no byte order mark. */
export interface DecodedText {
  readonly text: string
  readonly encoding: 'UTF-8' | 'UTF-16LE' | 'UTF-16BE' | 'windows-1252'
}

/** Of UTF-16 without a byte order mark, the zero bytes of ASCII tell the byte order. */
export function decodeText(bytes: Uint8Array): DecodedText {
  const [first, second] = bytes
  const encoding =
    (first === 0xff && second === 0xfe) || second === 0
      ? 'UTF-16LE'
      : (first === 0xfe && second === 0xff) || first === 0
        ? 'UTF-16BE'
        : isUtf8(bytes)
          ? 'UTF-8'
          : 'windows-1252'
  return { text: new TextDecoder(encoding).decode(bytes), encoding }
}
