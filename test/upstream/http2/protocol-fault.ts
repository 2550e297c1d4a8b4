/** One case for each fault that RFC 9113 lists, and unusual frames that a client accepts. */
import t from 'tap'
import { Http2Session } from '../../../src/upstream/http2/http2-session.ts'
import { untilAtLeast } from '../../fixtures/condition.ts'
import { openSession } from '../../fixtures/provider-peer.ts'
import {
  codes,
  emptySettings,
  field,
  frame,
  playRawPeer,
  sendToRawPeer as open,
  type Code,
} from '../../fixtures/raw-peer.ts'

const [DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS] = [0, 1, 2, 3, 4]
const [PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION] = [5, 6, 7, 8, 9]
const [END_STREAM, END_HEADERS, WHOLE] = [1, 4, 5]

/** `:status` by its index in the static table of HPACK. */
const [status200, status400] = ['88', '8c']
const status = (code: string): string => field(':status', code)
const text = (body: string): string => Buffer.from(body).toString('hex')
const many = (count: number, frame: string): string => frame.replaceAll(' ', '').repeat(count)

const anyFrame = frame(0xfa, 0xff, 1, 'beef')
const halfHeaders = frame(HEADERS, END_STREAM, 1, status200)
const answered = frame(HEADERS, WHOLE, 1, status200)
const setting = (id: string, value: string): string => frame(SETTINGS, 0, 0, id + value)

