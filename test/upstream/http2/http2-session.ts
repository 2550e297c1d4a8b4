/** The bytes that a session writes; test/upstream/session.ts tests its behaviour. */
import { once } from 'node:events'
import type { AddressInfo, Socket } from 'node:net'
import { createServer } from 'node:tls'
import t, { type Test } from 'tap'
import { Http2Session } from '../../../src/upstream/http2/http2-session.ts'
import { until, untilAtLeast, untilIs } from '../../fixtures/condition.ts'
import { authority, server as identity } from '../../fixtures/identity.ts'
import { openSession, type OpenedSession } from '../../fixtures/provider-peer.ts'
import { emptySettings, frame, playRawPeer, type RawPeer } from '../../fixtures/raw-peer.ts'

const [DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE] = [0, 1, 3, 4, 6, 7, 8]
const CONTINUATION = 9
const [status200, status400, status500] = ['88', '8c', '8e']
const answer = (streamId: number, status = status200): string => frame(HEADERS, 5, streamId, status)

async function connected(
  t: Test,
  greeting = emptySettings,
): Promise<{ peer: RawPeer; opened: OpenedSession }> {
  const peer = await playRawPeer(t, greeting)
  const opened = openSession(t, Http2Session, peer.origin)
  await opened.ready()
  return { peer, opened }
}

/** A field without indexing, in plain text: 00, then each string behind its length. */
function literal(name: string, value: string): string {
  const string = (text: string): string =>
    text.length.toString(16).padStart(2, '0') + Buffer.from(text).toString('hex')
  return `00${string(name)}${string(value)}`
}

/** SETTINGS_INITIAL_WINDOW_SIZE */
const initialWindow = (bytes: string): string => frame(SETTINGS, 0, 0, `0004${bytes}`)

/** The DATA frames that the peer has received on a stream. */
function body(peer: RawPeer, streamId: number): string[] {
  return peer
    .frames()
    .filter((sent) => sent.type === DATA && sent.streamId === streamId)
    .map(({ payload }) => Buffer.from(payload, 'hex').toString())
}

/** Waits until the peer has received all frames sent so far. */
async function settled(peer: RawPeer, mark: number): Promise<void> {
  const opaque = mark.toString(16).padStart(16, '0')
  peer.write(frame(PING, 0, 0, opaque))
  await until(() =>
    peer.frames().some((sent) => sent.type === PING && sent.flags === 1 && sent.payload === opaque),
  )
}

t.test('begins with preface and SETTINGS, and acknowledges the peer’s SETTINGS', async (t) => {
  const { peer } = await connected(t)
  t.match(await peer.frame(SETTINGS), { flags: 0, payload: '000200000000000600004000' })
  await untilAtLeast(() => peer.frames().length, 2)
  t.match(peer.frames()[1], { type: SETTINGS, flags: 1, payload: '' })
})

t.test('sends the requests of one turn in order, on odd streams', async (t) => {
  const { peer, opened } = await connected(t)
  for (let count = 0; count < 3; count++) opened.send()
  await peer.frame(DATA, 5)
  const sent = peer.frames().filter(({ type }) => type !== SETTINGS)
  t.same(
    sent.map(({ type, flags, streamId }) => [type, flags, streamId]),
    [
      [HEADERS, 4, 1],
      [DATA, 1, 1],
      [HEADERS, 4, 3],
      [DATA, 1, 3],
      [HEADERS, 4, 5],
      [DATA, 1, 5],
    ],
  )
})

t.test('a request without a body ends with its headers', async (t) => {
  const { peer, opened } = await connected(t)
  opened.send({ payload: Buffer.alloc(0) })
  t.match(await peer.frame(HEADERS, 1), { flags: 5 })
})

