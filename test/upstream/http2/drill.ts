/** A pool with many requests and failures: each request ends, exactly once. */
import type { OutgoingHttpHeaders } from 'node:http2'
import t, { type Test } from 'tap'
import { systemClock, type Clock } from '../../../src/timing/clock.ts'
import { startSimulator, type SimulatorOptions } from '../../../src/simulator/provider-api.ts'
import { Http2Session } from '../../../src/upstream/http2/http2-session.ts'
import { Pool, type PoolOwner } from '../../../src/upstream/pool.ts'
import { until } from '../../fixtures/condition.ts'
import { Parcel, parcelOf } from '../../fixtures/delivery.ts'
import { authority, pushCertificate, server as tls } from '../../fixtures/identity.ts'
import { FakeClock } from '../../fixtures/fake-clock.ts'
import { playPeer, type Peer } from '../../fixtures/provider-peer.ts'
import { startSimulatorApart } from '../../fixtures/simulator-apart.ts'

const certificate = await pushCertificate('com.example.app')

/** This many deliveries, each to a different device. */
function makeParcels(count: number): Parcel[] {
  return Array.from(
    { length: count },
    (_, index) =>
      new Parcel({
        apnsId: `7c1a4e4e-52a4-4f0c-9d3e-${String(index).padStart(12, '0')}`,
        token: String(index).padStart(64, '0'),
        payload: Buffer.from(`{"aps":{"alert":"hello ${index}"}}`),
      }),
  )
}

/** Retries unavailable deliveries until they are delivered. */
function poolTo(
  t: Test,
  origin: string,
  requestTimeoutMs: number,
  clock: Clock = systemClock,
): Pool {
  const owner: PoolOwner = {
    prepare: () => undefined,
    answered: (delivery, outcome) => {
      parcelOf(delivery).answered(outcome)
      if (outcome.kind === 'unavailable') pool.send(delivery)
    },
    expired: () => {
      throw new Error('a drill lets nothing expire')
    },
    refused: () => undefined,
    sessionLasted: () => undefined,
  }
  const pool = new Pool(
    (sessionOwner) =>
      new Http2Session(
        {
          origin,
          certificate,
          certificateAuthority: authority.certificatePem,
          providerToken: undefined,
          proxy: undefined,
          random: Math.random,
        },
        sessionOwner,
        { connectTimeoutMs: 10_000, requestTimeoutMs, pingIntervalMs: 60_000, pingTimeoutMs: 5000 },
        clock,
      ),
    { maxSessions: 4 },
    { clock, random: () => 0.5, owner, emit: () => undefined },
  )
  t.teardown(async () => {
    pool.destroy()
    await until(() => pool.load.sessions === 0 && pool.load.inFlight === 0)
  })
  pool.start()
  return pool
}

function isDelivered({ outcomes }: Parcel): boolean {
  return outcomes.at(-1)?.kind === 'delivered'
}

/** Sends this many at once and waits for all; returns how often each token was received. */
async function burst(
  t: Test,
  count: number,
  options: Partial<SimulatorOptions>,
): Promise<{ parcels: Parcel[]; received: Map<string, number> }> {
  const received = new Map<string, number>()
  const simulator = await startSimulatorApart({ tls, ...options }, (notifications) => {
    for (const { token } of notifications) received.set(token, (received.get(token) ?? 0) + 1)
  })
  t.teardown(() => simulator.stop())
  const pool = poolTo(t, simulator.origin, 60_000)
  const parcels = makeParcels(count)
  for (const parcel of parcels) pool.send(parcel)
  await until(() => received.size === count && pool.waiting === 0 && pool.load.inFlight === 0, {
    seen: () => ({ received: received.size, waiting: pool.waiting, ...pool.load }),
    withinMs: 240_000,
  })
  t.ok(parcels.every(isDelivered))
  return { parcels, received }
}

t.test('delivers 100,000 deliveries at a time, each once', async (t) => {
  const { parcels, received } = await burst(t, 100_000, {})
  t.ok([...received.values()].every((times) => times === 1))
  t.ok(parcels.every(({ outcomes }) => outcomes.length === 1))
})

t.test('delivers each delivery once, with a GOAWAY every 500 requests', async (t) => {
  const { received } = await burst(t, 10_000, {
    goawayEvery: 500,
    latencyMs: { min: 20, max: 20 },
  })
  t.ok([...received.values()].every((times) => times === 1))
})

t.test('delivers everything after the upstream has been silent', async (t) => {
  const delivered = new Set<string>()
  const simulator = await startSimulator(
    { tls, onNotification: ({ token }) => delivered.add(token) },
    { clock: systemClock },
  )
  t.teardown(() => simulator.stop())
  const pool = poolTo(t, simulator.origin, 1000)
  const parcels = makeParcels(2000)
  simulator.silence()
  for (const parcel of parcels) pool.send(parcel)
  await until(() => parcels.some(({ outcomes }) => outcomes.length > 0))
  t.match(parcels.find(({ outcomes }) => outcomes.length > 0)?.outcomes, [
    { reason: 'no answer in time' },
  ])
  simulator.resume()
  await until(() => parcels.every(isDelivered))
  t.equal(delivered.size, 2000)
  t.equal(pool.load.inFlight, 0)
  t.equal(pool.waiting, 0)
})

/** Answers the request with this number, from 0, and returns the number of its session. */
async function answer(peer: Peer, number: number, headers: OutgoingHttpHeaders): Promise<number> {
  await until(() => peer.requests.length > number)
  const stream = peer.requests[number]?.stream
  const session = peer.sessions.findIndex((session) => session === stream?.session)
  stream?.respond(headers, { endStream: true })
  return session
}

t.test('sends what was misdirected again, on another session', async (t) => {
  const peer = await playPeer(t)
  const pool = poolTo(t, peer.origin, 60_000)
  const parcels = makeParcels(2)
  for (const parcel of parcels) pool.send(parcel)
  await until(() => peer.requests.length === 2)
  t.equal(await answer(peer, 0, { ':status': 421 }), 0)
  t.equal(await answer(peer, 2, { ':status': 200 }), 1)
  await until(() => parcels.some(isDelivered))
  t.equal(await answer(peer, 1, { ':status': 200 }), 0, 'finishes its requests')
  await until(() => parcels.every(isDelivered))
  await until(() => peer.sessions[0]?.closed === true)
  t.same(
    parcels.map(({ outcomes }) => outcomes.length),
    [2, 1],
  )
})

t.test('a program that answers everything causes one more session in ten seconds', async (t) => {
  const peer = await playPeer(t)
  const clock = new FakeClock()
  const pool = poolTo(t, peer.origin, 60_000, clock)
  pool.send(new Parcel())
  const page = { ':status': 503, 'content-type': 'text/html' }
  t.equal(await answer(peer, 0, page), 0)
  for (let number = 1; number < 20; number++) t.equal(await answer(peer, number, page), 1)
  await until(() => peer.requests.length === 21)
  clock.advance(10_000)
  t.equal(await answer(peer, 20, page), 1)
  t.equal(await answer(peer, 21, page), 2)
  t.equal(await answer(peer, 22, page), 2)
  t.equal(peer.sessions.length, 3)
})
