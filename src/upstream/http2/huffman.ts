/** Decodes the Huffman code of header strings. */
import { HpackError } from './hpack.ts'

/**
 * How many bits the code of each octet has, and last that of the end of string. The code is
 * canonical: shorter codes first, among equals the lower octet, each one more than the last.
 * — source: RFC 7541, Appendix B
 */
// prettier-ignore
const codeBits = [
  13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, // 0x00
  28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28, // 0x10
  6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, // 0x20
  5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10, // 0x30
  13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, // 0x40
  7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6, // 0x50
  15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, // 0x60
  6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28, // 0x70
  20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23, // 0x80
  24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24, // 0x90
  22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, // 0xa0
  21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23, // 0xb0
  26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, // 0xc0
  19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27, // 0xd0
  20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, // 0xe0
  26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26, // 0xf0
  30,
]

const endOfString = 256
const shortestCodeBits = 5

/** In {@link codeTree}, values from here on are leaves: this plus the symbol. */
const firstLeaf = 256

/** Two slots for each of the 256 inner nodes, for a 0 and a 1; the root is node 0. */
const codeTree = growTree()

/** On each level of a canonical code's tree the leaves come first. */
function growTree(): Uint16Array {
  const tree = new Uint16Array(2 * firstLeaf)
  let slots = [0, 1]
  let nodes = 1
  for (let bits = 1; slots.length > 0; bits++) {
    const symbols = codeBits.flatMap((length, symbol) => (length === bits ? [symbol] : []))
    symbols.forEach((symbol, place) => (tree[slots[place] ?? 0] = firstLeaf + symbol))
    slots = slots.slice(symbols.length).flatMap((slot) => {
      tree[slot] = nodes
      return [2 * nodes, 2 * nodes++ + 1]
    })
  }
  return tree
}

/** The node after four more bits, at 16 × node + bits; the root after a complete symbol. */
const nextNode = new Uint8Array(16 * firstLeaf)

/** The symbol that the four bits complete, -1 = none. No code is short enough for two symbols. */
const symbolAt = new Int16Array(16 * firstLeaf).fill(-1)

for (let step = 0; step < nextNode.length; step++) {
  let node = step >> 4
  for (let shift = 3; shift >= 0; shift--) {
    node = codeTree[2 * node + ((step >> shift) & 1)] ?? 0
    if (node < firstLeaf) continue
    symbolAt[step] = node - firstLeaf
    node = 0
  }
  nextNode[step] = node
}

/** The nodes at which a string may end: up to 7 bits of the end of string's code, all 1. */
const paddingNodes = new Set([0])
for (let bits = 1, node = 0; bits <= 7; bits++) {
  node = codeTree[2 * node + 1] ?? 0
  paddingNodes.add(node)
}

/** The string between two places of a block. Throws {@link HpackError}. — source: RFC 7541, 5.2 */
export function decodeHuffman(block: Buffer, start: number, end: number): string {
  const octets = Buffer.allocUnsafe(Math.ceil(((end - start) * 8) / shortestCodeBits))
  let length = 0
  let node = 0
  for (let at = 2 * start; at < 2 * end; at++) {
    const byte = block[at >> 1] ?? 0
    const step = 16 * node + ((at & 1) === 0 ? byte >> 4 : byte & 0xf)
    const symbol = symbolAt[step] ?? -1
    if (symbol === endOfString)
      throw new HpackError('a Huffman string contains the end-of-string symbol')
    if (symbol >= 0) octets[length++] = symbol
    node = nextNode[step] ?? 0
  }
  if (!paddingNodes.has(node)) throw new HpackError('a Huffman string has invalid padding')
  return octets.toString('latin1', 0, length)
}
