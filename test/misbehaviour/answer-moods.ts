/** Providers whose answers are malformed, unusual, slow or in the wrong place. */
import { field, frame } from '../fixtures/raw-peer.ts'
import { first, ignore, setting, spoiling } from './frame-moods.ts'
import { apnsId, status200, type RawConnection, type RawRequest } from './raw-provider.ts'
import type { ProviderMood } from './run.ts'

/** Requests that are answered in the wrong way; then the answers are good. */
const few = 6
const mebibyte = 2 ** 20
const status = (code: string): string => field(':status', code)
const json = Buffer.from(JSON.stringify({ reason: 'InternalServerError' })).toString('hex')

/** A whole answer in one HEADERS frame, for the first few requests. */
function answering(mood: string, block: string): ProviderMood {
  return {
    mood,
    request: first(few, (peer, { streamId }) => peer.write(frame(1, 5, streamId, block))),
  }
}

/** An error status with a body, for the first few requests. */
function failing(mood: string, block: string, body = json): ProviderMood {
  return {
    mood,
    request: first(few, (peer, { streamId }) =>
      peer.write(frame(1, 4, streamId, block) + frame(0, 1, streamId, body)),
    ),
  }
}

/** Frames in front of or behind the good head of a 200, which counts. */
function accepting(mood: string, textFor: (streamId: number) => string): ProviderMood {
  return {
    mood,
    request: (peer, request) => {
      peer.accept(request)
      peer.write(textFor(request.streamId))
    },
  }
}

const head = (streamId: number): string => frame(1, 4, streamId, status200 + apnsId)
const end = (streamId: number): string => frame(1, 5, streamId, status200 + apnsId)
const large = (streamId: number, last: number): string =>
  frame(0, 0, streamId, '20'.repeat(16_384)).repeat(mebibyte / 16_384 - 1) +
  frame(0, last, streamId, '20'.repeat(16_384))

const malformed: readonly ProviderMood[] = [
  answering('no :status', apnsId),
  answering(':status 99', status('99')),
  answering(':status 1000', status('1000')),
  answering(':status that is text', status('ok')),
  answering(':status that is empty', status('')),
  answering(':status behind another field', apnsId + status200),
  answering(':status twice', status200 + status200),
  answering('a name in upper case', status200 + field('Apns-Id', 'x')),
  answering('a field about the connection', status200 + field('connection', 'close')),
  answering('a line break in a value', status200 + field('x', 'a\r\nb: c')),
  answering('a name that is empty', status200 + field('', 'x')),
  answering('a content-length of 30 digits', status200 + field('content-length', '9'.repeat(30))),
  answering('status 101', status('101')),
  answering('status 100 as the end', status('100')),
  {
    mood: 'DATA before HEADERS',
    request: first(few, (peer, { streamId }) => peer.write(frame(0, 1, streamId, json))),
  },
  {
    mood: 'trailers that do not end the answer',
    request: first(few, (peer, { streamId }) =>
      peer.write(frame(1, 4, streamId, status('500')) + frame(1, 4, streamId, field('x', 'y'))),
    ),
  },
]