t.test('splits headers over the peer’s frame size into CONTINUATION', async (t) => {
  const { peer, opened } = await connected(t)
  opened.send({ topic: 'x'.repeat(20_000) })
  await peer.frame(DATA, 1)
  const [headers, continuation] = [await peer.frame(HEADERS), await peer.frame(CONTINUATION)]
  t.equal(headers.flags, 0)
  t.equal(headers.payload.length, 2 * 16_384)
  t.equal(continuation.flags, 4)
  t.equal(continuation.streamId, 1)
})

t.test('windows of the peer', (t) => {
  t.test('a body waits for its stream’s window; other bodies are sent', async (t) => {
    const { peer, opened } = await connected(t, initialWindow('00000004'))
    opened.send({ payload: Buffer.from('0123456789') })
    opened.send({ payload: Buffer.from('abcd') })
    await peer.frame(DATA, 3)
    t.same(body(peer, 1), ['0123'])
    t.same(body(peer, 3), ['abcd'])
    peer.write(frame(WINDOW_UPDATE, 0, 1, '00000003'))
    await untilIs(() => body(peer, 1).length, 2)
    peer.write(frame(WINDOW_UPDATE, 0, 1, '00000100'))
    await untilIs(() => body(peer, 1).length, 3)
    t.same(body(peer, 1), ['0123', '456', '789'])
    t.same(
      peer
        .frames()
        .flatMap(({ type, streamId, flags }) => (type === DATA && streamId === 1 ? [flags] : [])),
      [0, 0, 1],
    )
  })

  t.test('a new initial window changes the windows of open streams, even below 0', async (t) => {
    const { peer, opened } = await connected(t, initialWindow('00000004'))
    opened.send({ payload: Buffer.from('0123456789') })
    await peer.frame(DATA, 1)
    peer.write(initialWindow('00000001') + frame(WINDOW_UPDATE, 0, 1, '00000003'))
    await settled(peer, 1)
    t.same(body(peer, 1), ['0123'], '−3 and 3 are none')
    peer.write(frame(WINDOW_UPDATE, 0, 1, '00000001'))
    await settled(peer, 2)
    t.same(body(peer, 1), ['0123', '4'])
    peer.write(initialWindow('00000100'))
    await settled(peer, 3)
    t.same(body(peer, 1), ['0123', '4', '56789'])
  })

  t.test('bodies wait for the connection’s window in order, and then requests wait', async (t) => {
    const { peer, opened } = await connected(t, initialWindow('7fffffff'))
    const large = Buffer.alloc(5000, 'x')
    for (let count = 0; count < 14; count++) opened.send({ payload: large })
    t.equal(opened.session.room, 0, '65,535 bytes are 13 bodies and a bit')
    await settled(peer, 1)
    t.same(
      [13, 14].map((count) => body(peer, 2 * count - 1).join('').length),
      [5000, 535],
    )
    const told = opened.events.length
    peer.write(frame(WINDOW_UPDATE, 0, 0, '00001191'))
    await untilAtLeast(() => opened.session.room, 1)
    t.same(opened.events.slice(told), ['hasRoom'])
    await settled(peer, 2)
    t.equal(body(peer, 27).join('').length, 5000)
    opened.send({ payload: large })
    await settled(peer, 3)
    t.same(
      body(peer, 29).map(({ length }) => length),
      [32],
    )
  })

  t.test('bodies wait for the output, and continue once it has room', async (t) => {
    const windows = initialWindow('00000000') + frame(WINDOW_UPDATE, 0, 0, '70000000')
    const { peer, opened } = await connected(t, windows)
    for (let count = 0; count < 100; count++) opened.send({ payload: Buffer.alloc(5000, 'x') })
    await peer.frame(HEADERS, 199)
    peer.write(initialWindow('00002000'))
    await peer.frame(DATA, 199)
    t.equal(body(peer, 199).join('').length, 5000)
  })

  t.test('an answer before the end of the body ends the request', async (t) => {
    const { peer, opened } = await connected(t, initialWindow('00000000'))
    const parcel = opened.send()
    await peer.frame(HEADERS, 1)
    const reason = Buffer.from('{"reason":"PayloadTooLarge"}').toString('hex')
    peer.write(
      frame(HEADERS, 4, 1, `08 03 ${Buffer.from('413').toString('hex')}`) +
        frame(DATA, 1, 1, reason) +
        frame(RST_STREAM, 0, 1, '00000000') +
        frame(WINDOW_UPDATE, 0, 1, '00000100'),
    )
    t.match(await opened.outcomeOf(parcel), { kind: 'rejected', reason: 'PayloadTooLarge' })
    t.equal((await peer.frame(RST_STREAM, 1)).payload, '00000008')
    await settled(peer, 1)
    t.same(body(peer, 1), [])
    t.equal(opened.session.inFlight, 0)
  })

  t.test('an error followed by RST_STREAM with NO_ERROR is an answer', async (t) => {
    const { peer, opened } = await connected(t, initialWindow('00000000'))
    const parcel = opened.send()
    await peer.frame(HEADERS, 1)
    peer.write(frame(HEADERS, 4, 1, status400) + frame(RST_STREAM, 0, 1, '00000000'))
    t.match(await opened.outcomeOf(parcel), { reason: 'HTTP 400', isForeign: true })
  })
  t.end()
})

