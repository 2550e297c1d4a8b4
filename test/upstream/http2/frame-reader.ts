import fc from 'fast-check'
import t from 'tap'
import {
  ConnectionError,
  contentOf,
  FrameReader,
  StreamError,
  type Frame,
} from '../../../src/upstream/http2/frame.ts'
import { hex } from '../../fixtures/hex.ts'

/** The frames in these chunks. */
function read(...chunks: readonly Buffer[]): Frame[] {
  const reader = new FrameReader()
  const frames: Frame[] = []
  for (const chunk of chunks) {
    reader.receive(chunk)
    for (let frame = reader.next(); frame !== undefined; frame = reader.next()) frames.push(frame)
  }
  return frames
}

const conversation = hex(`
  000006 04 00 00000000 0003 00000064
  000000 04 01 00000000
  000001 01 05 00000001 88
  000003 00 01 80000003 7b7d0a
  000000 00 00 00000003
  000008 06 00 00000000 0102030405060708
  000002 fe ff 7fffffff beef`)

const spoken = [
  { type: 4, flags: 0, streamId: 0, payload: hex('000300000064') },
  { type: 4, flags: 1, streamId: 0, payload: hex('') },
  { type: 1, flags: 5, streamId: 1, payload: hex('88') },
  { type: 0, flags: 1, streamId: 3, payload: hex('7b7d0a') },
  { type: 0, flags: 0, streamId: 3, payload: hex('') },
  { type: 6, flags: 0, streamId: 0, payload: hex('0102030405060708') },
  { type: 0xfe, flags: 0xff, streamId: 0x7fffffff, payload: hex('beef') },
]

t.test('reads frames, and ignores the reserved bit of the stream', (t) => {
  t.same(read(conversation), spoken)
  t.end()
})

t.test('any segmentation yields the same frames', (t) => {
  const cuts = fc.uniqueArray(fc.nat(conversation.length), { maxLength: 40 })
  fc.assert(
    fc.property(cuts, (unsorted) => {
      const ends = [...unsorted.sort((a, b) => a - b), conversation.length]
      const chunks = ends.map((end, index) => conversation.subarray(ends[index - 1] ?? 0, end))
      t.same(read(...chunks), spoken)
    }),
  )
  t.same(read(...Array.from(conversation, (byte) => Buffer.of(byte))), spoken)
  t.end()
})

t.test('later bytes do not change a frame', (t) => {
  const reader = new FrameReader()
  reader.receive(hex('000004 00 00 00000001 0102'))
  reader.receive(hex('0304 000004 00'))
  const frame = reader.next()
  reader.receive(hex('00 00000001 ffffffff'))
  reader.next()
  t.same(frame?.payload, hex('01020304'))
  t.end()
})

t.test('accepts frames of up to 16,384 bytes, and refuses a larger one from its header', (t) => {
  const largest = Buffer.concat([hex('004000 00 00 00000001'), Buffer.alloc(16_384)])
  t.equal(read(largest)[0]?.payload.length, 16_384)
  t.throws(() => read(hex('004001 00 00 00000001')), { code: 'FRAME_SIZE_ERROR' })
  t.throws(() => read(hex('ffffff fe 00 00000000')), { code: 'FRAME_SIZE_ERROR' })
  t.end()
})

