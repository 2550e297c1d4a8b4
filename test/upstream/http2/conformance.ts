/**
 * The 57 cases of h2spec's suite for clients, under its numbers and names, as bytes.
 * — source: github.com/summerwind/h2spec 2.2.1, client/; see test/interop/h2spec.ts for the
 * original
 */
import t from 'tap'
import { untilIs } from '../../fixtures/condition.ts'
import {
  codes,
  field,
  frame,
  sendToRawPeer,
  type Code,
  type SentFrame,
} from '../../fixtures/raw-peer.ts'

const [DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS] = [0, 1, 2, 3, 4]
const [PING, GOAWAY, WINDOW_UPDATE, CONTINUATION] = [6, 7, 8, 9]
const [END_STREAM, END_HEADERS, WHOLE] = [1, 4, 5]

const status200 = '88'
const dummy = field('x-dummy0', 'dummy')
const opaque = '6832737065630000'
const head = frame(HEADERS, END_HEADERS, 1, status200)
const answer = frame(HEADERS, WHOLE, 1, status200)
const test = '74657374'
const zeros = (bytes: number): string => '00'.repeat(bytes)
const ping = frame(PING, 0, 0, opaque)
const window = (streamId: number, increment: string): string =>
  frame(WINDOW_UPDATE, 0, streamId, increment)

/** `answered`: the request; `acknowledged`: a PING or SETTINGS; else the frame that reports the error. */
type Expected = 'answered' | 'PING' | 'SETTINGS' | `GOAWAY ${Code}` | `RST_STREAM ${Code}`

