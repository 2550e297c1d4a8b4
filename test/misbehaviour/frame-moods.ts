/** Providers that break the rules of HTTP/2 frames, or stretch them. */
import { emptySettings, field, frame } from '../fixtures/raw-peer.ts'
import { apnsId, grant, status200, type RawConnection, type RawRequest } from './raw-provider.ts'
import type { ProviderMood } from './run.ts'

const flood = 20_000
const text = (value: string): string => Buffer.from(value).toString('hex')

/** SETTINGS with one setting. */
export function setting(id: number, value: number): string {
  return frame(4, 0, 0, `${number(id, 2)}${number(value, 4)}`)
}

/** GOAWAY. */
export function goaway(lastStreamId: number, code: number, debug = ''): string {
  return frame(7, 0, 0, number(lastStreamId, 4) + number(code, 4) + text(debug))
}

export function number(value: number, bytes: number): string {
  return value.toString(16).padStart(2 * bytes, '0')
}

/** Requests are not answered, so that none can be accepted on a connection that has to end. */
export function ignore(): void {
  // No answer.
}

/** Writes once the client has opened the connection, then answers nothing. */
function opening(mood: string, text: string): ProviderMood {
  return { mood, opened: (peer) => peer.write(text), request: ignore }
}

/** Writes for the first request of a connection, then answers nothing. */
export function spoiling(mood: string, textFor: (streamId: number) => string): ProviderMood {
  return {
    mood,
    request: (peer, { streamId }) => {
      if (peer.requests.length === 1) peer.write(textFor(streamId))
    },
  }
}

/** Does this to the first requests of all connections together, then accepts. */
export function first(
  count: number,
  answer: (peer: RawConnection, request: RawRequest) => void,
): (peer: RawConnection, request: RawRequest) => void {
  let requests = 0
  return (peer, request) => {
    if (++requests > count) peer.ok(request)
    else answer(peer, request)
  }
}

const headers = (streamId: number, block: string): string => frame(1, 5, streamId, block)
/** Head of a 200 whose body follows. */
const head = (streamId: number): string => frame(1, 4, streamId, status200 + apnsId)

/** Of these, the proxy ends the connection, or never gets its answer. */
const floods: readonly ProviderMood[] = [
  opening('20,000 SETTINGS', emptySettings.repeat(flood)),
  opening('20,000 PING', frame(6, 0, 0, '00'.repeat(8)).repeat(flood)),
  opening('20,000 PRIORITY', frame(2, 0, 1, '0000000010').repeat(flood)),
  opening('20,000 frames of an unknown type', frame(0xfa, 0xff, 1, 'ab'.repeat(20)).repeat(flood)),
  opening(
    '20,000 RST_STREAM on a stream that was never opened',
    frame(3, 0, 1, '00000008').repeat(flood),
  ),
  spoiling('20,000 RST_STREAM on one stream', (id) => frame(3, 0, id, '00000008').repeat(flood)),
  spoiling('CONTINUATION without end', (id) =>
    [frame(1, 1, id, status200), frame(9, 0, id).repeat(flood)].join(''),
  ),
  spoiling('a header block of 100 KB in CONTINUATION', (id) =>
    [
      frame(1, 1, id, status200),
      frame(9, 0, id, field('x', 'y'.repeat(100)).repeat(100)).repeat(9),
    ].join(''),
  ),
  {
    mood: '20,000 empty DATA behind a 200',
    request: (peer, request) => {
      if (peer.requests.length > 1) return
      peer.accept(request)
      peer.write(head(request.streamId) + frame(0, 0, request.streamId).repeat(flood))
    },
  },
  {
    mood: '20,000 WINDOW_UPDATE on the connection',
    opened: (peer) => peer.write(grant(0, 1).repeat(flood)),
  },
  {
    mood: '20,000 WINDOW_UPDATE on a request',
    began: (peer, { streamId }) => {
      if (streamId === 1) peer.write(grant(streamId, 1).repeat(flood))
    },
  },
  { mood: 'every frame of an unknown type, on every kind of stream', opened: writeUnknown },
]

function writeUnknown(peer: RawConnection): void {
  for (let type = 0x0a; type <= 0xff; type++)
    peer.write(frame(type, 0xff, type % 3, 'ff'.repeat(type)))
}

const headerBlocks: readonly ProviderMood[] = [
  spoiling('a header block with an index beyond the table', (id) => headers(id, '88ffff7f')),
  spoiling('a header block with index 0', (id) => headers(id, '80')),
  spoiling('an integer of HPACK without end', (id) => headers(id, `88ff${'ff'.repeat(50)}`)),
  spoiling('a table size update beyond the limit', (id) => headers(id, '3fe2ff0388')),
  spoiling('a table size update behind a field', (id) => headers(id, `8820${apnsId}`)),
  spoiling('a Huffman string that is only padding', (id) => headers(id, '880084ffffffff00')),
  spoiling('a string longer than its block', (id) => headers(id, '88007f61')),
  spoiling('an empty header block', (id) => headers(id, '')),
  spoiling('a header block that is never finished', (id) => frame(1, 1, id, status200)),
  spoiling(
    'a PING inside a header block',
    (id) => frame(1, 1, id, status200) + frame(6, 0, 0, '00'.repeat(8)),
  ),
  spoiling(
    'CONTINUATION on another stream',
    (id) => frame(1, 1, id, status200) + frame(9, 4, id + 2, apnsId),
  ),
  spoiling('CONTINUATION without HEADERS', (id) => frame(9, 4, id, status200)),
  spoiling('padding longer than its frame', (id) => frame(1, 0x0d, id, `ff${status200}`)),
  {
    mood: 'an HPACK bomb: a field of 4,000 bytes, 11,000 times',
    request: (peer, request) => {
      peer.accept(request)
      const large = `4001787fa11e${'79'.repeat(4000)}`
      peer.write(headers(request.streamId, status200 + large + 'be'.repeat(11_000)))
    },
    count: 8,
  },
  { mood: 'a header table of 4 GiB is offered', greeting: setting(1, 0xffffffff) },
  { mood: 'a header table of no bytes', greeting: setting(1, 0) },
]

