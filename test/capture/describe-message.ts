/** Descriptions agree with the decoder, and point to the wrong byte. */
import { deepStrictEqual } from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import type { DescriberOptions } from '../../src/capture/source-describer.ts'
import type { Description } from '../../src/capture/describe-message.ts'
import { stream, transcribe } from '../fixtures/decoder-property.ts'
import { describeStream } from '../fixtures/description.ts'
import { hex, token } from '../fixtures/hex.ts'

const plain: DescriberOptions = { service: 'auto', maxPayloadBytes: 40, mask: undefined }

function describe(text: string, options: Partial<DescriberOptions> = {}): Description[] {
  return [...describeStream(hex(text), undefined, { ...plain, ...options })]
}

t.test('describes each item of a frame: offset, length and value', (t) => {
  t.strictSame(
    describe(
      `02 0000003e 03 0004 00000007 01 0020 ${token} 02 0002 7b7d 04 0004 00000000 05 0001 0a 09 0001 fe`,
    ),
    [
      {
        offset: 0,
        length: 67,
        kind: 'notification',
        command: 2,
        identifier: 7,
        items: [
          { offset: 5, id: 3, name: 'identifier', length: 4, value: 7 },
          { offset: 12, id: 1, name: 'token', length: 32, hex: token },
          { offset: 47, id: 2, name: 'payload', length: 2, text: '{}' },
          { offset: 52, id: 4, name: 'expiration', length: 4, value: 0 },
          { offset: 59, id: 5, name: 'priority', length: 1, value: 10 },
          { offset: 63, id: 9, name: 'unknown-item', length: 1, hex: 'fe' },
        ],
      },
    ],
  )
  t.end()
})

t.test(
  'describes command 1 and the next message; shows a payload that is not JSON in hexadecimal',
  (t) => {
    const [first, second] = describe(
      `01 00000009 6b49d200 0020 ${token} 0002 7b22 00 0020 ${token} 0001 31`,
    )
    t.strictSame(first?.['items'], [
      { offset: 1, id: undefined, name: 'identifier', length: 4, value: 9 },
      { offset: 5, id: undefined, name: 'expiration', length: 4, value: 1_800_000_000 },
      { offset: 9, id: undefined, name: 'token', length: 32, hex: token },
      { offset: 43, id: undefined, name: 'payload', length: 2, hex: '7b22' },
    ])
    t.match(second, { kind: 'notification', command: 0, offset: 47, length: 38 })
    t.end()
  },
)

const head = '02 0000'
const good = `01 0020 ${token}`

/** The fault, its refusal code, its offset, and the two texts. */
const faults: readonly [string, string, string, number, string, string][] = [
  ['an empty token', '00 0000 0001 31', 'missing-token', 1, '32 to 100 bytes', '0 bytes'],
  [
    'a frame without token',
    '02 00000004 02 0001 31',
    'missing-token',
    0,
    'device token',
    'without',
  ],
  ['a short token', '00 0002 aabb 0001 31', 'invalid-token-size', 1, '32 to 100', '2 bytes'],
  [
    'a long token in a frame',
    `${head} 0068 01 0065 ${'aa'.repeat(101)}`,
    'invalid-token-size',
    6,
    '32 to 100',
    '101 bytes',
  ],
  ['an empty payload', `00 0020 ${token} 0000`, 'missing-payload', 35, '1 to 40 bytes', '0 bytes'],
  [
    'a long payload',
    `00 0020 ${token} 0029 ${'20'.repeat(41)}`,
    'invalid-payload-size',
    35,
    '1 to 40',
    '41 bytes',
  ],
  [
    'two tokens',
    `${head} 004a ${good} ${good} 02 0001 31`,
    'duplicate-item',
    40,
    'one token',
    'another',
  ],
  [
    'an identifier of 2 bytes',
    `${head} 0028 ${good} 03 0002 0001`,
    'invalid-item-size',
    41,
    'a length of 4 for identifier',
    '2 bytes',
  ],
  [
    'an item that overruns its frame',
    '02 00000005 01 0003 aabb',
    'item-overruns-frame',
    6,
    'remaining 2 bytes',
    '3 bytes',
  ],
  [
    'two bytes after the last item',
    `${head} 0029 ${good} 02 0001 31 0102`,
    'item-overruns-frame',
    44,
    'at least 3 bytes',
    'last 2',
  ],
  [
    'an item that overruns a frame without remaining bytes',
    '02 00000003 01 0003',
    'item-overruns-frame',
    6,
    'remaining 0 bytes',
    '3 bytes',
  ],
  [
    'two bytes after an empty item',
    `${head} 0028 ${good} 09 0000 0102`,
    'item-overruns-frame',
    43,
    'at least 3 bytes',
    'last 2',
  ],
  [
    'a frame that is too long',
    `02 00000429 06 0426 ${'00'.repeat(1062)}`,
    'frame-too-long',
    1,
    'a payload of 40 bytes',
    '1065 bytes',
  ],
]

