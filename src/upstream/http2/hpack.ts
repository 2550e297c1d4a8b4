/** What the encoder and the decoder of HPACK share: representations, header fields and tables. */
import { ConnectionError } from './frame.ts'

/** A name and a value, octets as latin1. */
export type HeaderField = readonly [name: string, value: string]

/** Bytes that a field counts for in a table or in a header list. — source: RFC 7541, 4.1 */
export function fieldBytes([name, value]: HeaderField): number {
  return name.length + value.length + 32
}

/** The leading bits of the first byte, and how many bits of an integer follow in that byte. */
export interface Representation {
  readonly pattern: number
  readonly prefixBits: number
}

/** — source: RFC 7541, 6 */
export const representation = {
  indexed: { pattern: 0x80, prefixBits: 7 },
  withIndexing: { pattern: 0x40, prefixBits: 6 },
  sizeUpdate: { pattern: 0x20, prefixBits: 5 },
  neverIndexed: { pattern: 0x10, prefixBits: 4 },
  withoutIndexing: { pattern: 0x00, prefixBits: 4 },
} as const satisfies Record<string, Representation>

/** The form of a plain string; {@link huffmanBit} marks a Huffman coded one. — source: RFC 7541, 5.2 */
export const plainString: Representation = { pattern: 0x00, prefixBits: 7 }

export const huffmanBit = 0x80

/**
 * The peer sent a header block that cannot be decoded. From here on the tables of both ends may
 * differ. Radius: the connection. — source: RFC 9113, 4.3
 */
export class HpackError extends ConnectionError {
  override readonly name = 'HpackError'

  constructor(message: string) {
    super('COMPRESSION_ERROR', message)
  }
}

// prettier-ignore
const staticFields = [
  ':authority', ':method=GET', ':method=POST', ':path=/', ':path=/index.html', ':scheme=http',
  ':scheme=https', ':status=200', ':status=204', ':status=206', ':status=304', ':status=400',
  ':status=404', ':status=500', 'accept-charset', 'accept-encoding=gzip, deflate',
  'accept-language', 'accept-ranges', 'accept', 'access-control-allow-origin', 'age', 'allow',
  'authorization', 'cache-control', 'content-disposition', 'content-encoding', 'content-language',
  'content-length', 'content-location', 'content-range', 'content-type', 'cookie', 'date', 'etag',
  'expect', 'expires', 'from', 'host', 'if-match', 'if-modified-since', 'if-none-match', 'if-range',
  'if-unmodified-since', 'last-modified', 'link', 'location', 'max-forwards', 'proxy-authenticate',
  'proxy-authorization', 'range', 'referer', 'refresh', 'retry-after', 'server', 'set-cookie',
  'strict-transport-security', 'transfer-encoding', 'user-agent', 'vary', 'via', 'www-authenticate',
]

/** The first has index 1; behind the last follow the fields of the dynamic table. — source: RFC 7541, Appendix A */
export const staticTable: readonly HeaderField[] = staticFields.map((field) => {
  const [name = '', value = ''] = field.split('=')
  return [name, value]
})

/** Index of the first field with this name, and with this value if one is given; 0 = none. */
export function staticIndex(name: string, value?: string): number {
  return 1 + staticTable.findIndex((field) => field[0] === name && (value ?? field[1]) === field[1])
}

/** The size of a dynamic table until SETTINGS or a size update change it. — source: RFC 9113, 6.5.2 */
export const initialTableBytes = 4096

/** First in, first out; positions count from the newest, which is 1. — source: RFC 7541, 2.3.2 */
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

  /** Position of the oldest field with this name, and with this value if one is given; 0 = none. */
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
