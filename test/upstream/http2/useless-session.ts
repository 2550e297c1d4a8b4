/** Sessions whose peer is there, and answers no request: the owner has to open another one. */
import t from 'tap'
import { Http2Session } from '../../../src/upstream/http2/http2-session.ts'
import { until } from '../../fixtures/condition.ts'
import { openSession } from '../../fixtures/provider-peer.ts'
import { emptySettings, frame, playRawPeer, type RawPeer } from '../../fixtures/raw-peer.ts'

const [HEADERS, SETTINGS, PING] = [1, 4, 6]
/** SETTINGS_MAX_CONCURRENT_STREAMS of 0. */
const noStream = frame(SETTINGS, 0, 0, '000300000000')
const settingsAcknowledged = frame(SETTINGS, 1, 0)
const answer = (streamId: number): string => frame(HEADERS, 5, streamId, '88')

/** Answers the PING of a client, of which it has sent so many. */
async function pong(peer: RawPeer, count: number): Promise<void> {
  const pings = (): string[] =>
    peer
      .frames()
      .filter(({ type, flags }) => type === PING && flags === 0)
      .map(({ payload }) => payload)
  await until(() => pings().length === count)
  peer.write(frame(PING, 1, 0, pings().at(-1)))
  // Its own PING comes back once the client has read the answer to the one before.
  peer.write(frame(PING, 0, 0, String(count).padStart(16, '0')))
  await until(
    () => peer.frames().filter(({ type, flags }) => type === PING && flags === 1).length === count,
  )
}

t.test('closes a session on which the peer allows no request within 10 s', async (t) => {
  const peer = await playRawPeer(t, noStream)
  const opened = openSession(t, Http2Session, peer.origin)
  await peer.frame(SETTINGS)
  await until(() => peer.frames().some(({ type, flags }) => type === SETTINGS && flags === 1))
  opened.clock.advance(9000)
  t.same(opened.events, [])
  opened.clock.advance(1000)
  await opened.closed()
  t.same(opened.events, ['closed the peer allows no request'])
})

t.test('drains a session whose peer answers PING, and no request for 20 s', async (t) => {
  const peer = await playRawPeer(t, emptySettings + settingsAcknowledged)
  const opened = openSession(t, Http2Session, peer.origin)
  await opened.ready()
  for (const round of [1, 2, 3]) {
    t.same(opened.events.includes('draining answers PING, and no request'), false)
    const parcel = opened.send()
    await peer.frame(HEADERS, 2 * round - 1)
    opened.clock.advance(10_000)
    await opened.outcomeOf(parcel)
    if (round < 3) await pong(peer, round)
  }
  t.ok(opened.events.includes('draining answers PING, and no request'))
})

t.test('keeps a session whose peer answers some requests', async (t) => {
  const peer = await playRawPeer(t, emptySettings + settingsAcknowledged)
  const opened = openSession(t, Http2Session, peer.origin)
  await opened.ready()
  for (const round of [1, 2, 3, 4]) {
    const [answered, ignored] = [opened.send(), opened.send()]
    await peer.frame(HEADERS, 4 * round - 1)
    peer.write(answer(4 * round - 3))
    await opened.outcomeOf(answered)
    opened.clock.advance(10_000)
    await opened.outcomeOf(ignored)
    await pong(peer, round)
  }
  t.notOk(opened.events.some((event) => event.startsWith('draining')))
})
