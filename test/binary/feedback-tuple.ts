import fc from 'fast-check'
import { deepStrictEqual } from 'node:assert/strict'
import t from 'tap'
import {
  decodeFeedbackTuples,
  encodeFeedbackTuple,
  encodeFeedbackTuples,
} from '../../src/binary/feedback-tuple.ts'

const token = '11'.repeat(32)
const hex = `6063bb80 0020 ${token}`.replaceAll(' ', '')
const tuple = { timestamp: 1_617_148_800, token: Buffer.from(token, 'hex') }

t.test('consists of a timestamp in seconds, the token length and the token', (t) => {
  t.equal(encodeFeedbackTuple(tuple).toString('hex'), hex)
  t.strictSame(decodeFeedbackTuples(Buffer.from(hex, 'hex')), {
    tuples: [tuple],
    rest: Buffer.alloc(0),
  })
  t.end()
})

t.test('decodes tokens of different lengths', (t) => {
  const { tuples, rest } = decodeFeedbackTuples(
    Buffer.from('ffffffff0001ab' + '000000010000' + '000000020002cdef', 'hex'),
  )
  t.strictSame(tuples, [
    { timestamp: 0xffff_ffff, token: Buffer.from([0xab]) },
    { timestamp: 1, token: Buffer.alloc(0) },
    { timestamp: 2, token: Buffer.from([0xcd, 0xef]) },
  ])
  t.equal(rest.length, 0)
  t.end()
})

t.test('encodes several tuples in order, without separators', (t) => {
  const tuples = [
    { timestamp: 2, token: Buffer.from([0xcd, 0xef]) },
    { timestamp: 1, token: Buffer.from([0xab]) },
  ]
  t.equal(encodeFeedbackTuples(tuples).toString('hex'), '000000020002cdef' + '000000010001ab')
  t.equal(encodeFeedbackTuples([]).length, 0)
  t.end()
})

t.test('returns an incomplete tuple as the rest, wherever the bytes end', (t) => {
  const whole = Buffer.from(hex, 'hex')
  for (let cut = 0; cut < whole.length; cut++) {
    const { tuples, rest } = decodeFeedbackTuples(Buffer.concat([whole, whole.subarray(0, cut)]))
    t.strictSame(tuples, [tuple])
    t.strictSame(rest, whole.subarray(0, cut))
  }
  t.end()
})

t.test('a decoded token is a copy of the input', (t) => {
  const bytes = Buffer.from(hex, 'hex')
  const { tuples } = decodeFeedbackTuples(bytes)
  bytes.fill(0)
  t.strictSame(tuples, [tuple])
  t.end()
})

t.test('decodes all tuples that it encodes', (t) => {
  const tuples = fc.array(
    fc.record(
      {
        timestamp: fc.integer({ min: 0, max: 0xffff_ffff }),
        token: fc.uint8Array({ maxLength: 100 }).map((bytes) => Buffer.from(bytes)),
      },
      { noNullPrototype: true },
    ),
  )
  fc.assert(
    fc.property(tuples, (tuples) => {
      const read = decodeFeedbackTuples(Buffer.concat(tuples.map(encodeFeedbackTuple)))
      deepStrictEqual(read, { tuples, rest: Buffer.alloc(0) })
    }),
    { seed: 1 },
  )
  t.pass('for all tuples')
  t.end()
})
