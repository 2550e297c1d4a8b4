/** Reads the integers and strings of a header block. */
import { decodeHuffman } from './huffman.ts'
import { HpackError } from './hpack-error.ts'
import { stringForm } from './representation.ts'

/** More than any index, length or table size can be. */
const largestInteger = 2 ** 28

/** As many as {@link largestInteger} needs. */
const mostContinuationBytes = 5

/** Goes forward through one complete block; throws {@link HpackError} where it ends too early. */
export class PrimitiveReader {
  readonly #block: Buffer
  #at = 0

  constructor(block: Buffer) {
    this.#block = block
  }

  get atEnd(): boolean {
    return this.#at === this.#block.length
  }

  /** The next byte, which stays the next. */
  peek(): number {
    const byte = this.#block[this.#at]
    if (byte === undefined) throw new HpackError('the header block ends within a field')
    return byte
  }

  /**
   * An integer whose first bits are the last `prefixBits` of the next byte. When these are all 1,
   * seven bits a byte are added, least significant first, as long as the top bit is set.
   * — source: RFC 7541, 5.1
   */
  integer(prefixBits: number): number {
    const prefix = (1 << prefixBits) - 1
    let value = this.#byte() & prefix
    if (value < prefix) return value
    for (let count = 0; count < mostContinuationBytes; count++) {
      const byte = this.#byte()
      value += (byte & 0x7f) * 2 ** (7 * count)
      if (value > largestInteger) break
      if (byte < 0x80) return value
    }
    throw new HpackError('an integer is too large')
  }

  /** — source: RFC 7541, 5.2 */
  string(): string {
    const huffman = this.peek() >= stringForm.huffman.pattern
    const length = this.integer(stringForm.plain.prefixBits)
    const start = this.#at
    const end = start + length
    if (end > this.#block.length) throw new HpackError('a string is longer than the header block')
    this.#at = end
    return huffman
      ? decodeHuffman(this.#block, start, end)
      : this.#block.toString('latin1', start, end)
  }

  #byte(): number {
    const byte = this.peek()
    this.#at++
    return byte
  }
}