const unusual: readonly ProviderMood[] = [
  accepting(
    '100 and 103 in front of the answer',
    (id) =>
      [status('100'), status('103'), status('199')]
        .map((block) => frame(1, 4, id, block))
        .join('') + end(id),
  ),
  accepting(
    '1,000 times 103 in front of the answer',
    (id) => frame(1, 4, id, status('103')).repeat(1000) + end(id),
  ),
  accepting(
    'trailers',
    (id) => head(id) + frame(0, 0, id, '7b7d') + frame(1, 5, id, field('x', 'y')),
  ),
  accepting('a 200 with a body of 1 MiB', (id) => head(id) + large(id, 1)),
  accepting('a 200 whose body never ends', (id) => head(id) + frame(0, 0, id, '20')),
  accepting('a 200, then a reset', (id) => head(id) + frame(3, 0, id, '00000002')),
  accepting('a 200 whose content-length is not reached', (id) =>
    frame(1, 5, id, status200 + field('content-length', '5')),
  ),
  accepting('a 200 without apns-id', (id) => frame(1, 5, id, status200)),
  accepting('a 200 with 100 unknown fields', (id) =>
    frame(1, 5, id, status200 + apnsId + field('x-unknown', 'y'.repeat(20)).repeat(100)),
  ),
  accepting('a 200 in single bytes of padding', (id) =>
    frame(1, 0x0d, id, `04${status200}${apnsId}00000000`),
  ),
  answering('a 200 of a web page', status200 + field('content-type', 'text/html')),
  failing(
    'a 403 of a web page',
    status('403') + field('content-type', 'text/html'),
    '3c68746d6c3e',
  ),
  {
    mood: 'a 500 with a body of 1 MiB',
    request: first(few, (peer, { streamId }) =>
      peer.write(frame(1, 4, streamId, status('500') + apnsId) + large(streamId, 1)),
    ),
  },
  failing('a 500 whose reason has 16,000 letters', status('500') + apnsId, longReason()),
  failing('a 503 with a body that is not JSON', status('503') + apnsId, 'fffe00'),
  failing('a 421', status('421')),
  {
    mood: 'a 500 whose body never ends',
    request: first(few, (peer, { streamId }) =>
      peer.write(frame(1, 4, streamId, status('500') + apnsId)),
    ),
  },
  ...[
    '0',
    '999999999',
    '99999999999',
    '-1',
    '1.5',
    'soon',
    'Thu, 01 Jan 1970 00:00:00 GMT',
    'Fri, 31 Dec 9999 23:59:59 GMT',
  ].map((value) =>
    failing(
      `Retry-After: ${value}`,
      status('429') +
        apnsId +
        field('date', 'Sun, 29 Nov 2026 00:00:00 GMT') +
        field('retry-after', value),
      Buffer.from('{"reason":"TooManyRequests"}').toString('hex'),
    ),
  ),
]

function longReason(): string {
  return Buffer.from(JSON.stringify({ reason: 'x'.repeat(16_000) })).toString('hex')
}

const order: readonly ProviderMood[] = [
  {
    mood: 'answers before the request has ended',
    greeting: setting(4, 10),
    began: (peer, request) => peer.ok(request),
    request: ignore,
  },
  { mood: 'answers in the opposite order', count: 50, request: answerInReverse },
  spoiling('an answer on the stream of the next request', (id) =>
    frame(1, 5, id + 200, status200 + apnsId),
  ),
  { mood: 'answers byte by byte', request: drip },
  { mood: 'answers after one second, 1,000 at a time', count: 1000, request: answerLate },
  {
    mood: 'REFUSED_STREAM for the first 20 requests',
    request: first(20, (peer, { streamId }) => peer.write(frame(3, 0, streamId, '00000007'))),
    count: 10,
  },
  {
    mood: 'RST_STREAM with every code',
    request: first(20, (peer, { streamId }) =>
      peer.write(frame(3, 0, streamId, (((streamId - 1) / 2) % 16).toString(16).padStart(8, '0'))),
    ),
    count: 20,
  },
  {
    mood: 'RST_STREAM before the request has ended',
    greeting: setting(4, 10),
    connections: 1,
    began: (peer, { streamId }) => {
      if (streamId < 12) peer.write(frame(3, 0, streamId, '00000002'))
      else peer.write(frame(4, 0, 0, '00040000ffff'))
    },
  },
  { mood: 'no answer at all', request: ignore, connections: 1 },
]

const held = new WeakMap<RawConnection, RawRequest[]>()

/** The last of ten requests is answered first; behind the first 50, each at once. */
function answerInReverse(peer: RawConnection, request: RawRequest): void {
  if (peer.requests.length > 50) {
    peer.ok(request)
    return
  }
  const waiting = [request, ...(held.get(peer) ?? [])]
  held.set(peer, waiting)
  if (waiting.length < 10) return
  held.delete(peer)
  for (const each of waiting) peer.ok(each)
}

function answerLate(peer: RawConnection, request: RawRequest): void {
  peer.okLater(request, 1000)
}

const dripping = new WeakMap<RawConnection, Promise<void>>()

/** One answer behind the other, each byte in a turn of the event loop of its own. */
function drip(peer: RawConnection, request: RawRequest): void {
  const before = dripping.get(peer) ?? Promise.resolve()
  const bytes = end(request.streamId).match(/../g) ?? []
  peer.accept(request)
  dripping.set(
    peer,
    before.then(async () => {
      for (const byte of bytes) {
        peer.write(byte)
        await new Promise(setImmediate)
      }
    }),
  )
}

export const answerMoods: readonly ProviderMood[] = [...malformed, ...unusual, ...order]
