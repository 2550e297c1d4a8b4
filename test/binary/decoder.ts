/**
 * Tests each rule of the decoder with bytes written by hand, then its properties with random bytes.
 */
import fc from 'fast-check'
import t from 'tap'
import { Decoder, type Received } from '../../src/binary/decoder.ts'
import type { Notification, RefusalCode } from '../../src/binary/notification.ts'
import { bytewise, decoderProperties, transcribe } from '../fixtures/decoder-property.ts'
import { hex, token } from '../fixtures/hex.ts'
import {
  faults,
  frame,
  maxPayloadBytes,
  payloadItem,
  refusals,
  tokenItem,
  unfinished,
} from '../fixtures/malformed.ts'

/** The content of most messages below: a token of 32 bytes 11, and the payload `{}`. */
const base: Notification = {
  kind: 'notification',
  command: 2,
  identifier: undefined,
  token: hex(token),
  payload: Buffer.from('{}'),
  expiration: undefined,
  priority: undefined,
}

function decode(text: string): readonly Received[] {
  const { values, fault } = transcribe([hex(text)], maxPayloadBytes)
  if (fault !== undefined) throw fault
  return values
}

const readable: readonly (readonly [promise: string, text: string, expected: Notification])[] = [
  [
    'command 0 has a token and a payload; identifier, expiration and priority are undefined',
    `00 0020 ${token} 0002 7b7d`,
    { ...base, command: 0 },
  ],
  [
    'command 1 has an identifier and an expiration; the priority is undefined',
    `01 fedcba98 6063bb80 0020 ${token} 0002 7b7d`,
    { ...base, command: 1, identifier: 0xfedc_ba98, expiration: 1_617_148_800 },
  ],
  [
    'command 2 has all five items',
    frame(`${tokenItem} ${payloadItem} 03 0004 fedcba98 04 0004 6063bb80 05 0001 0a`),
    { ...base, identifier: 0xfedc_ba98, expiration: 1_617_148_800, priority: 10 },
  ],
  [
    'the items of command 2 may come in any order',
    frame(`05 0001 05 04 0004 00000001 ${payloadItem} 03 0004 00000002 ${tokenItem}`),
    { ...base, identifier: 2, expiration: 1, priority: 5 },
  ],
  ['items 3 to 5 may be missing', frame(`${tokenItem} ${payloadItem}`), base],
  [
    '0 is a valid identifier, expiration and priority',
    frame(`${tokenItem} ${payloadItem} 03 0004 00000000 04 0004 00000000 05 0001 00`),
    { ...base, identifier: 0, expiration: 0, priority: 0 },
  ],
  [
    'skips item ids that Apple did not define, even repeated ones',
    frame(`00 0001 ff ${tokenItem} 06 0000 ${payloadItem} 06 0003 010203 ff 0001 02`),
    base,
  ],
  [
    'accepts a token of 100 bytes',
    `00 0064 ${'33'.repeat(100)} 0002 7b7d`,
    { ...base, command: 0, token: Buffer.alloc(100, 0x33) },
  ],
  [
    'accepts a payload of one byte that is not JSON',
    `00 0020 ${token} 0001 00`,
    { ...base, command: 0, payload: hex('00') },
  ],
  [
    'accepts a payload of exactly the maximum length',
    `01 00000001 00000000 0020 ${token} 1000 ${'20'.repeat(4096)}`,
    { ...base, command: 1, identifier: 1, expiration: 0, payload: Buffer.alloc(4096, 0x20) },
  ],
  [
    'accepts a frame that is 1 KiB longer than the payload limit',
    frame(`${tokenItem} ${payloadItem} 09 13d5 ${'00'.repeat(0x13d5)}`),
    base,
  ],
]

for (const [promise, text, expected] of readable)
  t.test(promise, (t) => {
    t.strictSame(decode(text), [expected])
    t.end()
  })

t.test('decodes consecutive messages of different commands', (t) => {
  const second = `01 00000001 00000000 0020 ${token} 0002 7b7d`
  t.strictSame(decode(`00 0020 ${token} 0002 7b7d ${second} ${frame(tokenItem + payloadItem)}`), [
    { ...base, command: 0 },
    { ...base, command: 1, identifier: 1, expiration: 0 },
    base,
  ])
  t.end()
})

for (const [text, command, identifier, code, what] of refusals)
  t.test(`refuses ${what} as ${code} and decodes the next message`, (t) => {
    t.strictSame(decode(`${text} 00 0020 ${token} 0002 7b7d`), [
      { kind: 'refused', command, identifier, code },
      { ...base, command: 0 },
    ])
    t.end()
  })

/** Each ends with the first byte at which the message can be refused. */
const early: readonly (readonly [what: string, text: string, code: RefusalCode])[] = [
  ['a long token of command 0', '00 0065', 'invalid-token-size'],
  ['a long payload of command 0', `00 0020 ${token} 1001`, 'invalid-payload-size'],
  ['a long token of command 1', '01 00000007 00000000 0065', 'invalid-token-size'],
  [
    'a long payload of command 1',
    `01 00000007 00000000 0020 ${token} 1001`,
    'invalid-payload-size',
  ],
  ['an item that overruns its frame', '02 00000020 01 0020', 'item-overruns-frame'],
]

