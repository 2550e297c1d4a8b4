/** Several processes of one proxy, as a user runs them: what one promises, all together keep. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { systemClock } from '../../src/clock.ts'
import {
  startSimulator,
  type ReceivedNotification,
  type Simulator,
  type SimulatorOptions,
} from '../../src/simulator/provider-api.ts'
import { event, startCommand, type RunningCommand } from '../fixtures/command.ts'
import { until } from '../fixtures/condition.ts'
import { pushCertificate, server } from '../fixtures/identity.ts'
import { lostAndDoubled, none, pushes } from '../fixtures/ledger.ts'
import { dial, enhanced, type Push } from '../fixtures/resender.ts'
import { writeConfiguration } from '../fixtures/stage.ts'

const sender = await pushCertificate('com.example.app')

interface Scene {
  readonly received: ReceivedNotification[]
  readonly simulator: Simulator
  readonly config: string
  start(): Promise<Running>
  playAgain(): Promise<void>
}

interface Running extends RunningCommand {
  readonly port: number
  /** By the number of the worker. */
  readonly pids: ReadonlyMap<number, number>
  metrics(): Promise<Metrics>
  get(path: string): Promise<{ status: number; body: string }>
}

/** Samples by name and labels, without the prefix. */
type Metrics = ReadonlyMap<string, number>

async function setScene(
  t: Test,
  file: Record<string, unknown> = {},
  options: Partial<SimulatorOptions> = {},
): Promise<Scene> {
  const received: ReceivedNotification[] = []
  const play = async (port: number): Promise<Simulator> => {
    const simulator = await startSimulator(
      { tls: server, port, onNotification: (one) => received.push(one), ...options },
      { clock: systemClock },
    )
    t.teardown(() => simulator.stop())
    return simulator
  }
  const simulator = await play(0)
  const directory = mkdtempSync(join(tmpdir(), 'apns-legacy-proxy-'))
  t.teardown(() => {
    rmSync(directory, { recursive: true, force: true, maxRetries: 5 })
  })
  const config = writeConfiguration(directory, sender, simulator.origin, {
    file: { workers: 2, drainSeconds: 3, ...file },
  })
  return {
    received,
    simulator,
    config,
    start: () => start(t, config),
    async playAgain() {
      await play(simulator.port)
    },
  }
}

async function start(t: Test, config: string): Promise<Running> {
  const running = startCommand(t, ['serve', '--config', config])
  const { listeners, admin } = (await event(running.output, 'proxy.ready')) as unknown as {
    listeners: { port: number }[]
    admin: { port: number }
  }
  const get: Running['get'] = async (path) => {
    const response = await fetch(`http://127.0.0.1:${admin.port}${path}`)
    return { status: response.status, body: await response.text() }
  }
  return {
    ...running,
    port: listeners[0]?.port ?? 0,
    get pids() {
      return new Map(
        lines(running, 'worker.started').map(({ worker, pid }) => [Number(worker), Number(pid)]),
      )
    },
    get,
    async metrics() {
      const { body } = await get('/metrics')
      return new Map(
        [...body.matchAll(/^apns_legacy_proxy_(\S+) (\S+)$/gm)].map(([, name = '', value]) => [
          name,
          Number(value),
        ]),
      )
    },
  }
}

function lines(
  { output }: Pick<RunningCommand, 'output'>,
  name: string,
): Record<string, unknown>[] {
  return output.stdout
    .split('\n')
    .filter((line) => line.includes(`"event":"${name}"`))
    .map((line) => JSON.parse(line) as Record<string, unknown>)
}

/** Over one connection each. */
async function send(running: Running, ...each: (readonly Push[])[]): Promise<Buffer[][]> {
  return Promise.all(
    each.map(async (sent) => {
      const socket = await dial({ port: running.port, sender })
      const heard: Buffer[] = []
      socket.on('data', (chunk: Buffer) => heard.push(chunk))
      socket.write(Buffer.concat(sent.map((push, index) => enhanced(index, push))))
      return heard
    }),
  )
}

async function untilMetric(
  running: Running,
  name: string,
  holds: (value: number) => boolean,
): Promise<Metrics> {
  for (;;) {
    const metrics = await running.metrics()
    if (holds(metrics.get(name) ?? NaN)) return metrics
  }
}

const delivered = 'notifications_settled_total{route="app",outcome="delivered"}'
const owned = 'notifications_owned{route="app"}'

t.test('two workers share one port, and one place shows the sum of their numbers', async (t) => {
  const scene = await setScene(t)
  const running = await scene.start()
  const sent = pushes(800)
  await send(running, sent.slice(0, 400), sent.slice(400))
  const metrics = await untilMetric(running, delivered, (value) => value === 800)
  await until(() => scene.received.length === 800)
  t.same(lostAndDoubled(scene, sent), none)
  t.equal(metrics.get('notifications_received_total{route="app",command="1"}'), 800)
  t.equal(metrics.get('sender_connections{route="app"}'), 2)
  t.equal(metrics.get('request_duration_seconds_count{route="app"}'), 800)
  t.equal(metrics.get('route_up{route="app"}'), 1)
  t.equal(metrics.get('journal_healthy'), 1)
  t.ok((metrics.get('store_bytes') ?? 0) > 0)
  const opened = lines(running, 'connection.opened').map(({ worker }) => worker)
  t.strictSame(opened.sort(), [1, 2], 'in turn, and the log says which')
  t.equal(lines(running, 'proxy.ready').length, 1)
  t.strictSame(await running.get('/readyz'), {
    status: 200,
    body: '{"ready":true,"routes":{"app":true},"store":"reachable"}',
  })
  running.child.kill('SIGTERM')
  t.equal((await running.result).code, 0)
})

t.test(
  'kill -9 of a worker: another delivers what it owned, a new one takes its place',
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
    await untilMetric(running, owned, (value) => value === 1200)
    await scene.playAgain()
    await until(() => scene.received.length >= 1200)
    await untilMetric(running, owned, (value) => value === 0)
    t.same(lostAndDoubled(scene, sent), none)
    const last = pushes(1201).slice(1200)
    await send(running, last, [], [])
    await until(() => scene.received.length === 1201)
    running.child.kill('SIGTERM')
    t.equal((await running.result).code, 0)
  },
)
