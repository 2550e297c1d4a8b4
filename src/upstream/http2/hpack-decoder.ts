/** Decodes the header blocks that the peer sends. */
import { decodeHuffman } from './huffman.ts'
import {
  DynamicTable,
  fieldBytes,
  HpackError,
  huffmanBit,
  initialTableBytes,
  plainString,
  representation,
  staticTable,
  type HeaderField,
} from './hpack.ts'

export interface DecoderLimits {
  /** Our SETTINGS_HEADER_TABLE_SIZE, the same from the first block on. */
  readonly maxTableBytes: number
  /** Of the fields of one block, as {@link fieldBytes} counts. */
  readonly maxListBytes: number
}

const { indexed, withIndexing, sizeUpdate, withoutIndexing } = representation

/** For one connection. Unusable once it has thrown. — source: RFC 7541 */
export class HpackDecoder {
  readonly #limits: DecoderLimits
  readonly #table: DynamicTable

  constructor(limits: DecoderLimits) {
    this.#limits = limits
    this.#table = new DynamicTable(Math.min(initialTableBytes, limits.maxTableBytes))
  }

  /** Of the dynamic table, as {@link fieldBytes} counts. */
  get tableBytes(): number {
    return this.#table.bytes
  }

  /**
   * Decodes one complete header block. If the list exceeds its limit, its end is missing, but all
   * fields have entered the table. @throws {HpackError}
   */
  decode(block: Buffer): { fields: HeaderField[]; truncated: boolean } {
    const reader = new PrimitiveReader(block)
    const fields: HeaderField[] = []
    let listBytes = 0
    this.#resize(reader)
    while (!reader.atEnd) {
      const field = this.#field(reader)
      listBytes += fieldBytes(field)
      if (listBytes <= this.#limits.maxListBytes) fields.push(field)
    }
    return { fields, truncated: listBytes > this.#limits.maxListBytes }
  }

  /** Size updates stand in front of the first field only. — source: RFC 7541, 4.2 and 6.3 */
  #resize(reader: PrimitiveReader): void {
    while (!reader.atEnd && reader.peek() >> sizeUpdate.prefixBits === 1) {
      const maxBytes = reader.integer(sizeUpdate.prefixBits)
      if (maxBytes > this.#limits.maxTableBytes)
        throw new HpackError('a table size update exceeds SETTINGS_HEADER_TABLE_SIZE')
      this.#table.resize(maxBytes)
    }
  }

  #field(reader: PrimitiveReader): HeaderField {
    const first = reader.peek()
    if (first >= indexed.pattern) return this.#at(reader.integer(indexed.prefixBits))
    if (first >= withIndexing.pattern) {
      const field = this.#literal(reader, withIndexing.prefixBits)
      this.#table.add(field)
      return field
    }
    if (first >= sizeUpdate.pattern)
      throw new HpackError('a table size update follows a header field')
    return this.#literal(reader, withoutIndexing.prefixBits)
  }

  #literal(reader: PrimitiveReader, prefixBits: number): HeaderField {
    const index = reader.integer(prefixBits)
    const name = index === 0 ? reader.string() : this.#at(index)[0]
    return [name, reader.string()]
  }

  /** One address space for both tables. — source: RFC 7541, 2.3.3 */
  #at(index: number): HeaderField {
    const field = staticTable[index - 1] ?? this.#table.at(index - staticTable.length)
    if (field === undefined) throw new HpackError('an index refers to no header field')
    return field
  }
}

/** Larger than any valid index, length or table size. */
const largestInteger = 2 ** 28

/** As many as {@link largestInteger} needs. */
const maxContinuationBytes = 5

/** Reads integers and strings from one complete block; throws {@link HpackError} at its end. */
export class PrimitiveReader {
  readonly #block: Buffer
  #at = 0

  constructor(block: Buffer) {
    this.#block = block
  }

  get atEnd(): boolean {
    return this.#at === this.#block.length
  }

  /** The next byte, without consuming it. */
  peek(): number {
    const byte = this.#block[this.#at]
    if (byte === undefined) throw new HpackError('the header block ends inside a field')
    return byte
  }

  /**
   * An integer whose first bits are the last `prefixBits` of the next byte. If these are all 1,
   * further bytes follow, seven bits each, least significant first, as long as the top bit is set.
   * — source: RFC 7541, 5.1
   */
  integer(prefixBits: number): number {
    const prefix = (1 << prefixBits) - 1
    let value = this.#byte() & prefix
    if (value < prefix) return value
    for (let count = 0; count < maxContinuationBytes; count++) {
      const byte = this.#byte()
      value += (byte & 0x7f) * 2 ** (7 * count)
      if (value > largestInteger) break
      if (byte < 0x80) return value
    }
    throw new HpackError('an integer is too large')
  }

  /** — source: RFC 7541, 5.2 */
  string(): string {
    const huffman = this.peek() >= huffmanBit
    const length = this.integer(plainString.prefixBits)
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