for (const [what, text, code] of early)
  t.test(`refuses ${what} from its length field alone`, (t) => {
    const decoder = new Decoder(maxPayloadBytes)
    decoder.receive(hex(text).subarray(0, -1))
    t.equal(decoder.next(), undefined)
    decoder.receive(hex(text).subarray(-1))
    t.match(decoder.next(), { kind: 'refused', code })
    t.end()
  })

t.test(
  'refuses a long item as soon as the identifier is known, and stores none of its bytes',
  (t) => {
    const decoder = new Decoder(maxPayloadBytes)
    decoder.receive(hex('02 0000a00a 02 9000'))
    t.equal(decoder.next(), undefined)
    decoder.receive(Buffer.alloc(0x9000))
    t.equal(decoder.next(), undefined)
    t.equal(decoder.bufferedBytes, 0)
    decoder.receive(hex('03 0004 00000007'))
    t.strictSame(decoder.next(), {
      kind: 'refused',
      command: 2,
      identifier: 7,
      code: 'invalid-payload-size',
    })
    t.equal(decoder.next(), undefined)
    decoder.receive(Buffer.alloc(0x1000))
    t.equal(decoder.next(), undefined)
    decoder.end()
    t.end()
  },
)

t.test('stores received bytes until next is called', (t) => {
  const decoder = new Decoder(maxPayloadBytes)
  const message = hex(`00 0020 ${token} 0002 7b7d`)
  decoder.receive(message)
  decoder.receive(message)
  t.equal(decoder.bufferedBytes, 78)
  t.strictSame(decoder.next(), { ...base, command: 0 })
  t.strictSame(decoder.next(), { ...base, command: 0 })
  t.equal(decoder.next(), undefined)
  t.equal(decoder.bufferedBytes, 0)
  t.end()
})

t.test('returns undefined for an empty stream', (t) => {
  const decoder = new Decoder(maxPayloadBytes)
  t.equal(decoder.next(), undefined)
  decoder.receive(Buffer.alloc(0))
  t.equal(decoder.next(), undefined)
  decoder.end()
  t.end()
})

for (const [what, text, code, message] of faults)
  t.test(`after ${what} decodes nothing and throws on every call`, (t) => {
    const decoder = new Decoder(maxPayloadBytes)
    decoder.receive(hex(`00 0020 ${token} 0002 7b7d ${text} 00 0020 ${token} 0002 7b7d`))
    t.strictSame(decoder.next(), { ...base, command: 0 })
    const fault = t.throws(() => decoder.next(), { name: 'BinaryProtocolError', code, message })
    t.equal(decoder.bufferedBytes, 0)
    decoder.receive(hex(`00 0020 ${token} 0002 7b7d`))
    t.equal(decoder.bufferedBytes, 0)
    for (const call of [() => decoder.next(), decoder.end.bind(decoder)])
      t.equal(t.throws(call), fault)
    t.end()
  })

for (const text of unfinished)
  t.test(`a stream that ends at any byte of ${text.slice(0, 18)}… is truncated`, (t) => {
    const bytes = hex(text)
    for (let cut = 1; cut < bytes.length; cut += cut < 120 ? 1 : 97) {
      const { values, fault } = transcribe(bytewise(bytes.subarray(0, cut)), maxPayloadBytes)
      t.notOk(values.some(({ kind }) => kind === 'notification'))
      t.equal(fault?.code, 'truncated')
    }
    t.end()
  })

t.test('throws on every call after a truncated stream has ended', (t) => {
  const decoder = new Decoder(maxPayloadBytes)
  decoder.receive(hex('00 0020'))
  t.equal(decoder.next(), undefined)
  const fault = t.throws(
    () => {
      decoder.end()
    },
    {
      name: 'BinaryProtocolError',
      code: 'truncated',
      message: 'the stream ended inside a message, of which 3 bytes were received',
    },
  )
  decoder.receive(hex(token))
  for (const call of [() => decoder.next(), decoder.end.bind(decoder)])
    t.equal(t.throws(call), fault)
  t.end()
})

t.test('the error for a truncated refused message contains the received bytes', (t) => {
  const decoder = new Decoder(maxPayloadBytes)
  decoder.receive(hex('00 0065 aabb'))
  t.match(decoder.next(), { kind: 'refused', code: 'invalid-token-size' })
  t.equal(decoder.next(), undefined)
  t.throws(
    () => {
      decoder.end()
    },
    {
      code: 'truncated',
      message: 'the stream ended inside a message, of which 5 bytes were received',
    },
  )
  t.end()
})

for (const { promise, property } of decoderProperties)
  t.test(promise, (t) => {
    fc.assert(property, { seed: 1, numRuns: 500 })
    t.pass('500 times')
    t.end()
  })
