/** The header fields that one direction of a connection has learned, as each of its ends keeps them. */
import { fieldBytes, type HeaderField } from './header-field.ts'

/** Until SETTINGS and a size update say otherwise. — source: RFC 9113, 6.5.2 */
export const initialTableBytes = 4096

/** First in, first out, positions counted from the newest, which is 1. — source: RFC 7541, 2.3.2 */
export class DynamicTable {
  /** Oldest first; at most 128 of them in 4,096 bytes, so searching and shifting stay cheap. */
  readonly #fields: HeaderField[] = []
  #bytes = 0
  #maxBytes: number

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  get bytes(): number {
    return this.#bytes
  }

  get maxBytes(): number {
    return this.#maxBytes
  }

  at(position: number): HeaderField | undefined {
    return this.#fields[this.#fields.length - position]
  }

  /** Position of the oldest field of this name, and of this value when one is given; 0 = none. */
  find(name: string, value?: string): number {
    let position = this.#fields.length
    for (const field of this.#fields) {
      if (field[0] === name && (value === undefined || field[1] === value)) return position
      position--
    }
    return 0
  }

  /** A field that is larger than the whole table empties it. — source: RFC 7541, 4.4 */
  add(field: HeaderField): void {
    this.#fields.push(field)
    this.#bytes += fieldBytes(field)
    this.#evict()
  }

  resize(maxBytes: number): void {
    this.#maxBytes = maxBytes
    this.#evict()
  }

  #evict(): void {
    while (this.#bytes > this.#maxBytes) {
      const oldest = this.#fields.shift()
      if (oldest === undefined) return
      this.#bytes -= fieldBytes(oldest)
    }
  }
}
