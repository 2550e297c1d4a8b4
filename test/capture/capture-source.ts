/** Format detection, and reading in chunks. */
import t from 'tap'
import {
  readConnections,
  SourceReader,
  type SourceFormat,
  type SourcePart,
} from '../../src/capture/capture-source.ts'
import { hex } from '../fixtures/hex.ts'

/** The bytes of a stream, or the records of a capture. */
type Source =
  | { readonly kind: 'stream'; readonly bytes: Buffer }
  | { readonly kind: 'capture'; readonly records: readonly unknown[] }

function sourceOf(parts: readonly SourcePart[]): Source {
  const lines = parts.flatMap((part) => (Buffer.isBuffer(part) ? [] : [part]))
  if (lines.length === 0)
    return { kind: 'stream', bytes: Buffer.concat(parts.filter((part) => Buffer.isBuffer(part))) }
  return { kind: 'capture', records: lines.flatMap(({ record }) => record ?? []) }
}

function readSource(bytes: Buffer, format: SourceFormat): Source {
  const reader = new SourceReader(format)
  return sourceOf([...reader.receive(bytes), ...reader.end()])
}

t.test('detects captures, hexadecimal digits and raw bytes', (t) => {
  for (const text of ['# client: x\n> 00\n', '\n  > 00', 'connection 1\n> 00', '\uFEFF< 00'])
    t.match(readSource(Buffer.from(text), 'auto'), { kind: 'capture' }, text)
  for (const text of ['00 0A\n1f', '00:0a:1f\n', '000a1f'])
    t.strictSame(readSource(Buffer.from(text), 'auto'), { kind: 'stream', bytes: hex('000a1f') })
  for (const bytes of [hex('00 0020'), hex('08'), hex('60000001 0020'), Buffer.alloc(0)])
    t.strictSame(readSource(bytes, 'auto'), { kind: 'stream', bytes })
  t.end()
})

t.test('reads a file in the given format', (t) => {
  t.strictSame(readSource(Buffer.from('00'), 'raw'), { kind: 'stream', bytes: hex('3030') })
  t.strictSame(readSource(Buffer.from(''), 'hex'), { kind: 'stream', bytes: hex('') })
  t.throws(() => readSource(Buffer.from('00'), 'capture'), /line 1/)
  t.end()
})

t.test('reads the same in chunks as in one piece', (t) => {
  const texts: readonly [string, SourceFormat][] = [
    ['# x\n> +0 00 0A\nconnection 7 +5\n< +1 1f\n> 2a', 'auto'],
    [`${'00 0a\n'.repeat(900)}1f`, 'auto'],
    ['00 0a:1f', 'hex'],
    ['# é\n> 00', 'capture'],
    [`\u0000${'7'.repeat(9000)}`, 'auto'],
  ]
  for (const [text, format] of texts)
    for (const size of [1, 2, 3, 5000]) {
      const bytes = Buffer.from(text)
      const reader = new SourceReader(format)
      const parts = []
      for (let at = 0; at < bytes.length; at += size)
        parts.push(...reader.receive(bytes.subarray(at, at + size)))
      parts.push(...reader.end())
      t.strictSame(sourceOf(parts), readSource(bytes, format))
    }
  t.end()
})

t.test('reads connections: those of a capture, or one of the bytes of a sender', (t) => {
  t.match(readConnections(Buffer.from('connection 7 +5\n< +1 1f')), [
    { number: 7, startMs: 5, records: [{ from: 'gateway', offsetMs: 1, bytes: hex('1f') }] },
  ])
  const record = { from: 'sender', offsetMs: undefined, bytes: hex('00 0a') }
  const connection = { number: 1, startMs: undefined, records: [record] }
  t.strictSame(readConnections(Buffer.from('00:0A')), [connection])
  t.strictSame(readConnections(hex('00 0a')), [connection])
  t.strictSame(readConnections(Buffer.alloc(0)), [{ ...connection, records: [] }])
  t.throws(() => readConnections(Buffer.from('00 0')), /3 hexadecimal digits/)
  t.end()
})

t.test('limits the length of a line', (t) => {
  const reader = new SourceReader('capture')
  const read = (): void => {
    for (let count = 0; count < 20; count++)
      t.same(reader.receive(Buffer.alloc(1_000_000, '0')), [])
  }
  t.throws(read, { message: /^line 1: too long for a record$/ })
  t.end()
})

t.test('reports the position of a character that is not hexadecimal', (t) => {
  t.throws(() => readSource(Buffer.from('00 0x'), 'hex'), /character 5, "x", is not.*xxd -p/)
  t.throws(() => readSource(Buffer.from('000'), 'auto'), /3 hexadecimal digits: half a byte/)
  t.end()
})
