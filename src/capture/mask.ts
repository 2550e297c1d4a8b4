/** Makes tokens and payloads of a stream unrecognisable in place; its lengths and boundaries stay. */
import { createHash } from 'node:crypto'
import type { Field, FieldName, FieldWalk } from './field-walk.ts'

/** What is hidden; numbers, commands and lengths never are. */
export interface MaskOptions {
  /** Whoever has it can tell a token that he guesses; the same key gives the same masks. */
  readonly key: Buffer
  readonly tokens: boolean
  readonly payloads: boolean
}

/** Bytes of the fields that tell no secret. */
const clearBytes: Partial<Record<FieldName, number>> = {
  command: 1,
  'frame-length': 4,
  'item-id': 1,
  'item-length': 2,
  'token-length': 2,
  'payload-length': 2,
  timestamp: 4,
  identifier: 4,
  expiration: 4,
  priority: 1,
}

/**
 * Goes along one direction of a connection, cut anywhere. A hidden field is replaced by a keyed hash
 * of its own content and of its own length, so that equal tokens stay equal; a payload that was a
 * JSON object becomes another one, so that what is replayed is accepted as before.
 */
export class Mask {
  readonly #options: MaskOptions
  readonly #walk: FieldWalk
  #field: Field
  #left: number
  /** What has come of the field so far, a piece from each chunk. */
  #pieces: Buffer[] = []

  constructor(walk: FieldWalk, options: MaskOptions) {
    this.#walk = walk
    this.#options = options
    this.#field = this.#walk.next().value ?? everything
    this.#left = this.#field.bytes
  }

  /** Of the chunks applied, how many at the end wait for the rest of a field to be masked. */
  get openChunks(): number {
    return this.#isHidden() ? this.#pieces.length : 0
  }

  /** Masks `chunk`, the next of the stream, and the open ends of those before it. */
  apply(chunk: Buffer): void {
    let at = 0
    while (at < chunk.length) {
      const piece = chunk.subarray(at, at + this.#left)
      this.#pieces.push(piece)
      at += piece.length
      this.#left -= piece.length
      // What has no end is masked as it comes.
      if (this.#left === Infinity) this.#hide()
      while (this.#left === 0) this.#finish()
    }
  }

  /** The stream is over: masks what has come of an open field. */
  end(): void {
    this.#hide()
  }

  #finish(): void {
    const content = Buffer.concat(this.#pieces)
    this.#hide()
    this.#field = this.#walk.next(content).value ?? everything
    this.#left = this.#field.bytes
  }

  #hide(): void {
    const pieces = this.#pieces.splice(0)
    if (!this.#isHidden()) return
    let at = 0
    const mask = maskOf(this.#field.name, Buffer.concat(pieces), this.#options.key)
    for (const piece of pieces) at += mask.copy(piece, 0, at)
  }

  #isHidden(): boolean {
    const { name, bytes } = this.#field
    if (clearBytes[name] === bytes) return false
    if (name === 'token') return this.#options.tokens
    if (name === 'payload') return this.#options.payloads
    return this.#options.tokens || this.#options.payloads
  }
}

const everything: Field = { name: 'unreadable', bytes: Infinity }

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