t.test('a fault ends the connection, with GOAWAY and its code', (t) => {
  const rows: readonly (readonly [what: string, bytes: string, code: Code])[] = [
    ['a frame larger than allowed', '004001 00 00 00000001', 'FRAME_SIZE_ERROR'],
    ['DATA on stream 0', frame(DATA, 0, 0, '00'), 'PROTOCOL_ERROR'],
    ['HEADERS on stream 0', frame(HEADERS, WHOLE, 0, status200), 'PROTOCOL_ERROR'],
    ['PRIORITY on stream 0', frame(PRIORITY, 0, 0, '8000000010'), 'PROTOCOL_ERROR'],
    ['RST_STREAM on stream 0', frame(RST_STREAM, 0, 0, '00000008'), 'PROTOCOL_ERROR'],
    ['SETTINGS on a stream', frame(SETTINGS, 0, 1), 'PROTOCOL_ERROR'],
    ['PING on a stream', frame(PING, 0, 1, '0000000000000000'), 'PROTOCOL_ERROR'],
    ['GOAWAY on a stream', frame(GOAWAY, 0, 1, '0000000000000000'), 'PROTOCOL_ERROR'],
    ['CONTINUATION on stream 0', frame(CONTINUATION, 4, 0, '88'), 'PROTOCOL_ERROR'],
    ['RST_STREAM of 3 bytes', frame(RST_STREAM, 0, 1, '000008'), 'FRAME_SIZE_ERROR'],
    ['SETTINGS of 5 bytes', frame(SETTINGS, 0, 0, '0003000000'), 'FRAME_SIZE_ERROR'],
    ['SETTINGS ACK with settings', frame(SETTINGS, 1, 0, '000300000001'), 'FRAME_SIZE_ERROR'],
    ['PING of 7 bytes', frame(PING, 0, 0, '00000000000000'), 'FRAME_SIZE_ERROR'],
    ['GOAWAY of 7 bytes', frame(GOAWAY, 0, 0, '00000000000000'), 'FRAME_SIZE_ERROR'],
    ['WINDOW_UPDATE of 5 bytes', frame(WINDOW_UPDATE, 0, 1, '0000000100'), 'FRAME_SIZE_ERROR'],
    ['padding longer than DATA', frame(DATA, 8, 1, '050000'), 'PROTOCOL_ERROR'],
    ['padding longer than HEADERS', frame(HEADERS, 13, 1, '0388'), 'PROTOCOL_ERROR'],
    ['DATA without its pad length', frame(DATA, 8, 1), 'FRAME_SIZE_ERROR'],
    ['HEADERS without their priority', frame(HEADERS, 0x25, 1, '80'), 'FRAME_SIZE_ERROR'],

    ['ENABLE_PUSH from a server', setting('0002', '00000001'), 'PROTOCOL_ERROR'],
    ['ENABLE_PUSH neither 0 nor 1', setting('0002', '00000002'), 'PROTOCOL_ERROR'],
    ['an initial window of 2³¹', setting('0004', '80000000'), 'FLOW_CONTROL_ERROR'],
    ['a maximal frame below 16,384', setting('0005', '00003fff'), 'PROTOCOL_ERROR'],
    ['a maximal frame of 2²⁴', setting('0005', '01000000'), 'PROTOCOL_ERROR'],
    [
      'an initial window that makes one of a stream too large',
      frame(WINDOW_UPDATE, 0, 1, '7fff0000') + setting('0004', '00010020'),
      'FLOW_CONTROL_ERROR',
    ],

    [
      'a connection window beyond 2³¹−1',
      frame(WINDOW_UPDATE, 0, 0, '7fffffff'),
      'FLOW_CONTROL_ERROR',
    ],
    [
      'WINDOW_UPDATE of 0 for the connection',
      frame(WINDOW_UPDATE, 0, 0, '00000000'),
      'PROTOCOL_ERROR',
    ],
    ['WINDOW_UPDATE on an idle stream', frame(WINDOW_UPDATE, 0, 3, '00000001'), 'PROTOCOL_ERROR'],
    ['RST_STREAM on an idle stream', frame(RST_STREAM, 0, 3, '00000008'), 'PROTOCOL_ERROR'],
    ['RST_STREAM on a stream of the server', frame(RST_STREAM, 0, 2, '00000008'), 'PROTOCOL_ERROR'],
    ['DATA on an idle stream', frame(DATA, 1, 3, '00'), 'PROTOCOL_ERROR'],
    ['HEADERS on an idle stream', frame(HEADERS, WHOLE, 3, status200), 'PROTOCOL_ERROR'],
    ['HEADERS on a stream of the server', frame(HEADERS, WHOLE, 2, status200), 'PROTOCOL_ERROR'],
    ['PUSH_PROMISE', frame(PUSH_PROMISE, 4, 1, '0000000288'), 'PROTOCOL_ERROR'],

    ['CONTINUATION of nothing', frame(CONTINUATION, 4, 1, status200), 'PROTOCOL_ERROR'],
    ['CONTINUATION on another stream', halfHeaders + frame(CONTINUATION, 4, 3), 'PROTOCOL_ERROR'],
    ['DATA inside a header block', halfHeaders + frame(DATA, 0, 1), 'PROTOCOL_ERROR'],
    ['HEADERS inside a header block', halfHeaders + answered, 'PROTOCOL_ERROR'],
    [
      'PING inside a header block',
      halfHeaders + frame(PING, 0, 0, '0000000000000000'),
      'PROTOCOL_ERROR',
    ],
    ['an unknown frame inside a header block', halfHeaders + anyFrame, 'PROTOCOL_ERROR'],
    [
      'CONTINUATION behind the end of a block',
      answered + frame(CONTINUATION, 4, 1),
      'PROTOCOL_ERROR',
    ],

    ['a field with index 0', frame(HEADERS, WHOLE, 1, '80'), 'COMPRESSION_ERROR'],
    ['a field beyond the tables', frame(HEADERS, WHOLE, 1, '88be'), 'COMPRESSION_ERROR'],
    ['a table larger than allowed', frame(HEADERS, WHOLE, 1, '3fe21f88'), 'COMPRESSION_ERROR'],
    ['a field that breaks off', frame(HEADERS, WHOLE, 1, '88000a61'), 'COMPRESSION_ERROR'],

    [
      'PRIORITY of 4 bytes on an idle stream',
      frame(PRIORITY, 0, 3, '80000000'),
      'FRAME_SIZE_ERROR',
    ],
    ['DATA behind an answer', answered + frame(DATA, 0, 1, '00'), 'STREAM_CLOSED'],
    ['HEADERS behind an answer', answered + answered, 'STREAM_CLOSED'],
    [
      'DATA behind a RST_STREAM',
      frame(RST_STREAM, 0, 1, '00000002') + frame(DATA, 0, 1, '00'),
      'STREAM_CLOSED',
    ],

    [
      'a header block without end',
      frame(HEADERS, 1, 1, '00'.repeat(16_384)) +
        many(2, frame(CONTINUATION, 0, 1, '00'.repeat(16_384))),
      'ENHANCE_YOUR_CALM',
    ],
    [
      'CONTINUATION without end',
      halfHeaders + many(10_000, frame(CONTINUATION, 0, 1)),
      'ENHANCE_YOUR_CALM',
    ],
    ['a flood of PING', many(10_001, frame(PING, 0, 0, '0000000000000000')), 'ENHANCE_YOUR_CALM'],
    ['a flood of SETTINGS', many(10_001, emptySettings), 'ENHANCE_YOUR_CALM'],
    ['a flood of PRIORITY', many(10_001, frame(PRIORITY, 0, 1, '8000000010')), 'ENHANCE_YOUR_CALM'],
    ['a flood of nothing known', many(10_001, anyFrame), 'ENHANCE_YOUR_CALM'],
    [
      'a flood of empty DATA',
      frame(HEADERS, 4, 1, status400) + many(10_001, frame(DATA, 0, 1)),
      'ENHANCE_YOUR_CALM',
    ],
    ['a flood of 103', many(10_001, frame(HEADERS, 4, 1, status('103'))), 'ENHANCE_YOUR_CALM'],
    [
      'a flood of RST_STREAM',
      answered + many(10_001, frame(RST_STREAM, 0, 1, '00000008')),
      'ENHANCE_YOUR_CALM',
    ],
  ]
  for (const [what, bytes, code] of rows)
    t.test(what, async (t) => {
      const { peer, opened, parcel } = await open(t)
      peer.write(bytes)
      const { payload } = await peer.frame(GOAWAY)
      t.equal(payload, `00000000${codes[code]}`)
      await opened.closed()
      t.match(opened.events.at(-1), new RegExp(`^closed ${code}: `))
      const whole = bytes.startsWith(answered) || bytes.includes(`${answered}${answered}`)
      t.match(await opened.outcomeOf(parcel), { kind: whole ? 'delivered' : 'unavailable' })
      t.equal(opened.session.inFlight, 0)
    })
  t.end()
})

