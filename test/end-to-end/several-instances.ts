/** Three proxies, one Redis, one load balancer: the contract holds whichever a sender lands on. */
import { setTimeout as pause } from 'node:timers/promises'
import t from 'tap'
import { noFleet, startFleet, type Fleet } from '../fixtures/fleet.ts'
import { badAnswers, deliveries, lostAndDoubled, none, pushes } from '../fixtures/ledger.ts'
import { dial, enhanced, Resender } from '../fixtures/resender.ts'
import { SteadySender } from '../fixtures/steady-sender.ts'

const options = { skip: noFleet, timeout: 120_000 }
const pollMs = 50
const shutdown = 10

t.jobs = 3

/** These waits are long: others may have the processor meanwhile. */
async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await pause(pollMs)
}

/** The instances that run have settled all that they have received. */
function untilSettled({ instances }: Fleet): Promise<void> {
  return until(async () => {
    const counts = await Promise.all(instances.map((instance) => instance.counts()))
    return counts.every(({ owned }) => owned === 0)
  })
}

async function totalReceived({ instances }: Fleet): Promise<number> {
  const counts = await Promise.all(instances.map((instance) => instance.counts()))
  return counts.reduce((sum, { received }) => sum + received, 0)
}

t.test(
  'a resender lands on another instance each time: none lost, none doubled',
  options,
  async (t) => {
    const fleet = await startFleet(
      t,
      { answers: badAnswers, latencyMs: { min: 5, max: 30 }, goawayEvery: 400 },
      // Each rejection waits to be told, however slow this machine is.
      { errorDeadlineMs: 60_000 },
    )
    const sent = pushes(6000, (index) => index % 300 === 1)
    const resender = new Resender(fleet, sent)
    await resender.send()
    await until(() => resender.isIdle && resender.told.length === 20)
    resender.finish()
    await untilSettled(fleet)
    t.same(lostAndDoubled(fleet, sent), none)
    const named = resender.told.map(({ identifier }) => identifier)
    t.same(
      named,
      sent.flatMap(({ token }, index) => (token.startsWith('bad') ? [index + 1] : [])),
      'each bad one was named, in order',
    )
    const counts = await Promise.all(fleet.instances.map((instance) => instance.counts()))
    t.ok(
      counts.every(({ received }) => received > 0),
      'all three took part',
    )
  },
)

t.test(
  'kill -9 of one instance that owns notifications: the others deliver them',
  options,
  async (t) => {
    const fleet = await startFleet(t)
    await fleet.outage.begin()
    const sent = pushes(900)
    const sockets = []
    for (let index = 0; index < 3; index++) {
      const socket = await dial(fleet)
      socket.write(
        Buffer.concat(
          sent.slice(index * 300, index * 300 + 300).map((push, at) => enhanced(at, push)),
        ),
      )
      sockets.push(socket)
    }
    await until(async () => (await totalReceived(fleet)) === sent.length)
    const [victim] = fleet.instances
    t.equal((await victim?.counts())?.owned, 300)
    await victim?.end('SIGKILL')
    const killedAtMs = performance.now()
    await fleet.outage.end()
    await until(() => deliveries(fleet).size === sent.length)
    t.ok(performance.now() - killedAtMs < 30_000, 'when its lease is over, after ten seconds')
    await untilSettled(fleet)
    t.same(lostAndDoubled(fleet, sent), none)
    for (const socket of sockets) socket.destroy()
  },
)

/** Redis is away while senders write 500 a second; what was decoded is delivered. */
async function withoutRedis(
  t: Parameters<typeof startFleet>[0],
  away: (fleet: Fleet) => Promise<void>,
): Promise<void> {
  const fleet = await startFleet(t, { answers: badAnswers })
  const all = pushes(60_000, (index) => index % 1000 === 500)
  const sender = new SteadySender(fleet, all)
  const sending = sender.run(500)
  await until(() => fleet.received.length > 500)
  await away(fleet)
  const sent = all.slice(0, sender.enough())
  await sending
  sender.finish()
  await untilSettled(fleet)
  await until(() => fleet.received.length >= sent.length)
  t.equal(lostAndDoubled(fleet, sent).lost, 0)
  t.equal(sender.closed.refused, 0, 'nobody was turned away')
  t.equal(sender.closed.silently, 0, 'nobody was closed')
}

function untilStore({ instances }: Fleet, expected: 'reachable' | 'unreachable'): Promise<void> {
  return until(async () => {
    const states = await Promise.all(instances.map((instance) => instance.readiness()))
    return states.every(({ store }) => store === expected)
  })
}

t.test('Redis is restarted under load: nothing is lost', options, (t) =>
  withoutRedis(t, async (fleet) => {
    await fleet.redis.kill()
    await fleet.redis.restart()
    await untilStore(fleet, 'reachable')
  }),
)

t.test('Redis does not answer for 10 s: nothing is lost, and it shows', options, (t) =>
  withoutRedis(t, async (fleet) => {
    fleet.redis.pause()
    const over = pause(10_000)
    await untilStore(fleet, 'unreachable')
    await over
    fleet.redis.resume()
    await untilStore(fleet, 'reachable')
  }),
)

t.test('Redis is dead for 20 s: nothing is lost, and it shows', options, (t) =>
  withoutRedis(t, async (fleet) => {
    await fleet.redis.kill()
    const over = pause(20_000)
    await untilStore(fleet, 'unreachable')
    await over
    await fleet.redis.restart()
    await untilStore(fleet, 'reachable')
  }),
)

t.test(
  'all three restart one after the other under 2,000/s: nobody notices',
  options,
  async (t) => {
    const fleet = await startFleet(t)
    const all = pushes(200_000)
    const sender = new SteadySender(fleet, all)
    const sending = sender.run(2000)
    await until(() => fleet.received.length > 1000)
    for (const instance of fleet.instances) {
      t.equal(await instance.end('SIGTERM'), 0)
      await instance.start()
    }
    const sent = all.slice(0, sender.enough())
    await sending
    sender.finish()
    await untilSettled(fleet)
    await until(() => deliveries(fleet).size >= sent.length)
    t.same(lostAndDoubled(fleet, sent), none)
    t.ok(sender.told.length > 0)
    t.ok(
      sender.told.every(({ statusCode }) => statusCode === shutdown),
      'no error response but shutdown',
    )
  },
)
