/** Several workers under one command: stopping, reloading, admin ports, and starts that fail. */
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { dirname, join } from 'node:path'
import t from 'tap'
import { event, runCommand, startCommand } from '../fixtures/command.ts'
import { until, untilAtLeast, untilIs } from '../fixtures/condition.ts'
import { folder } from '../fixtures/folder.ts'
import { lostAndDoubled, none, pushes } from '../fixtures/ledger.ts'
import { isOpen } from '../fixtures/port.ts'
import { noRedis } from '../fixtures/redis-server.ts'
import { dial } from '../fixtures/resender.ts'
import { lines, owned, send, sender, setScene, untilMetric } from '../fixtures/several.ts'
import { writeConfiguration } from '../fixtures/stage.ts'

const options = { skip: noRedis }

t.test(
  'a stop while APNs is away: status 10, exit 75, and all is delivered later',
  options,
  async (t) => {
    const scene = await setScene(t, { drainSeconds: 1 })
    const first = await scene.start()
    await untilMetric(first, 'provider_sessions{route="app"}', (value) => value === 2)
    await scene.simulator.stop()
    const sent = pushes(400)
    const heard = await send(first, sent.slice(0, 200), sent.slice(200))
    await untilMetric(first, owned, (value) => value === 400)
    // As systemd and a terminal do, which signal every process: none counts it as a second signal.
    for (const pid of first.pids.values()) process.kill(pid, 'SIGTERM')
    first.child.kill('SIGTERM')
    t.equal((await first.result).code, 75)
    t.equal(lines(first, 'proxy.stopped').length, 2)
    await until(() => heard.every((packets) => packets.length > 0))
    for (const packets of heard) t.equal(Buffer.concat(packets).toString('hex'), '080a000000c7')
    await scene.playAgain()
    const second = await scene.start()
    await untilAtLeast(() => scene.received.length, 400)
    await untilMetric(second, owned, (value) => value === 0)
    t.same(lostAndDoubled(scene, sent), none)
  },
)

t.test('a second signal ends all workers at once', options, async (t) => {
  const scene = await setScene(t, { drainSeconds: 60 })
  const running = await scene.start()
  await untilMetric(running, 'provider_sessions{route="app"}', (value) => value === 2)
  await scene.simulator.stop()
  await send(running, pushes(1))
  await untilMetric(running, owned, (value) => value === 1)
  running.child.kill('SIGTERM')
  await event(running.output, 'proxy.stopping')
  running.child.kill('SIGTERM')
  t.equal((await running.result).code, 1)
  t.equal(lines(running, 'proxy.killed').length, 1)
  await untilGone(running.pids)
})

t.test('a reload reaches all workers, and none where it is wrong', options, async (t) => {
  const scene = await setScene(t, { maxConnections: 1 })
  const running = await scene.start()
  const open = await Promise.all([dial({ ...running, sender }), dial({ ...running, sender })])
  await t.rejects(dial({ ...running, sender }), 'maxConnections is for each worker')
  await untilIs(() => lines(running, 'connection.dropped').length, 1)
  const text = readFileSync(scene.config, 'utf8')
  writeFileSync(scene.config, text.replace('maxConnections: 1', 'maxConnections: one'))
  running.child.kill('SIGHUP')
  await untilIs(() => lines(running, 'configuration.refused').length, 2)
  writeFileSync(scene.config, text.replace('maxConnections: 1', 'maxConnections: 3'))
  running.child.kill('SIGHUP')
  await untilIs(() => lines(running, 'configuration.reloaded').length, 2)
  for (let number = 0; number < 4; number++) open.push(await dial({ ...running, sender }))
  await untilIs(() => lines(running, 'connection.opened').length, 6)
  t.equal(lines(running, 'connection.dropped').length, 1, 'both have taken it up')
  t.strictSame(workersOf(lines(running, 'configuration.reloaded')), [0, 1])
  for (const socket of open) socket.destroy()
})

t.test('a worker is replaced only with a configuration like the others', options, async (t) => {
  const scene = await setScene(t)
  const running = await scene.start()
  const text = readFileSync(scene.config, 'utf8')
  writeFileSync(scene.config, text.replace('workers: 2', 'workers: 3'))
  process.kill(running.pids.get(0) ?? 0, 'SIGKILL')
  const { problems } = await event(running.output, 'configuration.refused')
  t.match(problems, [{ path: 'workers', message: /restart/ }])
  const socket = await dial({ ...running, sender })
  socket.destroy()
  writeFileSync(scene.config, text)
  await untilIs(() => lines(running, 'worker.started').length, 3)
  running.child.kill('SIGTERM')
  t.equal((await running.result).code, 0)
})