t.test('refuses frames of a wrong length or stream from their header', (t) => {
  const rows = [
    { what: 'DATA on the connection', bytes: '000001 00 00 00000000', code: 'PROTOCOL_ERROR' },
    { what: 'HEADERS on the connection', bytes: '000001 01 04 00000000', code: 'PROTOCOL_ERROR' },
    { what: 'PRIORITY on the connection', bytes: '000005 02 00 00000000', code: 'PROTOCOL_ERROR' },
    {
      what: 'RST_STREAM on the connection',
      bytes: '000004 03 00 00000000',
      code: 'PROTOCOL_ERROR',
    },
    { what: 'SETTINGS on a stream', bytes: '000000 04 00 00000001', code: 'PROTOCOL_ERROR' },
    {
      what: 'PUSH_PROMISE on the connection',
      bytes: '000004 05 04 00000000',
      code: 'PROTOCOL_ERROR',
    },
    { what: 'PING on a stream', bytes: '000008 06 00 00000001', code: 'PROTOCOL_ERROR' },
    { what: 'GOAWAY on a stream', bytes: '000008 07 00 00000001', code: 'PROTOCOL_ERROR' },
    {
      what: 'CONTINUATION on the connection',
      bytes: '000001 09 04 00000000',
      code: 'PROTOCOL_ERROR',
    },
    { what: 'a short RST_STREAM', bytes: '000003 03 00 00000001', code: 'FRAME_SIZE_ERROR' },
    { what: 'a long RST_STREAM', bytes: '000005 03 00 00000001', code: 'FRAME_SIZE_ERROR' },
    {
      what: 'SETTINGS of half a setting',
      bytes: '000003 04 00 00000000',
      code: 'FRAME_SIZE_ERROR',
    },
    { what: 'an ACK with settings', bytes: '000006 04 01 00000000', code: 'FRAME_SIZE_ERROR' },
    { what: 'a short PING', bytes: '000007 06 00 00000000', code: 'FRAME_SIZE_ERROR' },
    { what: 'a long PING', bytes: '000009 06 00 00000000', code: 'FRAME_SIZE_ERROR' },
    { what: 'a short GOAWAY', bytes: '000007 07 00 00000000', code: 'FRAME_SIZE_ERROR' },
    { what: 'a short WINDOW_UPDATE', bytes: '000003 08 00 00000000', code: 'FRAME_SIZE_ERROR' },
    { what: 'a long WINDOW_UPDATE', bytes: '000005 08 00 00000001', code: 'FRAME_SIZE_ERROR' },
  ]
  for (const { what, bytes, code } of rows) {
    const error = t.throws(() => read(hex(bytes)), { code }, what)
    t.type(error, ConnectionError)
  }
  t.end()
})

t.test(
  'a PRIORITY of the wrong length is an error of its stream; the next frame can be read',
  (t) => {
    const reader = new FrameReader()
    reader.receive(hex('000004 02 00 00000007 00000000 000000 04 01 00000000'))
    const error = t.throws(() => reader.next(), { streamId: 7, code: 'FRAME_SIZE_ERROR' })
    t.type(error, StreamError)
    t.match(reader.next(), { type: 4, flags: 1 })
    t.end()
  },
)

t.test('removes padding and priority', (t) => {
  const content = (bytes: string): string | undefined => {
    const [frame] = read(hex(bytes))
    return frame && contentOf(frame).toString('hex')
  }
  t.equal(content('000003 00 00 00000001 aabbcc'), 'aabbcc')
  t.equal(content('000005 00 08 00000001 02 aabb 0000'), 'aabb')
  t.equal(content('000003 00 08 00000001 02 0000'), '', 'nothing but padding')
  t.equal(content('000007 01 24 00000001 80000000 10 8283'), '8283')
  t.equal(content('000009 01 2c 00000001 01 80000000 10 8283 00'), '8283')
  t.equal(content('000006 00 20 00000001 8000000010aa'), '8000000010aa', 'DATA has no priority')
  const rows = [
    { what: 'padding over all', bytes: '000003 00 08 00000001 03 0000', code: 'PROTOCOL_ERROR' },
    { what: 'far more padding', bytes: '000003 01 0c 00000001 ff 0000', code: 'PROTOCOL_ERROR' },
    {
      what: 'padding over the priority',
      bytes: '000006 01 2c 00000001 01 8000000010',
      code: 'PROTOCOL_ERROR',
    },
    { what: 'no room for a pad length', bytes: '000000 00 08 00000001', code: 'FRAME_SIZE_ERROR' },
    {
      what: 'no room for a priority',
      bytes: '000004 01 24 00000001 80000000',
      code: 'FRAME_SIZE_ERROR',
    },
  ]
  for (const { what, bytes, code } of rows) t.throws(() => content(bytes), { code }, what)
  t.end()
})

t.test('any bytes are frames or an error of the protocol', (t) => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 60 })), (chunks) => {
      try {
        for (const frame of read(...chunks.map((chunk) => Buffer.from(chunk)))) contentOf(frame)
      } catch (error) {
        if (!(error instanceof ConnectionError || error instanceof StreamError)) throw error
      }
    }),
    { numRuns: 2000 },
  )
  t.end()
})