t.test('a wrong first frame ends the connection', (t) => {
  const rows: readonly (readonly [what: string, bytes: string, code: Code])[] = [
    ['PING', frame(PING, 0, 0, '0000000000000000'), 'PROTOCOL_ERROR'],
    ['SETTINGS ACK', frame(SETTINGS, 1, 0), 'PROTOCOL_ERROR'],
    ['WINDOW_UPDATE', frame(WINDOW_UPDATE, 0, 0, '00000001'), 'PROTOCOL_ERROR'],
    ['GOAWAY', frame(GOAWAY, 0, 0, '0000000000000000'), 'PROTOCOL_ERROR'],
    ['an unknown frame', frame(0xfa, 0, 0), 'PROTOCOL_ERROR'],
    ['HTTP/1.1', text('HTTP/1.1 400 Bad Request\r\n\r\n'), 'FRAME_SIZE_ERROR'],
  ]
  for (const [what, bytes, code] of rows)
    t.test(what, async (t) => {
      const peer = await playRawPeer(t, bytes)
      const opened = openSession(t, Http2Session, peer.origin)
      await opened.closed()
      t.match(opened.events, [new RegExp(`^closed ${code}: `)])
      t.equal(opened.session.served, false)
    })
  t.end()
})

t.test('a fault of one stream ends only this stream, with RST_STREAM and its code', (t) => {
  const headers = (fields: string, flags = WHOLE): string => frame(HEADERS, flags, 1, fields)
  const rows: readonly (readonly [what: string, bytes: string, code: Code])[] = [
    ['an upper-case name', headers(status200 + field('Date', 'x')), 'PROTOCOL_ERROR'],
    ['an empty name', headers(status200 + field('', 'x')), 'PROTOCOL_ERROR'],
    ['a name with a space', headers(status200 + field('a b', 'x')), 'PROTOCOL_ERROR'],
    ['a name beyond ASCII', headers(status200 + field('\xe9', 'x')), 'PROTOCOL_ERROR'],
    ['a value with NUL', headers(status200 + field('a', 'x\0y')), 'PROTOCOL_ERROR'],
    ['a value with CR', headers(status200 + field('a', 'x\ry')), 'PROTOCOL_ERROR'],
    ['a value with LF', headers(status200 + field('a', 'x\ny')), 'PROTOCOL_ERROR'],
    ['a value that begins with a space', headers(status200 + field('a', ' x')), 'PROTOCOL_ERROR'],
    ['a value that ends with a tab', headers(status200 + field('a', 'x\t')), 'PROTOCOL_ERROR'],
    ['no :status', headers(field('a', 'x')), 'PROTOCOL_ERROR'],
    ['no headers at all', headers(''), 'PROTOCOL_ERROR'],
    ['two :status', headers(status200 + status200), 'PROTOCOL_ERROR'],
    ['a :status behind a header', headers(field('a', 'x') + status200), 'PROTOCOL_ERROR'],
    ['a :path', headers(status200 + field(':path', '/')), 'PROTOCOL_ERROR'],
    ['a :status that is no number', headers(status('2oo')), 'PROTOCOL_ERROR'],
    ['a :status of two digits', headers(status('20')), 'PROTOCOL_ERROR'],
    ['connection', headers(status200 + field('connection', 'close')), 'PROTOCOL_ERROR'],
    ['keep-alive', headers(status200 + field('keep-alive', '1')), 'PROTOCOL_ERROR'],
    ['proxy-connection', headers(status200 + field('proxy-connection', 'x')), 'PROTOCOL_ERROR'],
    ['transfer-encoding', headers(status200 + field('transfer-encoding', 'x')), 'PROTOCOL_ERROR'],
    ['upgrade', headers(status200 + field('upgrade', 'h2c')), 'PROTOCOL_ERROR'],
    ['101', headers(status('101'), END_HEADERS), 'PROTOCOL_ERROR'],
    ['an informational answer at the end', headers(status('100')), 'PROTOCOL_ERROR'],
    ['DATA without HEADERS', frame(DATA, END_STREAM, 1, text('{}')), 'PROTOCOL_ERROR'],
    [
      'DATA behind an informational answer',
      headers(status('100'), END_HEADERS) + frame(DATA, 0, 1),
      'PROTOCOL_ERROR',
    ],
    [
      'a second answer',
      headers(status400, END_HEADERS) + headers(status400, END_HEADERS),
      'PROTOCOL_ERROR',
    ],
    [
      'trailers with :status',
      headers(status400, END_HEADERS) + headers(status400),
      'PROTOCOL_ERROR',
    ],
    [
      'trailers in upper case',
      headers(status400, END_HEADERS) + headers(field('A', 'x')),
      'PROTOCOL_ERROR',
    ],
    [
      'a body shorter than content-length',
      headers(status400 + field('content-length', '3'), END_HEADERS) +
        frame(DATA, END_STREAM, 1, text('{}')),
      'PROTOCOL_ERROR',
    ],
    [
      'a body longer than content-length',
      headers(status400 + field('content-length', '1'), END_HEADERS) +
        frame(DATA, 0, 1, text('{}')),
      'PROTOCOL_ERROR',
    ],
    [
      'no body for a content-length',
      headers(status400 + field('content-length', '1')),
      'PROTOCOL_ERROR',
    ],
    [
      'a content-length that is none',
      headers(status400 + field('content-length', '-1')),
      'PROTOCOL_ERROR',
    ],
    [
      'two content-lengths',
      headers(status400 + field('content-length', '2') + field('content-length', '3')),
      'PROTOCOL_ERROR',
    ],
    ['WINDOW_UPDATE of 0', frame(WINDOW_UPDATE, 0, 1, '00000000'), 'PROTOCOL_ERROR'],
    ['a window beyond 2³¹−1', frame(WINDOW_UPDATE, 0, 1, '7fffffff'), 'FLOW_CONTROL_ERROR'],
    ['PRIORITY of 4 bytes', frame(PRIORITY, 0, 1, '80000000'), 'FRAME_SIZE_ERROR'],
  ]
  for (const [what, bytes, code] of rows)
    t.test(what, async (t) => {
      const { peer, opened, parcel } = await open(t)
      peer.write(bytes)
      t.equal((await peer.frame(RST_STREAM, 1)).payload, codes[code])
      t.match(await opened.outcomeOf(parcel), { kind: 'unavailable', retry: 'later' })
      const next = opened.send()
      peer.write(frame(DATA, 0, 1, '00') + frame(HEADERS, WHOLE, 3, status200))
      t.match(await opened.outcomeOf(next), { kind: 'delivered' }, 'the connection lives on')
      t.same(
        peer.frames().filter(({ type }) => type === GOAWAY),
        [],
      )
    })
  t.end()
})

