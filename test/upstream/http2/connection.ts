import fc from 'fast-check'
import t from 'tap'
import { Connection } from '../../../src/upstream/http2/connection.ts'
import { ConnectionError } from '../../../src/upstream/http2/frame.ts'
import { FrameWriter } from '../../../src/upstream/http2/frame-writer.ts'
import type { StreamEnd } from '../../../src/upstream/http2/stream.ts'
import { Parcel } from '../../fixtures/delivery.ts'
import { hex } from '../../fixtures/hex.ts'
import { emptySettings, frame } from '../../fixtures/raw-peer.ts'

interface Given {
  readonly connection: Connection
  readonly output: FrameWriter
  /** Throws when the peer has violated the protocol. */
  readonly receive: (bytes: Buffer) => void
  /** How the streams have ended, by identifier. */
  readonly ends: () => Map<number, StreamEnd[]>
}

/** A connection with requests in flight whose output is discarded. */
function given(requests: number): Given {
  const ended = new Map<number, StreamEnd[]>()
  const output = new FrameWriter(
    () => undefined,
    () => undefined,
  )
  const connection = new Connection('api.push.apple.com', output)
  const receive = (bytes: Buffer): void => {
    const violation = connection.receive(bytes)
    if (violation !== undefined) throw violation
  }
  const ends = (): Map<number, StreamEnd[]> => {
    for (const { id, end } of connection.takeEnded()) ended.set(id, [...(ended.get(id) ?? []), end])
    return ended
  }
  receive(hex(emptySettings))
  for (let count = 0; count < requests; count++) connection.request(new Parcel(), undefined, 0)
  return { connection, output, receive, ends }
}

t.test(
  'fails on a peer that never reads its acknowledgements, before they fill the memory',
  (t) => {
    const { connection, output, receive } = given(0)
    const pings = hex(frame(6, 0, 0, '0102030405060708').repeat(1000))
    t.throws(
      () => {
        for (let turn = 0; turn < 100; turn++) {
          connection.calm()
          receive(pings)
        }
      },
      { code: 'ENHANCE_YOUR_CALM', message: 'does not read our answers' },
    )
    t.ok(output.length <= 513 * 1024)
    t.end()
  },
)

/** Mostly valid frames of a peer, with one fault. */
const peerFrame = fc
  .record({
    type: fc.oneof(fc.nat(10), fc.nat(255)),
    flags: fc.oneof(fc.constantFrom(0, 1, 4, 5, 8, 0x20, 0x2d), fc.nat(255)),
    streamId: fc.oneof(fc.constantFrom(0, 1, 3, 5, 7, 9), fc.nat(0x7fff_ffff)),
    payload: fc.oneof(
      fc.constantFrom('', '88', '8c', '00000001', '7fffffff', '0000000000000000', '8000000010'),
      fc.constantFrom('000400000001', '000100000000', '000300000002', '0000000100000000'),
      fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes).toString('hex')),
    ),
  })
  .map(({ type, flags, streamId, payload }) => frame(type, flags, streamId, payload))

t.test('with any frames, each request ends once, and all errors are ConnectionErrors', (t) => {
  fc.assert(
    fc.property(
      fc.array(peerFrame, { maxLength: 30 }),
      fc.integer({ min: 1, max: 50 }),
      (frames, size) => {
        const { connection, receive, ends } = given(4)
        const bytes = hex(frames.join(''))
        try {
          for (let at = 0; at < bytes.length; at += size) receive(bytes.subarray(at, at + size))
        } catch (error) {
          if (!(error instanceof ConnectionError)) throw error
        }
        connection.abandon()
        t.same([...ends().keys()].sort(), [1, 3, 5, 7])
        t.ok([...ends().values()].every(({ length }) => length === 1))
        t.equal(connection.inFlight, 0)
      },
    ),
    { numRuns: 3000 },
  )
  t.end()
})

t.test('any segmentation of the input has the same result', (t) => {
  const conversation = hex(
    frame(1, 4, 1, '8c') +
      frame(0, 1, 1, Buffer.from('{"reason":"BadTopic"}').toString('hex')) +
      frame(1, 1, 3) +
      frame(9, 4, 3, '88') +
      frame(3, 0, 5, '00000007') +
      frame(7, 0, 0, '0000000500000000'),
  )
  fc.assert(
    fc.property(fc.uniqueArray(fc.nat(conversation.length), { maxLength: 30 }), (unsorted) => {
      const { receive, ends } = given(4)
      const cuts = [...unsorted.sort((a, b) => a - b), conversation.length]
      for (const [index, end] of cuts.entries())
        receive(conversation.subarray(cuts[index - 1] ?? 0, end))
      t.same(Object.fromEntries(ends()), {
        1: ['complete'],
        3: ['complete'],
        5: ['refused'],
        7: ['refused'],
      })
    }),
  )
  t.end()
})