t.test('a Retry-After that is a date counts from the date of the answer', async (t) => {
  const { peer, opened } = await connected(t)
  const parcel = opened.send()
  await peer.frame(HEADERS, 1)
  const [date, retryAfter] = ['Wed, 31 Mar 2021 00:00:00 GMT', 'Wed, 31 Mar 2021 00:00:42 GMT']
  const fields = [literal('date', date), literal('retry-after', retryAfter)]
  peer.write(frame(HEADERS, 5, 1, status500 + fields.join('')))
  t.match(await opened.outcomeOf(parcel), { reason: 'HTTP 500', retryAfterMs: 42_000 })
})

t.test('a web page with status 200 is no delivery', async (t) => {
  const { peer, opened } = await connected(t)
  const parcel = opened.send()
  await peer.frame(HEADERS, 1)
  peer.write(frame(HEADERS, 5, 1, status200 + literal('content-type', 'text/html')))
  t.match(await opened.outcomeOf(parcel), { kind: 'unavailable', isForeign: true })
})

t.test('renews its windows, also for DATA on an ended stream', async (t) => {
  const { peer, opened } = await connected(t)
  const parcel = opened.send()
  await peer.frame(DATA, 1)
  const half = frame(DATA, 0, 1, '00'.repeat(16_384))
  peer.write(frame(HEADERS, 4, 1, status400) + half + half)
  t.equal((await peer.frame(WINDOW_UPDATE, 0)).payload, '00008000')
  t.equal((await peer.frame(WINDOW_UPDATE, 1)).payload, '00008000')
  opened.clock.advance(10_000)
  t.match(await opened.outcomeOf(parcel), { reason: 'no answer in time' })
  t.equal((await peer.frame(RST_STREAM, 1)).payload, '00000008')
  peer.write(half + half + frame(DATA, 1, 1) + frame(HEADERS, 5, 1, status400))
  await settled(peer, 1)
  const grants = peer.frames().filter(({ type }) => type === WINDOW_UPDATE)
  t.same(
    grants.map(({ streamId }) => streamId),
    [0, 1, 0],
  )
  t.notOk(peer.frames().some(({ type }) => type === GOAWAY))
})

t.test(
  'does not close the session if an unread answer waits while this process is busy',
  async (t) => {
    const { peer, opened } = await connected(t)
    const parcel = opened.send()
    await peer.frame(DATA, 1)
    peer.write(answer(1))
    opened.clock.stall(60_000)
    opened.clock.advance(0)
    t.same(await opened.outcomeOf(parcel), { kind: 'delivered' })
    t.notOk(peer.frames().some(({ type }) => type === RST_STREAM))
  },
)