t.test('accepts what RFC 9113 allows', (t) => {
  const bad = text('{"reason":"BadDeviceToken"}')
  const rows: readonly (readonly [what: string, bytes: string, outcome: object])[] = [
    ['an unknown frame', anyFrame + answered, { kind: 'delivered' }],
    ['an unknown frame on an idle stream', frame(0xfa, 0, 9) + answered, { kind: 'delivered' }],
    ['PRIORITY', frame(PRIORITY, 0, 7, '8000000010') + answered, { kind: 'delivered' }],
    ['an unknown setting', setting('f000', 'ffffffff') + answered, { kind: 'delivered' }],
    ['ENABLE_PUSH 0', setting('0002', '00000000') + answered, { kind: 'delivered' }],
    ['the largest frame size', setting('0005', '00ffffff') + answered, { kind: 'delivered' }],
    [
      'a PING that nobody asked for',
      frame(PING, 1, 0, 'ffffffffffffffff') + answered,
      { kind: 'delivered' },
    ],
    [
      'SETTINGS acknowledged twice',
      many(2, frame(SETTINGS, 1, 0)) + answered,
      { kind: 'delivered' },
    ],
    [
      'informational answers',
      frame(HEADERS, END_HEADERS, 1, status('100')) +
        frame(HEADERS, END_HEADERS, 1, status('103')) +
        answered,
      { kind: 'delivered' },
    ],
    ['HEADERS with padding', frame(HEADERS, 13, 1, '03 88 000000'), { kind: 'delivered' }],
    ['HEADERS with priority', frame(HEADERS, 0x25, 1, '8000000010 88'), { kind: 'delivered' }],
    [
      'an answer in many pieces',
      frame(HEADERS, END_STREAM, 1) +
        frame(CONTINUATION, 0, 1, '88 10 01') +
        frame(CONTINUATION, 0, 1) +
        frame(CONTINUATION, END_HEADERS, 1, '61 01 62'),
      { kind: 'delivered' },
    ],
    [
      'a header list that is far too long, and what is known of it',
      frame(HEADERS, WHOLE, 1, `88 40 01 61 7f 8119 ${'62'.repeat(3328)} ${'be'.repeat(10_000)}`),
      { kind: 'delivered' },
    ],
    [
      'a body with padding and an empty end',
      frame(HEADERS, END_HEADERS, 1, status400) +
        frame(DATA, 8, 1, `02 ${bad} 0000`) +
        frame(DATA, END_STREAM, 1),
      { kind: 'rejected', reason: 'BadDeviceToken' },
    ],
    [
      'content-length and trailers',
      frame(HEADERS, END_HEADERS, 1, status400 + field('content-length', '27')) +
        frame(DATA, 0, 1, bad) +
        frame(HEADERS, WHOLE, 1, field('a', 'x')),
      { kind: 'rejected', reason: 'BadDeviceToken' },
    ],
    [
      'a length without a body where none can be',
      frame(HEADERS, WHOLE, 1, status('304') + field('content-length', '27')),
      { reason: 'HTTP 304' },
    ],
    [
      'RST_STREAM and WINDOW_UPDATE behind an answer',
      answered + frame(RST_STREAM, 0, 1, '00000000') + frame(WINDOW_UPDATE, 0, 1, '00000001'),
      { kind: 'delivered' },
    ],
  ]
  for (const [what, bytes, outcome] of rows)
    t.test(what, async (t) => {
      const { peer, opened, parcel } = await open(t)
      peer.write(bytes)
      t.match(await opened.outcomeOf(parcel), outcome)
      peer.write(frame(PING, 0, 0, '0102030405060708'))
      t.match(await peer.frame(PING), { flags: 1, payload: '0102030405060708' })
      await untilAtLeast(() => opened.session.room, 1)
      t.same(
        peer.frames().filter(({ type }) => type === GOAWAY || type === RST_STREAM),
        [],
      )
    })
  t.end()
})
