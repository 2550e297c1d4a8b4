/** Finds the fields of a stream that arrives in chunks of any size. */
import { unreadable, type Field, type Fields } from './wire-format.ts'

/** The part of a field that lies in one chunk. */
export interface FieldPart extends Field {
  /** Offset of the part in the stream. */
  readonly offset: number
  /** A view of the chunk. */
  readonly content: Buffer
  /** Whether the field ends with this part. */
  readonly isWhole: boolean
  /** The field as a number; valid for a whole field of 1 to 4 bytes. */
  readonly value: number
  /** Whether the message ends with this part. */
  readonly isLast: boolean
}

/** Reads one message after another; stores none of their bytes. */
export class FieldScanner {
  readonly #messageFields: () => Fields
  #fields: Fields
  #field: Field
  #left: number
  #value = 0
  #offset: number

  /** @param offset of the first byte in the stream */
  constructor(messageFields: () => Fields, offset = 0) {
    this.#messageFields = messageFields
    this.#fields = messageFields()
    this.#field = this.#fields.next(0).value ?? unreadable
    this.#left = this.#field.bytes
    this.#offset = offset
  }

  /** The field to which the next byte belongs. */
  get field(): Field {
    return this.#field
  }

  /**
   * The parts in `chunk`, the next bytes of the stream. An empty field follows its length field at
   * once.
   */
  *read(chunk: Buffer): Generator<FieldPart, undefined> {
    for (let at = 0; at < chunk.length || this.#left === 0;) {
      const field = this.#field
      const content = chunk.subarray(at, at + this.#left)
      const offset = this.#offset
      at += content.length
      this.#offset += content.length
      this.#left -= content.length
      if (field.bytes <= 4) for (const byte of content) this.#value = this.#value * 256 + byte
      const value = this.#value
      const isWhole = this.#left === 0
      const isLast = isWhole && this.#advance()
      yield { ...field, offset, content, isWhole, value, isLast }
    }
  }

  /** Continues with the next field; true at the end of a message. */
  #advance(): boolean {
    const next = this.#fields.next(this.#value).value
    if (next === undefined) this.#fields = this.#messageFields()
    this.#field = next ?? this.#fields.next(0).value ?? unreadable
    this.#left = this.#field.bytes
    this.#value = 0
    return next === undefined
  }
}
