import t from 'tap'
import { PrimitiveWriter } from '../../../src/upstream/http2/hpack-encoder.ts'
import { hex } from '../../fixtures/hex.ts'

function writerInto(target: Buffer, offset = 0): PrimitiveWriter {
  const writer = new PrimitiveWriter()
  writer.begin(target, offset)
  return writer
}

function written(write: (writer: PrimitiveWriter) => void): Buffer {
  const target = Buffer.alloc(100)
  const writer = writerInto(target)
  write(writer)
  return target.subarray(0, writer.offset)
}

t.test('writes the integers of RFC 7541, C.1, and those at the edges', (t) => {
  const rows: [prefixBits: number, value: number, bytes: string][] = [
    [5, 10, '0a'], // C.1.1
    [5, 1337, '1f 9a 0a'], // C.1.2
    [8, 42, '2a'], // C.1.3
    [5, 30, '1e'],
    [5, 31, '1f 00'],
    [5, 158, '1f 7f'],
    [5, 159, '1f 80 01'],
    [7, 126, '7e'],
    [7, 127, '7f 00'],
    [7, 2 ** 31 - 1, '7f 80 ff ff ff 07'],
  ]
  for (const [prefixBits, value, bytes] of rows) {
    const form = { pattern: 0, prefixBits }
    t.strictSame(
      written((writer) => {
        writer.integer(form, value)
      }),
      hex(bytes),
      `${value} behind ${prefixBits} bits`,
    )
  }
  t.end()
})

t.test('keeps the bits in front of an integer', (t) => {
  for (const [value, bytes] of [
    [4, '14'],
    [23, '1f 08'],
  ] as const)
    t.strictSame(
      written((writer) => {
        writer.integer({ pattern: 0x10, prefixBits: 4 }, value)
      }),
      hex(bytes),
    )
  t.end()
})

t.test('writes short and long strings with their length, one octet for each character', (t) => {
  for (const length of [0, 1, 15, 16, 17, 90]) {
    const value = 'é'.repeat(length)
    t.strictSame(
      written((writer) => {
        writer.string(value)
      }),
      Buffer.from([length, ...Array<number>(length).fill(0xe9)]),
      `${length} characters`,
    )
  }
  t.end()
})

t.test('begins at its offset', (t) => {
  const target = Buffer.alloc(5)
  writerInto(target, 2).string('a')
  t.strictSame(target, hex('00 00 01 61 00'))
  t.end()
})

t.test('has an offset beyond the buffer if the buffer was too short', (t) => {
  for (const value of ['abc', 'abc'.repeat(10)]) {
    const writer = writerInto(Buffer.alloc(2))
    writer.string(value)
    t.equal(writer.offset, 1 + value.length)
  }
  t.end()
})