t.test('each has its admin port and its files; 0 uses those of one process', options, async (t) => {
  const port = await portWithNext()
  const scene = await setScene(t, { admin: { port } })
  const running = await scene.start()
  t.same([...running.adminPorts].sort(), [
    [0, port],
    [1, port + 1],
  ])
  await send(running, pushes(1), pushes(1))
  await untilIs(() => lines(running, 'connection.opened').length, 2)
  const { stdout } = await runCommand(t, ['report', '--config', scene.config])
  t.match(
    stdout,
    /^Worker 0, which has .*# Migration report.*^Worker 1, which has .*# Migration report/ms,
  )
  running.child.kill('SIGTERM')
  t.equal((await running.result).code, 0)
  const data = join(dirname(scene.config), 'data')
  for (const path of ['census.json', 'worker-1/census.json'])
    t.ok(existsSync(join(data, path)), path)
})

t.test('--capture records what each worker serves', options, async (t) => {
  const scene = await setScene(t)
  const captures = join(folder(t), 'captures')
  const running = await scene.start('--capture', captures)
  await send(running, pushes(1), pushes(1))
  await untilIs(() => lines(running, 'capture.opened').length, 2)
  running.child.kill('SIGTERM')
  await running.result
  const files = readdirSync(captures, { recursive: true, encoding: 'utf8' }).sort()
  t.match(files, [/^app-.*-1\.capture$/, 'worker-1', /^worker-1\/app-.*-1\.capture$/])
})

t.test('a start that fails ends as with one process, and is told once', options, async (t) => {
  const scene = await setScene(t)
  const running = await scene.start()
  const other = await setScene(t, {
    listeners: [{ kind: 'gateway', host: '127.0.0.1', port: running.port }],
  })
  const bound = await startCommand(t, ['serve', '--config', other.config]).result
  t.equal(bound.code, 1)
  t.match(
    bound.stderr,
    /^listeners\[0\]\.port: .*EADDRINUSE.*another program listens there[^\n]*\n$/,
  )
  const taken = await setScene(t, { admin: { port: (running.adminPorts.get(0) ?? 0) - 1 } })
  const admin = await startCommand(t, ['serve', '--config', taken.config]).result
  t.equal(admin.code, 1)
  t.match(admin.stderr, /^admin\.port: .*EADDRINUSE/)
})

t.test('workers end with their supervisor', options, async (t) => {
  const scene = await setScene(t)
  const running = await scene.start()
  running.child.kill('SIGKILL')
  await running.result
  await untilGone(running.pids)
})

t.test('several workers without Redis: exit 78, with every other problem', async (t) => {
  const directory = folder(t)
  const write = (file: Record<string, unknown>): string =>
    writeConfiguration(directory, sender, 'https://127.0.0.1:1', { file })
  const wrong = await runCommand(t, [
    'serve',
    '--config',
    write({ workers: 4, drainSeconds: -1, admin: { port: 65_533 } }),
  ])
  t.equal(wrong.code, 78)
  t.match(wrong.stderr, /workers: 4 processes need a store .* set store to redis:.*or workers to 1/)
  t.match(wrong.stderr, /drainSeconds: /)
  t.match(wrong.stderr, /admin\.port: .*choose 65532 or less/)
  rmSync(join(directory, 'data'), { recursive: true, force: true })
  const { child, output, result } = startCommand(t, [
    'serve',
    '--config',
    write({ workers: 'auto' }),
  ])
  if (availableParallelism() > 1) {
    t.match(await result, { code: 78, stderr: /workers: auto is \d+ on this machine/ })
    return
  }
  await event(output, 'proxy.ready')
  child.kill('SIGTERM')
  t.equal((await result).code, 0)
})

function workersOf(events: readonly Record<string, unknown>[]): unknown[] {
  return events.map(({ worker }) => worker).sort()
}

/**
 * A port that is free, as is the one after it. Both are below the ports that the system gives to
 * connections: it could give the next one to any of them.
 */
async function portWithNext(): Promise<number> {
  for (;;) {
    const port = 10_000 + Math.floor(Math.random() * 20_000)
    if (!(await isOpen(port)) && !(await isOpen(port + 1))) return port
  }
}

async function untilGone(pids: ReadonlyMap<number, number>): Promise<void> {
  await until(() => [...pids.values()].every((pid) => !isAlive(pid)))
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