const places: readonly ProviderMood[] = [
  opening('DATA on stream 0', frame(0, 0, 0, 'ff')),
  opening('HEADERS on stream 0', headers(0, status200)),
  opening('RST_STREAM on stream 0', frame(3, 0, 0, '00000008')),
  opening('HEADERS on stream 2', headers(2, status200)),
  opening('DATA on stream 9999', frame(0, 0, 9999, 'ff')),
  opening('WINDOW_UPDATE on stream 9999', grant(9999, 1)),
  opening('PING on stream 1', frame(6, 0, 1, '00'.repeat(8))),
  opening('PING of 7 bytes', frame(6, 0, 0, '00'.repeat(7))),
  opening('SETTINGS on stream 1', frame(4, 0, 1)),
  opening('SETTINGS of 5 bytes', frame(4, 0, 0, '00'.repeat(5))),
  opening('an acknowledgement with settings', frame(4, 1, 0, '000300000001')),
  opening('PRIORITY of 4 bytes', frame(2, 0, 1, '00000000')),
  opening('GOAWAY of 7 bytes', frame(7, 0, 0, '00'.repeat(7))),
  opening('a frame of 16,385 bytes', frame(0xfa, 0, 0, '00'.repeat(16_385))),
  spoiling('PUSH_PROMISE', (id) => frame(5, 4, id, `00000002${status200}`)),
  {
    mood: 'HEADERS on a stream that has ended: two answers',
    request: (peer, request) => {
      if (peer.requests.length > 1) return
      peer.ok(request)
      peer.write(headers(request.streamId, status200 + apnsId))
    },
  },
  {
    mood: 'DATA on a stream that has ended',
    request: (peer, request) => {
      if (peer.requests.length > 1) return
      peer.ok(request)
      peer.write(frame(0, 1, request.streamId, 'ff'))
    },
  },
  {
    mood: 'WINDOW_UPDATE, RST_STREAM and PRIORITY on streams that have ended',
    request: (peer, request) => {
      const { streamId } = request
      peer.ok(request)
      peer.write(
        grant(streamId, 1) +
          frame(3, 0, streamId, '00000000') +
          frame(2, 0, streamId, '0000000010'),
      )
    },
  },
]

const settings: readonly ProviderMood[] = [
  opening('a window of 2^31 for streams', setting(4, 0x80000000)),
  opening('frames of at most 16,383 bytes', setting(5, 16_383)),
  opening('frames of at most 2^24 bytes', setting(5, 0x1000000)),
  opening('SETTINGS_ENABLE_PUSH of 1', setting(2, 1)),
  opening('WINDOW_UPDATE of 0 on the connection', grant(0, 0)),
  opening('a window over 2^31 of the connection', grant(0, 0x7fffffff).repeat(2)),
  {
    mood: 'WINDOW_UPDATE of 0 on a request',
    request: first(4, (peer, { streamId }) => peer.write(grant(streamId, 0))),
  },
  {
    mood: 'a window over 2^31 of a request',
    request: first(4, (peer, { streamId }) => peer.write(grant(streamId, 0x7fffffff).repeat(2))),
  },
  { mood: 'unknown settings', greeting: frame(4, 0, 0, 'ffff12345678'.repeat(500)) },
  {
    mood: 'no stream at a time, later as many as the proxy likes',
    greeting: setting(3, 0),
    frame: (peer, { type, flags }) => {
      // The acknowledgement of the first SETTINGS.
      if (type === 4 && flags === 1 && peer.requests.length === 0) peer.write(setting(3, 100))
    },
  },
  { mood: 'no stream at a time, for ever', greeting: setting(3, 0), connections: 1 },
  { mood: 'one stream at a time', greeting: setting(3, 1), count: 20 },
  {
    mood: 'no window for streams, later 65,535 bytes',
    greeting: setting(4, 0),
    began: (peer, { streamId }) => peer.write(grant(streamId, 65_535)),
  },
  { mood: 'no window for streams, for ever', greeting: setting(4, 0) },
  {
    mood: 'a window that shrinks below nothing and grows again',
    greeting: setting(4, 10),
    frame: (peer, { type, streamId, payload }) => {
      if (type === 0 && payload.length === 20)
        peer.write(setting(4, 0) + grant(streamId, 10) + setting(4, 65_535))
    },
  },
  { mood: 'no SETTINGS', greeting: '' },
  { mood: 'PING instead of SETTINGS', greeting: frame(6, 0, 0, '00'.repeat(8)), request: ignore },
  { mood: 'an acknowledgement instead of SETTINGS', greeting: frame(4, 1, 0), request: ignore },
  { mood: 'no acknowledgement of SETTINGS and no answer', isMute: true, request: ignore },
  { mood: 'no acknowledgement of SETTINGS, but answers', isMute: true },
]

export const frameMoods: readonly ProviderMood[] = [
  ...floods,
  ...headerBlocks,
  ...places,
  ...settings,
]
