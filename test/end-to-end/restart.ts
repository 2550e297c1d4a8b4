/** What is owned outlives the process, however it ends. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { systemClock } from '../../src/timing/clock.ts'
import {
  startSimulator,
  type ReceivedNotification,
  type Simulator,
  type SimulatorOptions,
} from '../../src/simulator/provider-api.ts'
import { untilAtLeast, untilIs } from '../fixtures/condition.ts'
import { pushCertificate, server } from '../fixtures/identity.ts'
import { deliveries, lostAndDoubled, none, pushes } from '../fixtures/ledger.ts'
import { startProxyApart, untilCounts, type ProxyApart } from '../fixtures/proxy-apart.ts'
import { dial, enhanced, type Push } from '../fixtures/resender.ts'
import { writeConfiguration } from '../fixtures/stage.ts'

const sender = await pushCertificate('com.example.app')

interface Scene {
  readonly received: ReceivedNotification[]
  readonly simulator: Simulator
  start(): Promise<ProxyApart>
  again(): Promise<void>
}

async function setScene(t: Test, options: Partial<SimulatorOptions> = {}): Promise<Scene> {
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
  const config = writeConfiguration(directory, sender, simulator.origin, {
    file: { drainSeconds: 1 },
  })
  const proxies: ProxyApart[] = []
  t.teardown(async () => {
    for (const proxy of proxies) await proxy.end('SIGKILL')
    rmSync(directory, { recursive: true })
  })
  return {
    received,
    simulator,
    async start() {
      const proxy = await startProxyApart(config)
      proxies.push(proxy)
      return proxy
    },
    async again() {
      await play(simulator.port)
    },
  }
}

async function send(proxy: ProxyApart, sent: readonly Push[]): Promise<Buffer[]> {
  const socket = await dial({ port: proxy.port, sender })
  const heard: Buffer[] = []
  socket.on('data', (chunk: Buffer) => heard.push(chunk))
  socket.write(Buffer.concat(sent.map((push, index) => enhanced(index, push))))
  return heard
}

t.test('kill -9 with 3,000 owned and the provider API gone: all delivered once', async (t) => {
  const scene = await setScene(t)
  await scene.simulator.stop()
  const first = await scene.start()
  const sent = pushes(3000)
  await send(first, sent)
  await untilCounts(first, ({ owned }) => owned === 3000)
  await first.end('SIGKILL')
  await scene.again()
  const second = await scene.start()
  await untilIs(() => deliveries(scene).size, 3000)
  t.same(lostAndDoubled(scene, sent), none)
  await untilCounts(second, ({ owned }) => owned === 0)
})

t.test('kill -9 in full flight: none lost, doubled only what had no written answer', async (t) => {
  const streams = 100
  const scene = await setScene(t, {
    maxConcurrentStreams: streams,
    latencyMs: { min: 100, max: 100 },
  })
  const first = await scene.start()
  const sent = pushes(3000)
  await send(first, sent)
  await untilAtLeast(() => scene.received.length, 501)
  const { received } = await untilCounts(first, ({ owned }) => owned > 500)
  await first.counts()
  await first.end('SIGKILL')
  await scene.start()
  const decoded = sent.slice(0, received)
  await untilIs(() => lostAndDoubled(scene, decoded).lost, 0)
  const { doubled } = lostAndDoubled(scene, sent)
  // In flight on four sessions, and as many again that were answered too late for the journal's
  // sweep, which comes every 20 ms where the machine has time for it.
  const atMost = 8 * streams
  t.ok(doubled <= atMost, `${doubled} doubled, at most ${atMost} had no written answer`)
})

t.test(
  'SIGTERM while the provider API is gone: status 10, exit 75, all delivered later',
  async (t) => {
    const scene = await setScene(t)
    await scene.simulator.stop()
    const first = await scene.start()
    const sent = pushes(300)
    const heard = await send(first, sent)
    await untilCounts(first, ({ owned }) => owned === 300)
    t.equal(await first.end('SIGTERM'), 75)
    await untilAtLeast(() => heard.length, 1)
    t.equal(Buffer.concat(heard).toString('hex'), '080a0000012b')
    await scene.again()
    await scene.start()
    await untilIs(() => deliveries(scene).size, 300)
    t.same(lostAndDoubled(scene, sent), none)
  },
)