const rows: readonly (readonly [id: string, what: string, bytes: string, expected: Expected])[] = [
  ['1/1', 'a client connection preface', answer, 'answered'],

  ['4.1/1', 'a frame with unknown type', frame(0x16, 0, 0, zeros(8)) + ping, 'PING'],
  ['4.1/2', 'a frame with undefined flag', frame(PING, 0x16, 0, opaque), 'PING'],
  ['4.1/3', 'a frame with reserved field bit', `000008 06 16 80000000 ${opaque}`, 'PING'],
  ['4.2/1', 'DATA of 2^14 octets', head + frame(DATA, 1, 1, zeros(16_384)) + ping, 'PING'],
  [
    '4.2/2',
    'DATA beyond SETTINGS_MAX_FRAME_SIZE',
    head + frame(DATA, 1, 1, zeros(16_385)),
    'GOAWAY FRAME_SIZE_ERROR',
  ],
  [
    '4.2/3',
    'HEADERS beyond SETTINGS_MAX_FRAME_SIZE',
    frame(HEADERS, WHOLE, 1, zeros(16_385)),
    'GOAWAY FRAME_SIZE_ERROR',
  ],
  [
    '4.3/1',
    'an invalid header block fragment',
    frame(HEADERS, WHOLE, 1, '40'),
    'GOAWAY COMPRESSION_ERROR',
  ],

  ['5.1/1', 'idle: DATA', frame(DATA, 1, 2, test), 'GOAWAY PROTOCOL_ERROR'],
  ['5.1/2', 'idle: RST_STREAM', frame(RST_STREAM, 0, 2, '00000008'), 'GOAWAY PROTOCOL_ERROR'],
  ['5.1/3', 'idle: WINDOW_UPDATE', window(2, '00000064'), 'GOAWAY PROTOCOL_ERROR'],
  ['5.1/4', 'idle: CONTINUATION', frame(CONTINUATION, 4, 2, status200), 'GOAWAY PROTOCOL_ERROR'],
  [
    '5.1/5',
    'closed: DATA after RST_STREAM',
    head + frame(RST_STREAM, 0, 1, '00000008') + frame(DATA, 1, 1, test),
    'GOAWAY STREAM_CLOSED',
  ],
  [
    '5.1/6',
    'closed: HEADERS after RST_STREAM',
    head + frame(RST_STREAM, 0, 1, '00000008') + answer,
    'GOAWAY STREAM_CLOSED',
  ],
  [
    '5.1/7',
    'closed: CONTINUATION after RST_STREAM',
    head + frame(RST_STREAM, 0, 1, '00000008') + frame(CONTINUATION, 4, 1, dummy),
    'GOAWAY PROTOCOL_ERROR',
  ],
  ['5.1/8', 'closed: DATA', answer + frame(DATA, 1, 1, test), 'GOAWAY STREAM_CLOSED'],
  ['5.1/9', 'closed: HEADERS', answer + answer, 'GOAWAY STREAM_CLOSED'],
  [
    '5.1/10',
    'closed: CONTINUATION',
    answer + frame(CONTINUATION, 4, 1, dummy),
    'GOAWAY PROTOCOL_ERROR',
  ],
  [
    '5.1.1/1',
    'an unexpected stream identifier',
    frame(HEADERS, WHOLE, 101, status200),
    'GOAWAY PROTOCOL_ERROR',
  ],
  [
    '5.4.1/1',
    'an invalid PING frame for connection close',
    frame(PING, 0, 3, zeros(8)),
    'GOAWAY PROTOCOL_ERROR',
  ],
  [
    '5.4.1/2',
    'an invalid PING frame to receive GOAWAY frame',
    frame(PING, 0, 3, zeros(8)),
    'GOAWAY PROTOCOL_ERROR',
  ],
  ['5.5/1', 'an unknown extension frame', frame(0x16, 0, 0, zeros(8)) + ping, 'PING'],

  ['6.1/1', 'DATA on stream 0', frame(DATA, 1, 0, test), 'GOAWAY PROTOCOL_ERROR'],
  [
    '6.1/2',
    'DATA on a stream that is not open',
    answer + frame(DATA, 1, 1, test),
    'GOAWAY STREAM_CLOSED',
  ],
  [
    '6.1/3',
    'DATA with invalid pad length',
    frame(HEADERS, END_HEADERS, 1, status200 + field('content-length', '4')) +
      frame(DATA, 9, 1, `06${test}`),
    'GOAWAY PROTOCOL_ERROR',
  ],
  [
    '6.2/1',
    'HEADERS without END_HEADERS, and PRIORITY',
    frame(HEADERS, 0, 1, status200) +
      frame(PRIORITY, 0, 1, '00000000ff') +
      frame(CONTINUATION, 4, 1, dummy),
    'GOAWAY PROTOCOL_ERROR',
  ],
  ['6.2/2', 'HEADERS on stream 0', frame(HEADERS, WHOLE, 0, status200), 'GOAWAY PROTOCOL_ERROR'],
  [
    '6.2/3',
    'HEADERS with invalid pad length',
    frame(HEADERS, 8, 1, `11${status200}`),
    'GOAWAY PROTOCOL_ERROR',
  ],
  ['6.3/1', 'PRIORITY on stream 0', frame(PRIORITY, 0, 0, '00000000ff'), 'GOAWAY PROTOCOL_ERROR'],
  [
    '6.3/2',
    'PRIORITY of a length other than 5 octets',
    answer + frame(PRIORITY, 0, 1, '80000001'),
    'RST_STREAM FRAME_SIZE_ERROR',
  ],
  ['6.4/1', 'RST_STREAM on stream 0', frame(RST_STREAM, 0, 0, '00000008'), 'GOAWAY PROTOCOL_ERROR'],
  [
    '6.4/2',
    'RST_STREAM on an idle stream',
    frame(RST_STREAM, 0, 2, '00000008'),
    'GOAWAY PROTOCOL_ERROR',
  ],
  [
    '6.4/3',
    'RST_STREAM of a length other than 4 octets',
    answer + frame(RST_STREAM, 0, 1, zeros(3)),
    'GOAWAY FRAME_SIZE_ERROR',
  ],
  [
    '6.5/1',
    'SETTINGS with ACK and payload',
    frame(SETTINGS, 1, 0, '00'),
    'GOAWAY FRAME_SIZE_ERROR',
  ],
  ['6.5/2', 'SETTINGS on a stream', frame(SETTINGS, 0, 1, '000300000064'), 'GOAWAY PROTOCOL_ERROR'],
  [
    '6.5/3',
    'SETTINGS of a length other than a multiple of 6 octets',
    frame(SETTINGS, 0, 0, '000300'),
    'GOAWAY FRAME_SIZE_ERROR',
  ],
  [
    '6.5.2/1',
    'SETTINGS_INITIAL_WINDOW_SIZE above the maximum',
    frame(SETTINGS, 0, 0, '000480000000'),
    'GOAWAY FLOW_CONTROL_ERROR',
  ],
  [
    '6.5.2/2',
    'SETTINGS_MAX_FRAME_SIZE below the initial value',
    frame(SETTINGS, 0, 0, '000500003fff'),
    'GOAWAY PROTOCOL_ERROR',
  ],
  [
    '6.5.2/3',
    'SETTINGS_MAX_FRAME_SIZE above the maximum',
    frame(SETTINGS, 0, 0, '000501000000'),
    'GOAWAY PROTOCOL_ERROR',
  ],
  [
    '6.5.2/4',
    'SETTINGS with unknown identifier',
    frame(SETTINGS, 0, 0, '00ff00000001') + ping,
    'PING',
  ],
  ['6.5.3/1', 'SETTINGS without ACK', frame(SETTINGS, 0, 0, '000200000000'), 'SETTINGS'],
  ['6.7/1', 'PING', ping, 'PING'],
  ['6.7/2', 'PING with ACK', frame(PING, 1, 0, '696e76616c696400') + ping, 'PING'],
  ['6.7/3', 'PING on a stream', frame(PING, 0, 1, zeros(8)), 'GOAWAY PROTOCOL_ERROR'],
  [
    '6.7/4',
    'PING of a length other than 8',
    frame(PING, 0, 0, zeros(6)),
    'GOAWAY FRAME_SIZE_ERROR',
  ],
  ['6.8/1', 'GOAWAY on a stream', frame(GOAWAY, 0, 1, zeros(8)), 'GOAWAY PROTOCOL_ERROR'],
  ['6.9/1', 'WINDOW_UPDATE of 0', window(0, zeros(4)), 'GOAWAY PROTOCOL_ERROR'],
  [
    '6.9/2',
    'WINDOW_UPDATE of 0 on a stream',
    head + window(1, zeros(4)),
    'RST_STREAM PROTOCOL_ERROR',
  ],
  [
    '6.9/3',
    'WINDOW_UPDATE of a length other than 4 octets',
    frame(WINDOW_UPDATE, 0, 0, '000001'),
    'GOAWAY FRAME_SIZE_ERROR',
  ],
  [
    '6.9.1/1',
    'WINDOW_UPDATE up to above 2^31-1',
    window(0, '7fffffff') + window(0, '7fffffff'),
    'GOAWAY FLOW_CONTROL_ERROR',
  ],
  [
    '6.9.1/2',
    'WINDOW_UPDATE up to above 2^31-1 on a stream',
    head + window(1, '7fffffff') + window(1, '7fffffff'),
    'RST_STREAM FLOW_CONTROL_ERROR',
  ],
  [
    '6.10/1',
    'CONTINUATION frames behind HEADERS',
    frame(HEADERS, END_STREAM, 1, status200) +
      frame(CONTINUATION, 0, 1, dummy) +
      frame(CONTINUATION, 4, 1, dummy) +
      ping,
    'PING',
  ],
  [
    '6.10/2',
    'CONTINUATION followed by another frame',
    frame(HEADERS, 0, 1, status200) + frame(CONTINUATION, 0, 1, dummy) + frame(DATA, 1, 1, test),
    'GOAWAY PROTOCOL_ERROR',
  ],
  [
    '6.10/3',
    'CONTINUATION on stream 0',
    frame(HEADERS, END_STREAM, 1, status200) + frame(CONTINUATION, 4, 0, dummy),
    'GOAWAY PROTOCOL_ERROR',
  ],
  [
    '6.10/4',
    'CONTINUATION behind HEADERS with END_HEADERS',
    answer + frame(CONTINUATION, 4, 1, dummy),
    'GOAWAY PROTOCOL_ERROR',
  ],
  [
    '6.10/5',
    'CONTINUATION behind CONTINUATION with END_HEADERS',
    frame(HEADERS, END_STREAM, 1, status200) +
      frame(CONTINUATION, 4, 1, dummy) +
      frame(CONTINUATION, 4, 1, dummy),
    'GOAWAY PROTOCOL_ERROR',
  ],
  [
    '6.10/6',
    'CONTINUATION behind DATA',
    frame(HEADERS, 0, 1, status200) +
      frame(DATA, 1, 1, test) +
      frame(CONTINUATION, 0, 1, dummy) +
      frame(CONTINUATION, 4, 0, dummy),
    'GOAWAY PROTOCOL_ERROR',
  ],
]

const isAcknowledgement = ({ type, flags }: SentFrame): boolean => type === SETTINGS && flags === 1

t.equal(rows.length, 57)

for (const [id, what, bytes, expected] of rows)
  t.test(`${id} ${what}`, async (t) => {
    const { peer, opened, parcel } = await sendToRawPeer(t)
    peer.write(bytes)
    const [told, code] = expected.split(' ') as [string, Code | undefined]
    if (told === 'answered') t.match(await opened.outcomeOf(parcel), { kind: 'delivered' })
    else if (told === 'SETTINGS')
      await untilIs(() => peer.frames().filter(isAcknowledgement).length, 2)
    else if (told === 'PING') t.match(await peer.frame(PING), { flags: 1, payload: opaque })
    else if (code !== undefined && told === 'RST_STREAM')
      t.equal((await peer.frame(RST_STREAM, 1)).payload, codes[code])
    else if (code !== undefined) {
      t.equal((await peer.frame(GOAWAY)).payload, `00000000${codes[code]}`)
      await opened.closed()
    }
  })