t.test('drops a late answer to a cancelled request, and decodes its headers', async (t) => {
  const { peer, opened } = await connected(t)
  opened.send()
  await peer.frame(DATA, 1)
  opened.clock.advance(10_000)
  const next = opened.send()
  await peer.frame(DATA, 3)
  // `retry-after: 7` enters the table with the late answer, and is index 62 of the other one.
  peer.write(frame(HEADERS, 5, 1, '88 75 01 37') + frame(HEADERS, 5, 3, '8e be'))
  t.match(await opened.outcomeOf(next), { reason: 'HTTP 500', retryAfterMs: 7000 })
})

t.test('fails on a peer that answers a PING and never acknowledged SETTINGS', async (t) => {
  const { peer, opened } = await connected(t)
  opened.clock.advance(60_000)
  peer.write(frame(PING, 1, 0, (await peer.frame(PING)).payload))
  t.equal((await peer.frame(GOAWAY)).payload, '0000000000000004')
  await opened.closed()
  t.match(opened.events.at(-1), /^closed SETTINGS_TIMEOUT/)
})

t.test('ends with GOAWAY when drained', async (t) => {
  const { peer, opened } = await connected(t)
  opened.session.drain()
  t.equal((await peer.frame(GOAWAY)).payload, '0000000000000000')
  await opened.closed()
})

t.test('drains after the last stream identifier', async (t) => {
  const peer = await playRawPeer(t)
  const LastStreams = class extends Http2Session {
    constructor(...[target, owner, times, clock]: ConstructorParameters<typeof Http2Session>) {
      super(target, owner, times, clock, 0x7fff_fffd)
    }
  }
  const opened = openSession(t, LastStreams, peer.origin)
  await opened.ready()
  const parcels = [opened.send(), opened.send()]
  t.same(opened.events, ['hasRoom', 'draining stream identifiers used up'])
  t.equal(opened.session.room, 0)
  await peer.frame(DATA, 0x7fff_ffff)
  peer.write(answer(0x7fff_fffd) + answer(0x7fff_ffff))
  for (const parcel of parcels) t.match(await opened.outcomeOf(parcel), { kind: 'delivered' })
  await opened.closed()
})

t.test('has no room while the peer does not read, and has room again afterwards', async (t) => {
  const windows = frame(SETTINGS, 0, 0, '00047fffffff') + frame(WINDOW_UPDATE, 0, 0, '70000000')
  const { peer, opened } = await connected(t, windows)
  peer.socket()?.pause()
  const payload = Buffer.alloc(5000, 'x')
  let sent = 0
  for (let quiet = 0; quiet < 50; quiet++) {
    if (opened.session.room > 0) quiet = 0
    for (; opened.session.room > 0; sent++) opened.send({ payload })
    await new Promise((next) => setImmediate(next))
  }
  t.equal(opened.session.room, 0)
  t.equal(opened.session.inFlight, sent)
  const told = opened.events.length
  peer.socket()?.resume()
  await untilAtLeast(() => opened.session.room, 1)
  t.ok(opened.events.length > told)
  await peer.frame(DATA, 2 * sent - 1)
})

t.test('reports a TLS server without HTTP/2', async (t) => {
  const sockets: Socket[] = []
  const server = createServer({ cert: identity.certificatePem, key: identity.keyPem }, (socket) => {
    socket.on('error', () => undefined)
    sockets.push(socket)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(async () => {
    for (const socket of sockets) socket.destroy()
    server.close()
    await once(server, 'close')
  })
  const opened = openSession(
    t,
    Http2Session,
    `https://127.0.0.1:${(server.address() as AddressInfo).port}`,
    { certificateAuthority: authority.certificatePem },
  )
  await opened.closed()
  t.same(opened.events, ['closed the peer does not offer HTTP/2 in its TLS handshake (ALPN h2)'])
})

t.test('reports the cause for each address of a name if none answers', async (t) => {
  const opened = openSession(t, Http2Session, 'https://localhost:1')
  await opened.closed()
  t.match(opened.events, [/^closed .*ECONNREFUSED/])
})
