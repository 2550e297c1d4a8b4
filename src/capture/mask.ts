/** Makes tokens and payloads of a stream unrecognisable in place; its lengths and boundaries stay. */
import { createHash } from 'node:crypto'
import { FieldReader } from '../binary/field-reader.ts'
import { itemFormats, type Field, type FieldName, type Fields } from '../binary/wire-format.ts'

/** What is hidden; numbers, commands and lengths never are. */
export interface MaskOptions {
  /** Whoever has it can tell a token that he guesses; the same key gives the same masks. */
  readonly key: Buffer
  readonly tokens: boolean
  readonly payloads: boolean
}

/**
 * Goes along one direction of a connection, cut anywhere. A hidden field is replaced by a keyed hash
 * of its own content and of its own length, so that equal tokens stay equal; a payload that was a
 * JSON object becomes another one, so that what is replayed is accepted as before.
 */
export class Mask {
  readonly #options: MaskOptions
  readonly #reader: FieldReader
  /** What has come of a hidden field so far, a piece from each chunk. */
  #pieces: Buffer[] = []

  constructor(messageFields: () => Fields, options: MaskOptions) {
    this.#reader = new FieldReader(messageFields)
    this.#options = options
  }

  /** Of the chunks applied, how many at the end wait for the rest of a field to be masked. */
  get openChunks(): number {
    return this.#pieces.length
  }

  /** Masks `chunk`, the next of the stream, and the open ends of those before it. */
  apply(chunk: Buffer): void {
    for (const { name, bytes, content, isWhole } of this.#reader.read(chunk)) {
      if (!isHidden({ name, bytes }, this.#options)) continue
      this.#pieces.push(content)
      // What has no end is masked as it comes.
      if (isWhole || bytes === Infinity) this.#hide(name)
    }
  }

  /** The stream is over: masks what has come of an open field. */
  end(): void {
    this.#hide(this.#reader.field.name)
  }

  #hide(name: FieldName): void {
    const pieces = this.#pieces.splice(0)
    let at = 0
    const mask = maskOf(name, Buffer.concat(pieces), this.#options.key)
    for (const piece of pieces) at += mask.copy(piece, 0, at)
  }
}

const opaque = new Set<FieldName>(['unknown-item', 'rest', 'unreadable'])

/** An item of another size than its format has may hold anything. */
function isHidden({ name, bytes }: Field, { tokens, payloads }: MaskOptions): boolean {
  if (name === 'token') return tokens
  if (name === 'payload') return payloads
  const format = Object.values(itemFormats).find((one) => one.name === name)
  const isOpaque = opaque.has(name) || (format !== undefined && format.bytes !== bytes)
  return isOpaque && (tokens || payloads)
}

function maskOf(name: FieldName, content: Buffer, key: Buffer): Buffer {
  const outputLength = Math.max(1, content.length)
  const hash = createHash('shake256', { outputLength }).update(key).update(content).digest()
  if (name !== 'payload' || !isJsonObject(content)) return hash
  const [head, tail] = content.length < 13 ? ['{', '}'] : ['{"masked":"', '"}']
  const filling = content.length < 13 ? ' '.repeat(content.length) : hash.toString('hex')
  return Buffer.from(head + filling.slice(0, content.length - head.length - tail.length) + tail)
}

function isJsonObject(content: Buffer): boolean {
  try {
    const json: unknown = JSON.parse(content.toString('utf8'))
    return typeof json === 'object' && json !== null && !Array.isArray(json)
  } catch {
    return false
  }
}
