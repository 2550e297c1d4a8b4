/** Fields of streams in chunks of any size. */
import { deepStrictEqual } from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { FieldScanner, type FieldPart } from '../../src/binary/field-scanner.ts'
import { feedbackTupleFields, notificationFields } from '../../src/binary/wire-format.ts'
import { cutAt, places, stream } from '../fixtures/decoder-property.ts'
import { hex } from '../fixtures/hex.ts'

t.test('each part has its offset, its value, and whether its field or message ends', (t) => {
  const reader = new FieldScanner(feedbackTupleFields, 10)
  t.equal(reader.field.name, 'timestamp')
  t.strictSame(
    [...reader.read(hex('60000001 00'))],
    [
      {
        name: 'timestamp',
        bytes: 4,
        offset: 10,
        content: hex('60000001'),
        isWhole: true,
        value: 0x6000_0001,
        isLast: false,
      },
      {
        name: 'token-length',
        bytes: 2,
        offset: 14,
        content: hex('00'),
        isWhole: false,
        value: 0,
        isLast: false,
      },
    ],
  )
  t.match(
    [...reader.read(hex('02 aabb'))],
    [
      { name: 'token-length', offset: 15, value: 2, isWhole: true, isLast: false },
      { name: 'token', offset: 16, isWhole: true, isLast: true },
    ],
  )
  t.equal(reader.field.name, 'timestamp')
  t.end()
})

t.test('an empty field follows its length field at once', (t) => {
  const reader = new FieldScanner(notificationFields)
  const parts = [...reader.read(hex('00 0000 0000'))]
  t.strictSame(
    parts.map(({ name, isLast }) => [name, isLast]),
    [
      ['command', false],
      ['token-length', false],
      ['token', false],
      ['payload-length', false],
      ['payload', true],
    ],
  )
  t.same([...reader.read(Buffer.alloc(0))], [])
  t.end()
})

t.test('content is a view of the chunk', (t) => {
  const chunk = hex('01')
  const [part] = new FieldScanner(notificationFields).read(chunk)
  chunk[0] = 0xff
  t.same(part?.content, hex('ff'))
  t.end()
})

/** Joins the parts of each field. */
function joined(parts: readonly FieldPart[]): unknown[] {
  const fields: unknown[] = []
  let contents: Buffer[] = []
  let at: number | undefined
  for (const { content, offset, ...part } of parts) {
    contents.push(content)
    at ??= offset
    if (!part.isWhole) continue
    fields.push({ ...part, offset: at, content: Buffer.concat(contents) })
    contents = []
    at = undefined
  }
  return [...fields, at, Buffer.concat(contents)]
}

t.test('finds the same fields for chunks of any size', (t) => {
  fc.assert(
    fc.property(stream, places, (bytes, cuts) => {
      const reader = new FieldScanner(notificationFields)
      const parts = cutAt(bytes, cuts).flatMap((chunk) => [...reader.read(chunk)])
      const whole = [...new FieldScanner(notificationFields).read(bytes)]
      deepStrictEqual(joined(parts), joined(whole))
      deepStrictEqual(Buffer.concat(parts.map(({ content }) => content)), bytes)
    }),
    { seed: 1, numRuns: 300 },
  )
  t.pass('300 times')
  t.end()
})
