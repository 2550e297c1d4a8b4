/** Several processes under one command: stopping, reloading, and ends that nobody has asked for. */
import { readFileSync, writeFileSync } from 'node:fs'
import t from 'tap'
import { event, startCommand } from '../fixtures/command.ts'
import { until, untilAtLeast, untilIs } from '../fixtures/condition.ts'
import { lostAndDoubled, none, pushes } from '../fixtures/ledger.ts'
import { dial } from '../fixtures/resender.ts'
import { lines, owned, send, sender, setScene, untilMetric } from '../fixtures/several.ts'

t.test('a stop while APNs is away: status 10, exit 75, and all is delivered later', async (t) => {
  const scene = await setScene(t, { drainSeconds: 1 })
  const first = await scene.start()
  await untilMetric(first, 'provider_sessions{route="app"}', (value) => value === 2)
  await scene.simulator.stop()
  const sent = pushes(400)
  const heard = await send(first, sent.slice(0, 200), sent.slice(200))
  await untilMetric(first, owned, (value) => value === 400)
  first.child.kill('SIGTERM')
  t.equal((await first.result).code, 75)
  await until(() => heard.every((packets) => packets.length > 0))
  for (const packets of heard) t.equal(Buffer.concat(packets).toString('hex'), '080a000000c7')
  await scene.playAgain()
  const second = await scene.start()
  await untilAtLeast(() => scene.received.length, 400)
  await untilMetric(second, owned, (value) => value === 0)
  t.same(lostAndDoubled(scene, sent), none)
  t.match(lines(second, 'journal.recovered'), [{ notifications: 400 }])
})

t.test('a reload reaches all workers, or none where it is wrong', async (t) => {
  const scene = await setScene(t, { maxConnections: 2 })
  const running = await scene.start()
  const open = await Promise.all([dial({ ...running, sender }), dial({ ...running, sender })])
  await t.rejects(dial({ ...running, sender }), 'each worker has its share of maxConnections')
  await untilIs(() => lines(running, 'connection.dropped').length, 1)
  const text = readFileSync(scene.config, 'utf8')
  writeFileSync(scene.config, text.replace('maxConnections: 2', 'maxConnections: two'))
  running.child.kill('SIGHUP')
  await event(running.output, 'configuration.refused')
  writeFileSync(scene.config, text.replace('maxConnections: 2', 'maxConnections: 6'))
  running.child.kill('SIGHUP')
  await event(running.output, 'configuration.reloaded')
  for (let number = 0; number < 4; number++) open.push(await dial({ ...running, sender }))
  await untilIs(() => lines(running, 'connection.opened').length, 6)
  t.equal(lines(running, 'connection.dropped').length, 1, 'both have taken it up')
  for (const socket of open) socket.destroy()
})

t.test(
  'an address in use is told as with one process; workers end with their primary',
  async (t) => {
    const scene = await setScene(t)
    const running = await scene.start()
    const other = await setScene(t, {
      listeners: [{ kind: 'gateway', host: '127.0.0.1', port: running.port }],
    })
    const { code, stderr } = await startCommand(t, ['serve', '--config', other.config]).result
    t.equal(code, 1)
    t.match(stderr, /^listeners\[0\]\.port: .*EADDRINUSE.*another program listens there/)
    running.child.kill('SIGKILL')
    await running.result
    await until(() => [...running.pids.values()].every((pid) => !isAlive(pid)))
  },
)

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
