/** Writes the integers and strings of a header block. */
import { stringForm, type Representation } from './representation.ts'

/** Up to here a loop is faster than the call into the runtime. */
const longestLoopCharacters = 16

/** Goes forward through a buffer, and past its end without a word: see {@link offset}. */
export class PrimitiveWriter {
  readonly #target: Buffer
  #at: number

  constructor(target: Buffer, offset: number) {
    this.#target = target
    this.#at = offset
  }

  /** Where the next byte goes; beyond the buffer when that was too short. */
  get offset(): number {
    return this.#at
  }

  /** The representation's bits and a value below 2^31 behind them. — source: RFC 7541, 5.1 */
  integer({ pattern, prefixBits }: Representation, value: number): void {
    const prefix = (1 << prefixBits) - 1
    if (value < prefix) {
      this.#target[this.#at++] = pattern | value
      return
    }
    this.#target[this.#at++] = pattern | prefix
    let rest = value - prefix
    for (; rest >= 0x80; rest >>= 7) this.#target[this.#at++] = (rest & 0x7f) | 0x80
    this.#target[this.#at++] = rest
  }

  /** Plain: what Huffman coding saves is not worth its time here. — source: RFC 7541, 5.2 */
  string(value: string): void {
    this.integer(stringForm.plain, value.length)
    const start = this.#at
    this.#at += value.length
    if (value.length > longestLoopCharacters) this.#target.write(value, start, 'latin1')
    else for (let at = 0; at < value.length; at++) this.#target[start + at] = value.charCodeAt(at)
  }
}
