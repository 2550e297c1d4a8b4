import { generateKeyPairSync } from 'node:crypto'
import { constants, sensitiveHeaders } from 'node:http2'
import t, { type Test } from 'tap'
import { ProviderToken } from '../../src/apns/provider-token.ts'
import { latencyBoundsMs } from '../../src/timing/latency-histogram.ts'
import { startSimulator } from '../../src/simulator/provider-api.ts'
import { Http2Session } from '../../src/upstream/http2/http2-session.ts'
import type { SessionTarget } from '../../src/upstream/session.ts'
import { until, untilAtLeast, untilIs } from '../fixtures/condition.ts'
import { FakeClock } from '../fixtures/fake-clock.ts'
import { hex } from '../fixtures/hex.ts'
import { authority, pushCertificate, server } from '../fixtures/identity.ts'
import { NodeHttp2Session } from '../fixtures/node-http2-session.ts'
import {
  openSession as openSessionOf,
  playPeer,
  playTcpPeer,
  type OpenedSession,
  type Peer,
  type PeerRequest,
  type SessionClass,
} from '../fixtures/provider-peer.ts'

const minuteMs = 60_000

/** The request with this index, from 0, in the order received. */
async function request({ requests }: Peer, index = 0): Promise<PeerRequest> {
  await untilAtLeast(() => requests.length, index + 1)
  const found = requests[index]
  if (found === undefined) throw new TypeError('a request')
  return found
}

function answer({ stream }: PeerRequest, status: number, body = '', headers = {}): void {
  stream.respond({ ':status': status, ...headers })
  stream.end(body)
}

/** Our session, and the one on node:http2 that must behave alike. */
for (const Session of [Http2Session, NodeHttp2Session])
  t.test(Session.name, (t) => {
    behave(t, Session)
    t.end()
  })

