/** A pool of our sessions in hard times: nothing is lost, doubled or left hanging. */
import t, { type Test } from 'tap'
import type { Outcome } from '../../../src/apns/outcome.ts'
import type { ProviderRequest } from '../../../src/apns/request.ts'
import { systemClock } from '../../../src/clock.ts'
import type { Shipment } from '../../../src/relay/delivery.ts'
import { startSimulator, type SimulatorOptions } from '../../../src/simulator/provider-api.ts'
import { Http2Session } from '../../../src/upstream/http2/http2-session.ts'
import { Pool } from '../../../src/upstream/pool.ts'
import { until } from '../../fixtures/condition.ts'
import { authority, pushCertificate, server as tls } from '../../fixtures/identity.ts'
import { startSimulatorApart } from '../../fixtures/simulator-apart.ts'

const certificate = await pushCertificate('com.example.app')
const observer = {
  opening: () => undefined,
  ready: () => undefined,
  draining: () => undefined,
  closed: () => undefined,
  refused: () => undefined,
  steady: () => undefined,
}

/** Sends itself again until it is delivered. */
class Persistent implements Shipment {
  readonly request: ProviderRequest
  readonly giveUpAtMs = Infinity
  readonly outcomes: Outcome[] = []
  readonly #pool: Pool

  constructor(index: number, pool: Pool) {
    this.#pool = pool
    this.request = {
      apnsId: `7c1a4e4e-52a4-4f0c-9d3e-${String(index).padStart(12, '0')}`,
      token: String(index).padStart(64, '0'),
      topic: 'com.example.app',
      pushType: 'alert',
      priority: 10,
      expiration: 0,
      payload: Buffer.from(`{"aps":{"alert":"hello ${index}"}}`),
    }
  }

  answered(outcome: Outcome): void {
    this.outcomes.push(outcome)
    if (outcome.kind === 'unavailable') this.#pool.send(this)
  }

  expired(): void {
    throw new Error('a drill lets nothing expire')
  }
}

function poolTo(t: Test, origin: string, requestTimeoutMs: number): Pool {
  const pool = new Pool(
    (owner) =>
      new Http2Session(
        {
          origin,
          certificate,
          certificateAuthority: authority.certificatePem,
          providerToken: undefined,
          proxy: undefined,
          random: Math.random,
        },
        owner,
        { connectTimeoutMs: 10_000, requestTimeoutMs, pingIntervalMs: 60_000, pingTimeoutMs: 5000 },
        systemClock,
      ),
    { maxSessions: 4 },
    { clock: systemClock, random: () => 0.5, observer },
  )
  t.teardown(async () => {
    pool.destroy()
    await until(() => pool.load.sessions === 0 && pool.load.inFlight === 0)
  })
  pool.start()
  return pool
}

function isDelivered({ outcomes }: Persistent): boolean {
  return outcomes.at(-1)?.kind === 'delivered'
}

/** Sends so many at once and waits for all; how often each token came, and how each ended. */
async function burst(
  t: Test,
  count: number,
  options: Partial<SimulatorOptions>,
): Promise<{ shipments: Persistent[]; received: Map<string, number> }> {
  const received = new Map<string, number>()
  const simulator = await startSimulatorApart({ tls, ...options }, (notifications) => {
    for (const { token } of notifications) received.set(token, (received.get(token) ?? 0) + 1)
  })
  t.teardown(() => simulator.stop())
  const pool = poolTo(t, simulator.origin, 60_000)
  const shipments = Array.from({ length: count }, (_, index) => new Persistent(index, pool))
  for (const shipment of shipments) pool.send(shipment)
  await until(() => received.size === count && pool.waiting === 0 && pool.load.inFlight === 0, {
    seen: () => ({ received: received.size, waiting: pool.waiting, ...pool.load }),
    withinMs: 240_000,
  })
  t.ok(shipments.every(isDelivered))
  return { shipments, received }
}

t.test('100,000 at once are delivered, once each', async (t) => {
  const { shipments, received } = await burst(t, 100_000, {})
  t.ok([...received.values()].every((times) => times === 1))
  t.ok(shipments.every(({ outcomes }) => outcomes.length === 1))
})

t.test('with a GOAWAY every 500 requests, each is delivered once', async (t) => {
  const { received } = await burst(t, 10_000, {
    goawayEvery: 500,
    latencyMs: { min: 20, max: 20 },
  })
  t.ok([...received.values()].every((times) => times === 1))
})

t.test('an upstream that falls silent is asked again, and all is delivered', async (t) => {
  const delivered = new Set<string>()
  const simulator = await startSimulator(
    { tls, onNotification: ({ token }) => delivered.add(token) },
    { clock: systemClock },
  )
  t.teardown(() => simulator.stop())
  const pool = poolTo(t, simulator.origin, 1000)
  const shipments = Array.from({ length: 2000 }, (_, index) => new Persistent(index, pool))
  simulator.silence()
  for (const shipment of shipments) pool.send(shipment)
  await until(() => shipments.some(({ outcomes }) => outcomes.length > 0))
  t.match(shipments.find(({ outcomes }) => outcomes.length > 0)?.outcomes, [
    { reason: 'no answer in time' },
  ])
  simulator.resume()
  await until(() => shipments.every(isDelivered))
  t.equal(delivered.size, 2000)
  t.equal(pool.load.inFlight, 0)
  t.equal(pool.waiting, 0)
})
