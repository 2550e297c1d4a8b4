/** Several workers of one command, as a user runs them: what one proxy promises, all together keep. */
import t from 'tap'
import { until, untilAtLeast, untilIs } from '../fixtures/condition.ts'
import { badAnswers, lostAndDoubled, none, pushes } from '../fixtures/ledger.ts'
import { noRedis } from '../fixtures/redis-server.ts'
import { Resender } from '../fixtures/resender.ts'
import { lines, owned, send, sender, setScene, untilMetric } from '../fixtures/several.ts'

const options = { skip: noRedis }
const delivered = 'notifications_settled_total{route="app",outcome="delivered"}'

t.test('two workers share one port, and each counts for itself', options, async (t) => {
  const scene = await setScene(t)
  const running = await scene.start()
  const sent = pushes(800)
  await send(running, sent.slice(0, 400), sent.slice(400))
  const metrics = await untilMetric(running, delivered, (value) => value === 800)
  await untilIs(() => scene.received.length, 800)
  t.same(lostAndDoubled(scene, sent), none)
  t.equal(metrics.get('notifications_received_total{route="app",command="1"}'), 800)
  t.equal(metrics.get('sender_connections{route="app"}'), 2)
  t.equal(metrics.get('route_up{route="app"}'), 2)
  const opened = lines(running, 'connection.opened').map(({ worker }) => worker)
  t.strictSame(opened.sort(), [0, 1], 'in turn, and the log says which')
  const ready = lines(running, 'proxy.ready')
  t.strictSame(
    ready.map(({ worker, listeners }) => ({ worker, listeners })),
    [0, 1].map((worker) => ({
      worker,
      listeners: [{ kind: 'gateway', host: '127.0.0.1', port: running.port }],
    })),
  )
  t.match(lines(running, 'workers.ready'), [{ workers: 2 }])
  for (const worker of [0, 1])
    t.strictSame(await running.get(worker, '/readyz'), {
      status: 200,
      body: '{"ready":true,"routes":{"app":true},"store":"reachable","degraded":false,"problems":[]}',
    })
  running.child.kill('SIGTERM')
  t.equal((await running.result).code, 0)
  t.equal(lines(running, 'proxy.stopped').length, 2)
  t.equal(lines(running, 'worker.ended').length, 0)
})

t.test(
  'kill -9 of a worker: a new one takes its place, and all that it owned is delivered',
  options,
  async (t) => {
    const scene = await setScene(t)
    const running = await scene.start()
    await untilMetric(running, 'provider_sessions{route="app"}', (value) => value === 2)
    await scene.simulator.stop()
    const sent = pushes(1200)
    await send(running, sent.slice(0, 600), sent.slice(600))
    await untilMetric(running, owned, (value) => value === 1200)
    const killed = running.pids.get(1) ?? 0
    process.kill(killed, 'SIGKILL')
    await until(() => running.pids.get(1) !== killed)
    t.match(lines(running, 'worker.ended'), [{ worker: 1, signal: 'SIGKILL' }])
    // The worker and the supervisor write to one pipe, in any order.
    await until(() => lines(running, 'proxy.ready').length === 3)
    t.equal(lines(running, 'workers.ready').length, 1)
    await scene.playAgain()
    await untilAtLeast(() => scene.received.length, 1200)
    await untilMetric(running, owned, (value) => value === 0)
    t.same(lostAndDoubled(scene, sent), none)
    const last = pushes(1201).slice(1200)
    await send(running, last, [], [])
    await untilIs(() => scene.received.length, 1201)
    running.child.kill('SIGTERM')
    t.equal((await running.result).code, 0)
  },
)

t.test('a resender whose connections land on one worker after the other', options, async (t) => {
  const scene = await setScene(t, {}, { answers: badAnswers, latencyMs: { min: 1, max: 5 } })
  const running = await scene.start()
  const sent = pushes(2000, (index) => index % 200 === 199)
  const resender = new Resender({ port: running.port, sender }, sent)
  await resender.send()
  await untilIs(() => resender.told.length, 10)
  await untilMetric(running, owned, (value) => value === 0)
  await untilIs(() => lostAndDoubled(scene, sent).lost, 0)
  t.same(lostAndDoubled(scene, sent), none)
  t.same(
    resender.told.map(({ statusCode }) => statusCode),
    new Array(10).fill(8),
  )
  const workers = new Set(lines(running, 'connection.opened').map(({ worker }) => worker))
  t.same([...workers].sort(), [0, 1])
  resender.finish()
})
