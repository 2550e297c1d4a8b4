import t from 'tap'
import { HpackError } from '../../../src/upstream/http2/hpack.ts'
import { PrimitiveReader } from '../../../src/upstream/http2/hpack-decoder.ts'
import { hex } from '../../fixtures/hex.ts'

t.test('reads the integers of RFC 7541, C.1, and those at the edges', (t) => {
  const rows: [prefixBits: number, bytes: string, value: number][] = [
    [5, '0a', 10], // C.1.1
    [5, '1f 9a 0a', 1337], // C.1.2
    [8, '2a', 42], // C.1.3
    [5, 'ea', 10],
    [5, '1f 00', 31],
    [5, '1f 80 80 80 80 00', 31],
    [7, '7f 81 ff ff 7f', 2 ** 28],
    [7, '7f 81 ff ff ff 00', 2 ** 28],
  ]
  for (const [prefixBits, bytes, value] of rows) {
    const reader = new PrimitiveReader(hex(bytes))
    t.equal(reader.integer(prefixBits), value, bytes)
    t.ok(reader.atEnd)
  }
  t.end()
})

t.test('refuses integers that are too large, too long or incomplete', (t) => {
  for (const bytes of [
    '7f 82 ff ff 7f', // 2^28 + 1
    '7f 82 ff ff ff 00',
    '7f 80 80 80 80 80 00',
    '7f ff ff ff ff ff ff ff ff ff',
    '7f ff',
    '7f',
    '',
  ])
    t.throws(() => new PrimitiveReader(hex(bytes)).integer(7), HpackError, bytes)
  t.end()
})

t.test('reads plain octets as latin1, and Huffman codes', (t) => {
  const reader = new PrimitiveReader(hex('03 61 00 ff 00 82 64 02 80'))
  t.equal(reader.string(), 'a\u0000ÿ')
  t.equal(reader.string(), '')
  t.equal(reader.string(), '302')
  t.equal(reader.string(), '')
  t.ok(reader.atEnd)
  t.end()
})

t.test('refuses a string that is longer than the block', (t) => {
  for (const bytes of ['01', '02 61', '81', '7f ff ff ff 7f 61'])
    t.throws(() => new PrimitiveReader(hex(bytes)).string(), HpackError, bytes)
  t.end()
})
