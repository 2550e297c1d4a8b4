/** Masked and unmasked fields, in chunks of any size. */
import { deepStrictEqual, ok } from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { feedbackTupleFields, notificationFields } from '../../src/binary/wire-format.ts'
import { Mask, type MaskOptions } from '../../src/capture/mask.ts'
import { bytewise, cutAt, places, stream, transcribe } from '../fixtures/decoder-property.ts'
import { hex, token } from '../fixtures/hex.ts'

const key = Buffer.alloc(32, 7)
const both: MaskOptions = { key, tokens: true, payloads: true }

function masked(chunks: readonly Buffer[], options = both, fields = notificationFields): Buffer {
  const mask = new Mask(fields, options)
  const copies = chunks.map((chunk) => Buffer.from(chunk))
  for (const copy of copies) mask.apply(copy)
  mask.end()
  return Buffer.concat(copies)
}

const payload = '{"aps":{"alert":"secret"}}'
const message = hex(
  `01 00000007 6b49d200 0020 ${token} 001a ${Buffer.from(payload).toString('hex')}`,
)

t.test('masks token and payload; command, numbers and lengths stay', (t) => {
  const bytes = masked([message])
  t.equal(bytes.length, message.length)
  t.equal(bytes.toString('hex', 0, 11), '01000000076b49d2000020')
  t.notMatch(bytes.toString('hex'), '1111')
  t.equal(bytes.toString('hex', 43, 45), '001a')
  t.match(bytes.toString('latin1', 45), /^\{"masked":"[\da-f]{13}"\}$/)
  t.end()
})

t.test('masks equal tokens equally, and differently with another key', (t) => {
  const twice = masked([message, message])
  t.same(twice.subarray(0, message.length), twice.subarray(message.length))
  t.notSame(masked([message], { ...both, key: Buffer.alloc(32) }), masked([message]))
  t.end()
})

t.test('masks only the selected fields', (t) => {
  const tokens = masked([message], { ...both, payloads: false })
  t.equal(tokens.toString('latin1', 45), payload)
  t.notMatch(tokens.toString('hex'), '1111')
  const payloads = masked([message], { ...both, tokens: false })
  t.equal(payloads.toString('hex', 11, 43), token)
  t.notMatch(payloads.toString('latin1'), 'secret')
  t.end()
})

t.test('replaces a JSON object by a JSON object, and other payloads by a hash', (t) => {
  const after = (text: string): string => {
    const bytes = Buffer.concat([
      hex(`00 0020 ${token} 00`),
      Buffer.of(text.length),
      Buffer.from(text),
    ])
    return masked([bytes]).toString('latin1', 37)
  }
  t.equal(after('{}'), '{}')
  t.equal(after('{"a":1}'), '{     }')
  t.strictSame(JSON.parse(after('{"alert":"x"}')), { masked: '' })
  for (const text of ['["alert","x"]', '{"broken":"off'])
    t.throws(() => JSON.parse(after(text)) as unknown, text)
  t.end()
})

t.test('masks all bytes after the byte that makes the stream unreadable', (t) => {
  const bytes = masked([hex('2a'), hex('1111 1111 1111 1111')])
  t.equal(bytes[0], 0x2a)
  t.notMatch(bytes.toString('hex'), '1111')
  const rest = masked([hex(`02 0000000a 09 0002 1111 01 00ff 1111`)])
  t.equal(rest.toString('hex', 0, 8), '020000000a090002')
  t.notMatch(rest.toString('hex'), '1111')
  t.end()
})

t.test('masks the beginning of a field that is incomplete at the end', (t) => {
  t.notMatch(masked([hex('00 0020 11111111')]).toString('hex'), '1111')
  t.end()
})

t.test('masks the tokens of feedback tuples', (t) => {
  const bytes = masked([hex(`60000001 0020 ${token} 60000002`)], both, feedbackTupleFields)
  t.equal(bytes.toString('hex', 0, 6), '600000010020')
  t.notMatch(bytes.toString('hex'), '1111')
  t.equal(bytes.toString('hex', 38), '60000002')
  t.end()
})

t.test('counts the chunks that wait for the end of a field', (t) => {
  const mask = new Mask(notificationFields, both)
  const open = bytewise(Buffer.from(message.subarray(0, 44))).map((chunk) => {
    mask.apply(chunk)
    return mask.pendingChunks
  })
  const hidden = Array.from({ length: 31 }, (_, index) => index + 1)
  t.same(open, [...Array<number>(11).fill(0), ...hidden, 0, 0])
  t.end()
})

t.test('masks any bytes alike in all chunk sizes, and keeps what the decoder finds', (t) => {
  fc.assert(
    fc.property(stream, places, (bytes, cuts) => {
      const whole = masked([bytes])
      const before = transcribe([bytes], 40)
      const after = transcribe([whole], 40)
      deepStrictEqual(after.fault?.code, before.fault?.code)
      deepStrictEqual(after.values.length, before.values.length)
      for (const [index, value] of after.values.entries()) {
        const was = before.values[index]
        ok(was !== undefined)
        deepStrictEqual(
          [value.kind, value.command, value.identifier],
          [was.kind, was.command, was.identifier],
        )
      }
      // After an unreadable byte, each chunk is masked separately.
      if (before.fault === undefined) deepStrictEqual(masked(cutAt(bytes, cuts)), whole)
    }),
    { numRuns: 300 },
  )
  t.end()
})
