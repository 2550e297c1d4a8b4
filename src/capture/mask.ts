/** Masks tokens and payloads of a stream in place; lengths and message boundaries stay. */
import { createHash } from 'node:crypto'
import { FieldScanner } from '../binary/field-scanner.ts'
import { fixedBytes, type Field, type FieldName, type Fields } from '../binary/wire-format.ts'

/** The fields to mask; numbers, commands and lengths are never masked. */
export interface MaskOptions {
  /** With the key, a guessed token can be verified. The same key produces the same masks. */
  readonly key: Buffer
  readonly tokens: boolean
  readonly payloads: boolean
}

/**
 * Masks one direction of a connection in chunks of any size. A field is replaced by a keyed hash of
 * its content, with the same length, so equal tokens stay equal. A payload that is a JSON object is
 * replaced by a JSON object, so a replay is accepted like the original.
 */
export class Mask {
  readonly #options: MaskOptions
  readonly #reader: FieldScanner
  /** The received parts of the current masked field, one for each chunk. */
  #parts: Buffer[] = []

  constructor(messageFields: () => Fields, options: MaskOptions) {
    this.#reader = new FieldScanner(messageFields)
    this.#options = options
  }

  /**
   * Applied chunks at the end that are not fully masked, because their last field is incomplete.
   */
  get pendingChunks(): number {
    return this.#parts.length
  }

  /** Masks `chunk`, the next bytes of the stream, and the incomplete field of earlier chunks. */
  apply(chunk: Buffer): void {
    for (const field of this.#reader.read(chunk)) {
      if (!isMasked(field, this.#options)) continue
      this.#parts.push(field.content)
      // A field without end is masked chunk by chunk.
      if (field.isWhole || field.bytes === Infinity) this.#mask(field.name)
    }
  }

  /** Ends the stream: masks the received parts of an incomplete field. */
  end(): void {
    this.#mask(this.#reader.field.name)
  }

  #mask(name: FieldName): void {
    const parts = this.#parts.splice(0)
    let at = 0
    const mask = maskOf(name, Buffer.concat(parts), this.#options.key)
    for (const part of parts) at += mask.copy(part, 0, at)
  }
}

const opaque = new Set<FieldName>(['unknown-item', 'rest', 'unreadable'])

/** An item with a wrong size may contain secrets as well. */
function isMasked({ name, bytes }: Field, { tokens, payloads }: MaskOptions): boolean {
  if (name === 'token') return tokens
  if (name === 'payload') return payloads
  const isSound = !opaque.has(name) && (fixedBytes(name) ?? bytes) === bytes
  return !isSound && (tokens || payloads)
}

function maskOf(name: FieldName, content: Buffer, key: Buffer): Buffer {
  const outputLength = Math.max(1, content.length)
  const hash = createHash('shake256', { outputLength }).update(key).update(content).digest()
  if (name !== 'payload' || !isJsonObject(content)) return hash
  const [head, tail] = content.length < 13 ? ['{', '}'] : ['{"masked":"', '"}']
  const padding = content.length < 13 ? ' '.repeat(content.length) : hash.toString('hex')
  return Buffer.from(head + padding.slice(0, content.length - head.length - tail.length) + tail)
}

function isJsonObject(content: Buffer): boolean {
  try {
    const json: unknown = JSON.parse(content.toString('utf8'))
    return typeof json === 'object' && json !== null && !Array.isArray(json)
  } catch {
    return false
  }
}