for (const [name, text, code, offset, expected, found] of faults)
  t.test(`points to ${name}, and describes the next message`, (t) => {
    const [refused, next, ...more] = describe(`${text} 00 0020 ${token} 0001 31`)
    t.match(refused, { kind: 'refused', code, offset: 0, length: hex(text).length })
    t.match(refused?.['fault'], {
      offset,
      expected: new RegExp(expected),
      found: new RegExp(found),
    })
    t.match(next, { kind: 'notification', offset: hex(text).length })
    t.same(more, [])
    t.end()
  })

t.test('shows the status code of the error response, and the bytes around the fault', (t) => {
  t.match(describe('00 0002 aabb 0001 31'), [
    {
      status: 5,
      meaning: 'invalid token size',
      fault: { around: '00 [00] 02 aa bb 00 01 31' },
    },
  ])
  t.end()
})

const ends: readonly [string, string, string, number, string, string][] = [
  ['an unknown command', '2a 01', 'unknown-command', 0, '0, 1 or 2', 'byte 0x2a'],
  [
    'a frame longer than the maximum',
    '02 7fffffff 01',
    'impossible-frame-length',
    1,
    '131094',
    '2147483647 bytes',
  ],
  ['the end inside a token', '00 0020 aabb', 'truncated', 5, '30 more bytes of token', 'the end'],
  [
    'the end before a last byte',
    `00 0020 ${token} 00`,
    'truncated',
    36,
    '1 more byte of payload-length',
    'the end',
  ],
  ['the end between two fields', '02', 'truncated', 1, 'the rest of the message', 'the end'],
]

for (const [name, text, code, offset, expected, found] of ends)
  t.test(`points to ${name}, after which the stream is unreadable`, (t) => {
    const before = `00 0020 ${token} 0001 31`
    const [notification, broken, ...more] = describe(`${before} ${text}`)
    t.match(notification, { kind: 'notification' })
    t.match(broken, { kind: 'unreadable', offset: 38, length: hex(text).length, code })
    t.match(broken?.['fault'], {
      offset: 38 + offset,
      expected: new RegExp(expected),
      found: new RegExp(found),
    })
    t.same(more, [])
    t.end()
  })

t.test('describes any bytes as the decoder decodes them, without gaps', (t) => {
  fc.assert(
    fc.property(stream, (bytes) => {
      const { values, fault } = transcribe([bytes], 40)
      const all = [...describeStream(bytes, 'sender', plain)]
      const told = all.filter(({ kind }) => kind !== 'unreadable')
      deepStrictEqual(
        told.map(({ kind, command, identifier, code }) => ({ kind, command, identifier, code })),
        values.map((value) => ({
          kind: value.kind,
          command: value.command,
          identifier: value.identifier,
          code: value.kind === 'refused' ? value.code : undefined,
        })),
      )
      deepStrictEqual(all.find(({ kind }) => kind === 'unreadable')?.['code'], fault?.code)
      let end = 0
      for (const { kind, offset, length } of all) {
        // A message may be refused before the stream ends inside the message.
        if (kind !== 'unreadable' || offset >= end) deepStrictEqual(offset, end)
        end = offset + Number(length)
      }
      deepStrictEqual(end, bytes.length)
    }),
    { numRuns: 300 },
  )
  t.end()
})

t.test('describes error responses, and points to the fault of malformed ones', (t) => {
  t.strictSame(describe('08 0a 00000007'), [
    {
      kind: 'error-response',
      offset: 0,
      length: 6,
      status: 10,
      meaning: 'shutdown',
      identifier: 7,
    },
  ])
  t.match(describe('08 08 0000'), [{ kind: 'unreadable', fault: { offset: 4, found: '4 bytes' } }])
  t.match(
    [...describeStream(hex('07'), 'gateway', plain)],
    [{ kind: 'unreadable', fault: { offset: 0, expected: /command 8/, found: 'byte 0x07' } }],
  )
  t.end()
})

t.test('describes feedback tuples, detected or named as such, and their truncated end', (t) => {
  const [first, cut, ...more] = describe('60000001 0003 aabbcc 60000002 0003 aa')
  t.strictSame(first, {
    kind: 'feedback-tuple',
    offset: 0,
    length: 9,
    timestamp: 0x60000001,
    time: '2021-01-14T08:25:37.000Z',
    token: 'aabbcc',
  })
  t.match(cut, {
    kind: 'unreadable',
    offset: 9,
    fault: { offset: 16, expected: '2 more bytes of token' },
  })
  t.same(more, [])
  t.match(describe('00000001 0001 aa', { service: 'feedback' }), [{ timestamp: 1, token: 'aa' }])
  t.match(describe('60000001 0001 aa', { service: 'gateway' }), [{ code: 'unknown-command' }])
  t.end()
})

t.test('masks tokens, payloads and unknown items, and omits the bytes around a fault', (t) => {
  const text = JSON.stringify(
    describe(`02 0000002e ${good} 02 0003 227822 09 0002 beef 03`, { mask: () => '*' }),
  )
  t.notMatch(text, /1111|beef|227822|around|hex|text/)
  t.match(text, /"masked":"\*"/)
  t.notMatch(describe('60000001 0001 aa', { mask: () => '*' }), [{ token: 'aa' }])
  t.end()
})
