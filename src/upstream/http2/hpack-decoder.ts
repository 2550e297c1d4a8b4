/** Reads the header blocks of a connection's peer. */
import { DynamicTable, initialTableBytes } from './dynamic-table.ts'
import { fieldBytes, type HeaderField } from './header-field.ts'
import { HpackError } from './hpack-error.ts'
import { PrimitiveReader } from './primitive-reader.ts'
import { representation } from './representation.ts'
import { staticTable } from './static-table.ts'

export interface DecoderLimits {
  /** Our SETTINGS_HEADER_TABLE_SIZE, the same from the first block on. */
  readonly maxTableBytes: number
  /** Of the fields of one block, each 32 more than its name and value. */
  readonly maxListBytes: number
}

export interface HeaderList {
  readonly fields: readonly HeaderField[]
  /** The list was longer than allowed, and its end is missing. */
  readonly truncated: boolean
}

const { indexed, withIndexing, sizeUpdate, withoutIndexing } = representation

/** For one connection. Useless once it has thrown. — source: RFC 7541 */
export class HpackDecoder {
  readonly #limits: DecoderLimits
  readonly #table: DynamicTable

  constructor(limits: DecoderLimits) {
    this.#limits = limits
    this.#table = new DynamicTable(Math.min(initialTableBytes, limits.maxTableBytes))
  }

  /** Of the dynamic table, as RFC 7541, 4.1 counts. */
  get tableBytes(): number {
    return this.#table.bytes
  }

  /**
   * Decodes one complete header block. The table learns from all of it, even when the list is too
   * long to be kept. Throws {@link HpackError}.
   */
  decode(block: Buffer): HeaderList {
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

  /** Only in front of the first field. — source: RFC 7541, 4.2 and 6.3 */
  #resize(reader: PrimitiveReader): void {
    while (!reader.atEnd && reader.peek() >> sizeUpdate.prefixBits === 1) {
      const maxBytes = reader.integer(sizeUpdate.prefixBits)
      if (maxBytes > this.#limits.maxTableBytes)
        throw new HpackError('a table size update goes beyond SETTINGS_HEADER_TABLE_SIZE')
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
      throw new HpackError('a table size update stands behind a header field')
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
    if (field === undefined) throw new HpackError('an index points at no header field')
    return field
  }
}
