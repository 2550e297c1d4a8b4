/** How HPACK tells apart what stands in a header block. */

/** The leading bits of the first byte, and how many bits of an integer follow in it. */
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

/** Of a string: Huffman coded or plain. — source: RFC 7541, 5.2 */
export const stringForm = {
  huffman: { pattern: 0x80, prefixBits: 7 },
  plain: { pattern: 0x00, prefixBits: 7 },
} as const satisfies Record<string, Representation>
