/** Reads passphrases, passwords and tokens: the first line of a file. */
import { readBytes } from './credential-file.ts'
import { decodeText } from './text-encoding.ts'

export interface SecretLine {
  /** A secret. */
  readonly text: string
  /** How the file was read, for messages: `UTF-16LE, 2 lines`. */
  readonly form: string
}

/**
 * The first line of `file`, in any encoding, without its end of line. It can be empty.
 * @throws {CredentialError} `file-missing`, `file-unreadable`
 */
export function firstLineIn(file: string): SecretLine {
  const { text: whole, encoding } = decodeText(readBytes(file))
  const lines = whole.split(/\r\n?|\n/)
  if (lines.length > 1 && lines.at(-1) === '') lines.pop()
  const [text = ''] = lines
  const count = lines.length === 1 ? '1 line' : `${lines.length} lines`
  const remark =
    text === '' ? ', the first one empty' : /\s$/.test(text) ? ', a space at its end' : ''
  return { text, form: `${encoding}, ${count}${remark}` }
}
