/** A refused credential: the route is down, no notification and no token is blamed. */
import { once } from 'node:events'
import { request } from 'node:http'
import { createServer, type AddressInfo } from 'node:net'
import t from 'tap'
import { systemClock } from '../../src/timing/clock.ts'
import { startSimulator } from '../../src/simulator/provider-api.ts'
import { AcceleratedClock } from '../fixtures/accelerated-clock.ts'
import { until, untilAtLeast, untilIs } from '../fixtures/condition.ts'
import { server } from '../fixtures/identity.ts'
import { lostAndDoubled, none, pushes, settled, tallies } from '../fixtures/ledger.ts'
import { dial, enhanced, type Push } from '../fixtures/resender.ts'
import { setStage, type Stage } from '../fixtures/stage.ts'

/** Writes `sent` and tells how many bytes came back. */
async function send(
  stage: Stage,
  sent: readonly Push[],
  inAll = sent.length,
): Promise<() => number> {
  const socket = await dial(stage, { deaf: true })
  let heard = 0
  socket.on('data', (chunk: Buffer) => (heard += chunk.length))
  socket.write(Buffer.concat(sent.map((push, index) => enhanced(index, push))))
  await untilIs(() => tallies(stage).received, inAll)
  return () => heard
}

/** Ten seconds in spite of the clock: an answer that a busy machine gives late is not lost. */
const patient = { requestTimeoutMs: 200_000 }

function readyStatus({ adminPort }: Stage): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    request({ port: adminPort, path: '/readyz', agent: false }, (response) => {
      response.resume()
      resolve(response.statusCode)
    })
      .on('error', reject)
      .end()
  })
}

/** Whether the gateway closes a fresh connection without a byte. */
async function isTurnedAway(stage: Stage): Promise<boolean> {
  const socket = await dial(stage)
  return new Promise((resolve) => {
    socket.once('data', () => {
      resolve(false)
    })
    socket.once('end', () => {
      resolve(true)
    })
  })
}

t.test(
  '403 for every push: route down, nobody told, all delivered when it works again',
  async (t) => {
    const stage = await setStage(t, {
      clock: new AcceleratedClock(20),
      file: patient,
      simulator: { answers: [{ tokenPrefix: '', reason: 'BadCertificate' }] },
    })
    const sent = pushes(200)
    const heard = await send(stage, sent)
    await stage.log.find('route.down')
    t.equal(await readyStatus(stage), 503)
    t.ok(await isTurnedAway(stage))
    const asked = stage.received.length
    stage.simulator.script([])
    await stage.log.find('route.up')
    await settled(stage, 200)
    t.same(lostAndDoubled(stage, sent), none)
    t.equal(heard(), 0)
    t.equal(stage.log.count('notification.rejected'), 0)
    t.ok(asked <= 210, `one trial at a time: ${asked} requests`)
    await untilAtLeast(() => stage.log.count('session.ready'), 2)
    t.equal(await readyStatus(stage), 200)
  },
)

t.test('a certificate refused in the handshake: route down, up when it is accepted', async (t) => {
  // TLS 1.2 alert, fatal: 44, certificate revoked.
  const alert = Buffer.from([0x15, 0x03, 0x03, 0x00, 0x02, 0x02, 44])
  const refusing = createServer((socket) => {
    socket.on('error', () => undefined)
    socket.once('data', () => socket.end(alert))
  })
  refusing.listen(0, '127.0.0.1')
  await once(refusing, 'listening')
  const { port } = refusing.address() as AddressInfo
  const stage = await setStage(t, {
    clock: new AcceleratedClock(20),
    file: patient,
    production: `https://127.0.0.1:${port}`,
  })
  await stage.log.find('route.down')
  t.equal(await readyStatus(stage), 503)
  t.ok(await isTurnedAway(stage))
  refusing.close()
  await once(refusing, 'close')
  const accepting = await startSimulator({ port, tls: server }, { clock: systemClock })
  t.teardown(() => accepting.stop())
  await stage.log.find('route.up')
  const sent = pushes(50)
  const heard = await send(stage, sent)
  await untilIs(() => tallies(stage).settled, 50)
  t.match(stage.proxy.routes[0]?.relay.counters.settled, { delivered: 50 })
  t.equal(heard(), 0)
})

t.test('GOAWAY BadCertificate: route down, up again by itself', async (t) => {
  const stage = await setStage(t, { clock: new AcceleratedClock(20), file: patient })
  await stage.log.find('session.ready')
  stage.simulator.goaway('BadCertificate')
  await stage.log.find('route.down')
  t.ok(await isTurnedAway(stage))
  await stage.log.find('route.up')
  const sent = pushes(50)
  const heard = await send(stage, sent)
  await settled(stage, 50)
  t.same(lostAndDoubled(stage, sent), none)
  t.equal(heard(), 0)
})

/** Rejections that an unproven route tells (D17). */
const told = 2

t.test('every token bad from the first one on: held back until the set-up is right', async (t) => {
  const stage = await setStage(t, {
    clock: new AcceleratedClock(20),
    file: patient,
    simulator: { answers: [{ tokenPrefix: '', reason: 'BadDeviceToken' }] },
  })
  const sent = pushes(25)
  const heard = await send(stage, sent)
  await stage.log.find('route.suspected')
  await untilAtLeast(() => stage.received.length, 8)
  t.equal(stage.log.count('notification.rejected'), told)
  t.equal(heard(), 6, 'one error response on one connection')
  stage.simulator.script([])
  await stage.log.find('route.proven')
  await settled(stage, 25)
  const delivered = new Set(
    stage.received.filter(({ status }) => status === 200).map(({ token }) => token),
  )
  t.equal(delivered.size, 25 - told)
})

t.test('40 bad tokens, each on a connection of its own: two are told', async (t) => {
  const clock = new AcceleratedClock(20)
  const stage = await setStage(t, {
    clock,
    file: patient,
    simulator: { answers: [{ tokenPrefix: '', reason: 'BadDeviceToken' }] },
  })
  const sent = pushes(40)
  let heard = 0
  for (const [index, push] of sent.entries()) {
    const socket = await dial(stage, { deaf: true })
    socket.on('data', (chunk: Buffer) => (heard += chunk.length))
    socket.write(enhanced(index, push))
    await untilIs(() => tallies(stage).received, index + 1)
  }
  await stage.log.find('route.suspected')
  await untilIs(() => heard, 6 * told)
  stage.simulator.script([])
  await untilIs(() => stage.proxy.routes[0]?.relay.counters.settled.delivered, 40 - told)
  t.equal(stage.log.count('notification.rejected'), told)
  t.equal(heard, 6 * told)
})

t.test(
  'every token suddenly bad: the route is suspected before the senders purge them',
  async (t) => {
    const stage = await setStage(t, { clock: new AcceleratedClock(20), file: patient })
    const [first, ...others] = pushes(501)
    if (first === undefined) throw new TypeError('a push to prove the route with')
    await send(stage, [first])
    await stage.log.find('route.proven')
    stage.simulator.script([{ tokenPrefix: '', reason: 'BadDeviceToken' }])
    const heard = await send(stage, others, 501)
    await stage.log.find('route.suspected')
    t.ok(stage.log.count('notification.rejected') < 30)
    t.ok(heard() <= 6)
    // What is under way was judged before: a delivery among such answers would clear the suspicion.
    await until(() => (stage.proxy.routes[0]?.shown.upstream.inFlight ?? 0) <= 1)
    stage.simulator.script([])
    await stage.log.find('route.up')
    await settled(stage, 501)
    t.ok(stage.received.filter(({ status }) => status === 200).length > 471)
  },
)