function behave(t: Test, Session: SessionClass): void {
  const openSession = (
    t: Test,
    origin: string,
    target: Partial<SessionTarget> = {},
  ): OpenedSession => openSessionOf(t, Session, origin, target)

  /** A peer, and a session to it that is ready. */
  const connected = async (
    t: Test,
    settings = {},
    target = {},
  ): Promise<{ peer: Peer; opened: OpenedSession }> => {
    const peer = await playPeer(t, settings)
    const opened = openSession(t, peer.origin, target)
    await opened.ready()
    return { peer, opened }
  }

  t.test('has no room before the peer’s SETTINGS, then as much as they allow', async (t) => {
    const peer = await playPeer(t, { maxConcurrentStreams: 7 })
    const { session, ready, events } = openSession(t, peer.origin)
    t.equal(session.room, 0)
    t.equal(session.streamLimit, 0)
    t.same(events, [])
    await ready()
    t.equal(session.room, 7)
    t.equal(session.streamLimit, 7)
    t.same(events, ['hasRoom'])
  })

  t.test('a request has all headers, and never indexes token and authorization', async (t) => {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const key = { privateKey, keyId: 'ABC123DEFG', teamId: 'DEF123GHIJ' }
    const providerToken = new ProviderToken(key, new FakeClock())
    await providerToken.start()
    const { peer, opened } = await connected(t, {}, { providerToken })
    const parcel = opened.send()
    t.equal(opened.session.inFlight, 1)
    const received = await request(peer)
    t.match(received.headers, {
      ':method': 'POST',
      ':path': `/3/device/${'ab'.repeat(32)}`,
      'apns-id': '7c1a4e4e-52a4-4f0c-9d3e-8b1f6d6a7c21',
      'apns-topic': 'com.example.app',
      'apns-push-type': 'alert',
      'apns-priority': '10',
      'apns-expiration': '0',
      authorization: providerToken.authorization,
    })
    t.same(Reflect.get(received.headers, sensitiveHeaders), [':path', 'authorization'])
    t.equal(received.body, '{"aps":{}}')
    t.equal(opened.session.served, false)
    answer(received, 200)
    t.same(await opened.outcomeOf(parcel), { kind: 'delivered' })
    t.equal(opened.session.inFlight, 0)
    t.equal(opened.session.served, true)
    t.same(opened.events, ['hasRoom', 'hasRoom'])
  })

  t.test('measures the latency of answers only', async (t) => {
    const { peer, opened } = await connected(t)
    const parcels = [opened.send(), opened.send(), opened.send()] as const
    const requests = [
      await request(peer, 0),
      await request(peer, 1),
      await request(peer, 2),
    ] as const
    opened.clock.advance(40)
    answer(requests[0], 200)
    await opened.outcomeOf(parcels[0])
    requests[1].stream.close(constants.NGHTTP2_REFUSED_STREAM)
    await opened.outcomeOf(parcels[1])
    opened.clock.advance(400)
    answer(requests[2], 400, '{"reason":"BadDeviceToken"}')
    await opened.outcomeOf(parcels[2])
    const { counts, sumMs } = opened.requestLatency
    t.equal(sumMs, 480)
    t.same(
      [...counts].flatMap((count, bucket) => (count > 0 ? [[latencyBoundsMs[bucket], count]] : [])),
      [
        [50, 1],
        [500, 1],
      ],
    )
  })

  t.test('reads complete answers', async (t) => {
    const rows = [
      {
        what: '410 with its timestamp',
        answer: [410, '{"reason":"Unregistered","timestamp":1617148800000}'],
        outcome: { kind: 'unregistered', reason: 'Unregistered', timestamp: 1_617_148_800 },
      },
      {
        what: 'Retry-After',
        answer: [429, '{"reason":"TooManyRequests"}', { 'retry-after': '7' }],
        outcome: {
          kind: 'unavailable',
          reason: 'TooManyRequests',
          status: 429,
          retry: 'later',
          retryAfterMs: 7000,
        },
      },
      {
        what: 'a Retry-After that is no time',
        answer: [503, '', { 'retry-after': 'soon', 'apns-id': '1' }],
        outcome: { kind: 'unavailable', reason: 'HTTP 503', status: 503, retry: 'later' },
      },
      {
        what: 'an error without a body',
        answer: [400, '', { 'apns-id': '1' }],
        outcome: { kind: 'rejected', reason: 'HTTP 400', amendment: undefined },
      },
      {
        what: 'a body that is far too large',
        answer: [
          400,
          `{"reason":"BadDeviceToken","more":"${'x'.repeat(200_000)}"}`,
          { 'apns-id': '1' },
        ],
        outcome: { kind: 'rejected', reason: 'HTTP 400', amendment: undefined },
      },
    ] as const
    const { peer, opened } = await connected(t)
    for (const [
      index,
      {
        what,
        answer: [status, body, headers],
        outcome,
      },
    ] of rows.entries()) {
      const parcel = opened.send()
      answer(await request(peer, index), status, body, headers)
      t.same(await opened.outcomeOf(parcel), outcome, what)
    }
  })

  t.test('follows a changing stream limit', async (t) => {
    const { peer, opened } = await connected(t, { maxConcurrentStreams: 2 })
    opened.send()
    opened.send()
    t.equal(opened.session.room, 0)
    peer.sessions[0]?.settings({ maxConcurrentStreams: 5 })
    await untilIs(() => opened.session.room, 3)
    t.same(opened.events, ['hasRoom', 'hasRoom'])
    peer.sessions[0]?.settings({ maxConcurrentStreams: 1 })
    await untilIs(() => opened.session.room, 0)
    answer(await request(peer, 0), 200)
    await untilIs(() => opened.session.inFlight, 1)
    t.equal(opened.session.room, 0)
    answer(await request(peer, 1), 200)
    await untilIs(() => opened.session.room, 1)
  })

  t.test('streams without an answer', (t) => {
    const rows = [
      { what: 'refused: at once', code: constants.NGHTTP2_REFUSED_STREAM, retry: 'now' },
      { what: 'reset: later', code: constants.NGHTTP2_INTERNAL_ERROR, retry: 'later' },
      { what: 'cancelled: later', code: constants.NGHTTP2_CANCEL, retry: 'later' },
      { what: 'closed without an answer: later', code: constants.NGHTTP2_NO_ERROR, retry: 'later' },
    ] as const
    for (const { what, code, retry } of rows)
      t.test(what, async (t) => {
        const { peer, opened } = await connected(t)
        const parcel = opened.send()
        const { stream } = await request(peer)
        stream.close(code)
        t.match(await opened.outcomeOf(parcel), { kind: 'unavailable', retry })
        t.equal(opened.session.inFlight, 0)
        t.ok(opened.session.room > 0)
      })

    t.test('200 is a delivery, however the stream ends', async (t) => {
      const { peer, opened } = await connected(t)
      const parcel = opened.send()
      const { stream } = await request(peer)
      stream.respond({ ':status': 200 })
      stream.close(constants.NGHTTP2_INTERNAL_ERROR)
      t.same(await opened.outcomeOf(parcel), { kind: 'delivered' })
    })

    for (const status of [400, 403, 410])
      t.test(`ignores a ${status} whose body is incomplete`, async (t) => {
        const { peer, opened } = await connected(t)
        const parcel = opened.send()
        const { stream } = await request(peer)
        stream.respond({ ':status': status })
        await until(() => opened.session.served)
        opened.session.destroy('for the test')
        t.match(await opened.outcomeOf(parcel), { kind: 'unavailable', retry: 'later' })
      })
    t.end()
  })

  t.test('GOAWAY', (t) => {
    const debugData = Buffer.from('{"reason":"Shutdown"}')

    t.test('streams above the last one are retried at once, the others are answered', async (t) => {
      const { peer, opened } = await connected(t)
      const [below, above] = [opened.send(), opened.send()]
      const first = await request(peer, 0)
      await request(peer, 1)
      peer.sessions[0]?.goaway(constants.NGHTTP2_NO_ERROR, 1, debugData)
      t.match(await opened.outcomeOf(above), { kind: 'unavailable', retry: 'now' })
      t.equal(opened.session.room, 0)
      t.ok(opened.events.includes('draining Shutdown'))
      answer(first, 200)
      t.same(await opened.outcomeOf(below), { kind: 'delivered' })
      await opened.over()
      t.equal(opened.events.at(-1), 'closed GOAWAY Shutdown')
      t.equal(opened.events.filter((event) => event.startsWith('draining')).length, 1)
    })

    t.test('is reported with its code if it has no reason', async (t) => {
      const { peer, opened } = await connected(t)
      peer.sessions[0]?.goaway(constants.NGHTTP2_NO_ERROR)
      await until(() => opened.events.includes('draining code 0'))
      await opened.over()
      t.same(opened.events, ['hasRoom', 'draining code 0', 'closed GOAWAY code 0'])
    })

    for (const code of [constants.NGHTTP2_NO_ERROR, constants.NGHTTP2_PROTOCOL_ERROR])
      t.test(`with BadCertificate and code ${code}, reports a refused credential`, async (t) => {
        const { peer, opened } = await connected(t)
        peer.sessions[0]?.goaway(code, 0, Buffer.from('{"reason":"BadCertificate"}'))
        await until(() => opened.events.includes('draining BadCertificate'))
        await opened.over()
        t.same(opened.events, [
          'hasRoom',
          'draining BadCertificate',
          'closed GOAWAY BadCertificate',
          'credential refused',
        ])
      })

    t.test('is reported once if it is sent twice', async (t) => {
      const { peer, opened } = await connected(t)
      opened.send()
      await request(peer)
      peer.sessions[0]?.goaway(constants.NGHTTP2_NO_ERROR, 1, debugData)
      peer.sessions[0]?.goaway(constants.NGHTTP2_NO_ERROR, 1, debugData)
      await until(() => opened.events.includes('draining Shutdown'))
      answer(await request(peer), 200)
      await opened.over()
      t.equal(opened.events.filter((event) => event.startsWith('draining')).length, 1)
    })

    t.test('later deliveries are answered as unavailable, to retry now', async (t) => {
      const { peer, opened } = await connected(t)
      peer.sessions[0]?.goaway(constants.NGHTTP2_NO_ERROR, 0, debugData)
      await until(() => opened.events.includes('draining Shutdown'))
      t.match(await opened.outcomeOf(opened.send()), { kind: 'unavailable', retry: 'now' })
    })
    t.end()
  })

  t.test('a silent peer', (t) => {
    /** SETTINGS without any setting, and no further frame. */
    const deaf = (t: Test): Promise<string> =>
      playTcpPeer(t, (socket) => socket.write(hex('000000 04 00 00000000')))

    t.test('cancels a request after 10 s, and sends a PING', async (t) => {
      const { peer, opened } = await connected(t)
      const parcel = opened.send()
      await request(peer)
      opened.clock.advance(9000)
      t.same(parcel.outcomes, [])
      opened.clock.advance(1000)
      t.match(await opened.outcomeOf(parcel), {
        kind: 'unavailable',
        reason: 'no answer in time',
        retry: 'later',
      })
      opened.send()
      answer(await request(peer, 1), 200)
      await untilIs(() => opened.session.inFlight, 0)
      opened.clock.advance(6000)
      t.notOk(
        opened.events.some((event) => event.startsWith('closed')),
        'it is',
      )
    })

    t.test('closes the session if the PING is not answered in 5 s', async (t) => {
      const opened = openSession(t, await deaf(t))
      await opened.ready()
      const parcel = opened.send()
      opened.clock.advance(10_000)
      t.match(await opened.outcomeOf(parcel), { reason: 'no answer in time' })
      opened.clock.advance(4000)
      t.same(opened.events.includes('closed no answer to a PING'), false)
      const late = opened.send()
      opened.clock.advance(1000)
      await opened.closed()
      t.equal(opened.events.at(-1), 'closed no answer to a PING')
      t.match(await opened.outcomeOf(late), { kind: 'unavailable', retry: 'later' })
    })

    t.test('sends a PING once a minute to an idle peer', async (t) => {
      const { peer, opened } = await connected(t)
      let pings = 0
      peer.sessions[0]?.on('ping', () => pings++)
      for (let minute = 1; minute <= 5; minute++) {
        opened.clock.advance(minuteMs)
        await untilIs(() => pings, minute)
        // Our answer to this PING proves that our session has read the answer to its own PING.
        await new Promise((answered) => peer.sessions[0]?.ping(answered))
      }
      opened.clock.advance(minuteMs - 1)
      t.equal(pings, 5)
      t.same(opened.events, ['hasRoom'])
    })

    t.test('closes the session to an idle peer that does not answer', async (t) => {
      const opened = openSession(t, await deaf(t))
      await opened.ready()
      opened.clock.advance(minuteMs + 5000)
      await opened.closed()
      t.equal(opened.events.at(-1), 'closed no answer to a PING')
    })

    t.test('drain does not wait for the peer to close', async (t) => {
      const opened = openSession(t, await deaf(t))
      await opened.ready()
      opened.session.drain()
      t.same(opened.events, ['hasRoom'])
      await opened.over()
      t.same(opened.events, ['hasRoom', 'closed drained'])
    })

    t.test('drain and destroy do not wait for the peer to close', async (t) => {
      const opened = openSession(t, await deaf(t))
      await opened.ready()
      opened.session.drain()
      opened.session.destroy('stopped')
      await opened.closed()
      t.same(opened.events, ['hasRoom', 'closed drained'])
    })

    t.test('closes the connection after 10 s without SETTINGS', async (t) => {
      const opened = openSession(t, await playTcpPeer(t, () => undefined))
      opened.clock.advance(9000)
      t.same(opened.events, [])
      opened.clock.advance(1000)
      await opened.closed()
      t.same(opened.events, ['closed no answer while connecting'])
    })
    t.end()
  })

  t.test('the handshake', (t) => {
    /** A fatal TLS alert, which ends a handshake. */
    const alerting = async (t: Test, description: number): Promise<string> => {
      const alert = Buffer.from([0x15, 0x03, 0x03, 0x00, 0x02, 0x02, description])
      const origin = await playTcpPeer(t, (socket) => {
        socket.once('data', () => socket.end(alert))
      })
      return origin.replace('http:', 'https:')
    }

    const credentialAlerts = {
      'bad certificate': 42,
      'unsupported certificate': 43,
      'certificate revoked': 44,
      'certificate expired': 45,
      'certificate unknown': 46,
      'unknown ca': 48,
      'access denied': 49,
      'certificate required': 116,
    }
    for (const [name, description] of Object.entries(credentialAlerts))
      t.test(`ends with ${name}: the credential is refused`, async (t) => {
        const opened = openSession(t, await alerting(t, description))
        await opened.closed()
        t.match(opened.events, [new RegExp(`^closed .*${name}`), 'credential refused'])
      })

    const otherAlerts = { 'handshake failure': 40, 'protocol version': 70, 'internal error': 80 }
    for (const [name, description] of Object.entries(otherAlerts))
      t.test(`ends with ${name}: the credential is not refused`, async (t) => {
        const opened = openSession(t, await alerting(t, description))
        await opened.closed()
        t.match(opened.events, [new RegExp(`^closed .*${name}`)])
        t.notOk(opened.events.includes('credential refused'))
      })

    t.test('sends the certificate, and trusts the given authority', async (t) => {
      const received: string[] = []
      const clock = new FakeClock()
      const simulator = await startSimulator(
        { tls: server, onNotification: ({ credential }) => received.push(credential) },
        { clock },
      )
      t.teardown(() => simulator.stop())
      const opened = openSession(t, simulator.origin, {
        certificate: await pushCertificate('com.example.app'),
        certificateAuthority: authority.certificatePem,
      })
      await opened.ready()
      t.same(await opened.outcomeOf(opened.send()), { kind: 'delivered' })
      t.same(received, ['certificate'])
    })

    t.test('an untrusted server gets no request; the credential is not refused', async (t) => {
      const simulator = await startSimulator({ tls: server }, { clock: new FakeClock() })
      t.teardown(() => simulator.stop())
      const opened = openSession(t, simulator.origin)
      await opened.closed()
      t.match(opened.events, [/^closed (unable to|self-signed)/])
      t.notOk(opened.events.includes('credential refused'))
    })
    t.end()
  })

  t.test('a provider token that APNs reports as expired', (t) => {
    const expired = '{"reason":"ExpiredProviderToken"}'

    const withToken = async (
      t: Test,
    ): Promise<{
      peer: Peer
      opened: OpenedSession
      token: ProviderToken
      tokenClock: FakeClock
    }> => {
      const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
      const tokenClock = new FakeClock()
      const key = { privateKey, keyId: 'ABC123DEFG', teamId: 'DEF123GHIJ' }
      const token = new ProviderToken(key, tokenClock)
      await token.start()
      t.teardown(() => {
        token.stop()
      })
      return { ...(await connected(t, {}, { providerToken: token })), token, tokenClock }
    }

    t.test('is renewed, and the session is drained', async (t) => {
      const { peer, opened, token, tokenClock } = await withToken(t)
      const before = token.authorization
      tokenClock.advance(30 * minuteMs)
      const [one, two] = [opened.send(), opened.send()]
      answer(await request(peer, 0), 403, expired)
      t.match(await opened.outcomeOf(one), { kind: 'unavailable', reason: 'ExpiredProviderToken' })
      await until(() => token.authorization !== before)
      t.ok(opened.events.includes('draining ExpiredProviderToken'))
      t.equal(opened.session.room, 0)
      answer(await request(peer, 1), 403, expired)
      t.match(await opened.outcomeOf(two), { kind: 'unavailable', reason: 'ExpiredProviderToken' })
      await opened.closed()
      t.equal(opened.events.filter((event) => event.startsWith('draining')).length, 1)
      t.equal(opened.events.at(-1), 'closed drained')
    })

    t.test('is not renewed if it is new; the outcome names the clock', async (t) => {
      const { peer, opened, token } = await withToken(t)
      const before = token.authorization
      const parcel = opened.send()
      answer(await request(peer), 403, expired)
      t.match(await opened.outcomeOf(parcel), { kind: 'credential', reason: /clock/ })
      await opened.closed()
      t.equal(token.authorization, before)
    })
    t.end()
  })

  t.test('an unreachable peer', (t) => {
    t.test('refuses the connection', async (t) => {
      const opened = openSession(t, 'http://127.0.0.1:1')
      await opened.closed()
      t.match(opened.events, [/^closed connect ECONNREFUSED/])
    })

    t.test('has an unknown name', async (t) => {
      const opened = openSession(t, 'https://push.invalid')
      await opened.closed()
      t.match(opened.events, [/^closed getaddrinfo/])
    })

    t.test('closes at once', async (t) => {
      const opened = openSession(
        t,
        await playTcpPeer(t, (socket) => {
          socket.destroy()
        }),
      )
      await opened.closed()
      t.equal(opened.events.length, 1)
      t.equal(opened.session.served, false)
    })
    t.end()
  })

  t.test('a lost connection answers all requests in flight, to retry later', async (t) => {
    const { peer, opened } = await connected(t)
    const parcels = [opened.send(), opened.send()]
    await request(peer, 1)
    peer.sessions[0]?.destroy()
    for (const parcel of parcels)
      t.match(await opened.outcomeOf(parcel), { kind: 'unavailable', retry: 'later' })
    await opened.closed()
    t.equal(opened.session.inFlight, 0)
    t.equal(opened.session.room, 0)
  })

  t.test('drained', (t) => {
    t.test('finishes requests in flight and takes no more', async (t) => {
      const { peer, opened } = await connected(t)
      const parcel = opened.send()
      const received = await request(peer)
      opened.session.drain()
      opened.session.drain()
      t.equal(opened.session.room, 0)
      answer(received, 200)
      t.same(await opened.outcomeOf(parcel), { kind: 'delivered' })
      await opened.closed()
      t.same(opened.events, ['hasRoom', 'closed drained'])
    })

    t.test('closes if it is not connected yet', async (t) => {
      const peer = await playPeer(t)
      const opened = openSession(t, peer.origin)
      opened.session.drain()
      await opened.closed()
      t.same(opened.events, ['closed drained'])
    })

    t.test('answers requests in flight if it is then destroyed', async (t) => {
      const { peer, opened } = await connected(t)
      const parcel = opened.send()
      await request(peer)
      opened.session.drain()
      opened.session.destroy('stopped')
      t.match(await opened.outcomeOf(parcel), { kind: 'unavailable' })
      await opened.closed()
    })
    t.end()
  })

  t.test('destroyed', (t) => {
    t.test('closes once', async (t) => {
      const { peer, opened } = await connected(t)
      const parcel = opened.send()
      await request(peer)
      opened.session.destroy('stopped')
      opened.session.destroy('stopped twice')
      opened.session.drain()
      t.match(await opened.outcomeOf(parcel), { kind: 'unavailable', retry: 'later' })
      await opened.closed()
      opened.session.destroy('stopped again')
      t.same(opened.events, ['hasRoom', 'closed stopped'])
      t.equal(opened.clock.pending, 0)
    })

    t.test('closes even if it is not connected yet', async (t) => {
      const peer = await playPeer(t)
      const opened = openSession(t, peer.origin)
      opened.session.destroy('stopped')
      await opened.closed()
      t.same(opened.events, ['closed stopped'])
    })
    t.end()
  })
}
