/**
 * kill -9 at random moments: what was decoded is delivered, and no more is doubled than was in flight.
 * `KILLS=30 npm run test:file test/end-to-end/kill.ts` kills each store's proxy thirty times.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import t, { type Test } from 'tap'
import type { ReceivedNotification } from '../../src/simulator/provider-api.ts'
import { until } from '../fixtures/condition.ts'
import { pushCertificate, server } from '../fixtures/identity.ts'
import { lostAndDoubled, pushes } from '../fixtures/ledger.ts'
import { startProxyApart, untilCounts, type ProxyApart } from '../fixtures/proxy-apart.ts'
import { noRedis, RedisServer } from '../fixtures/redis-server.ts'
import { dial, enhanced, type Push } from '../fixtures/resender.ts'
import { startSimulatorApart } from '../fixtures/simulator-apart.ts'
import { writeConfiguration } from '../fixtures/stage.ts'

const kills = Number(process.env['KILLS'] ?? 4)
const sender = await pushCertificate('com.example.app')
const streams = 100
const sessions = 4

interface Scene {
  readonly received: readonly ReceivedNotification[]
  start(): Promise<ProxyApart>
}

async function setScene(
  t: Test,
  file: Record<string, unknown>,
  latencyMs: { min: number; max: number },
): Promise<Scene> {
  const received: ReceivedNotification[] = []
  const simulator = await startSimulatorApart(
    { tls: server, latencyMs, maxConcurrentStreams: streams },
    (batch) => received.push(...batch),
  )
  t.teardown(() => simulator.stop())
  const directory = mkdtempSync(join(tmpdir(), 'apns-legacy-proxy-'))
  const config = writeConfiguration(directory, sender, simulator.origin, {
    file: { maxSessions: sessions, ...file },
  })
  const proxies: ProxyApart[] = []
  t.teardown(async () => {
    for (const proxy of proxies) await proxy.end('SIGKILL')
    rmSync(directory, { recursive: true })
  })
  return {
    received,
    async start() {
      const proxy = await startProxyApart(config)
      proxies.push(proxy)
      return proxy
    },
  }
}

async function connected(proxy: ProxyApart): Promise<(sent: readonly Push[]) => void> {
  const socket = await dial({ port: proxy.port, sender })
  return (sent) => {
    socket.write(Buffer.concat(sent.map((push, index) => enhanced(index, push))))
  }
}

const stores = {
  LMDB: { options: {}, storeOf: () => Promise.resolve({}) },
  Redis: {
    options: { skip: noRedis },
    storeOf: async (t: Test) => ({ store: (await RedisServer.start(t)).url }),
  },
}

for (const [name, { options, storeOf }] of Object.entries(stores))
  t.test(`${kills} times at a random moment, with ${name}`, options, async (t) => {
    const scene = await setScene(t, await storeOf(t), { min: 20, max: 60 })
    const all = pushes(kills * 1000)
    const decoded: Push[] = []
    for (let kill = 0; kill < kills; kill++) {
      const proxy = await scene.start()
      const send = await connected(proxy)
      const sent = all.slice(kill * 1000, (kill + 1) * 1000)
      send(sent)
      await pause(Math.random() * 150)
      const { received } = await proxy.counts()
      await proxy.end('SIGKILL')
      decoded.push(...sent.slice(0, received))
    }
    await scene.start()
    const seen = (): object => lostAndDoubled(scene, decoded)
    await until(() => lostAndDoubled(scene, decoded).lost === 0, { seen })
    const { doubled } = lostAndDoubled(scene, all)
    // What was in flight, and as many again that were answered too late for the journal.
    const atMost = kills * 2 * sessions * streams
    t.ok(doubled <= atMost, `${doubled} doubled of ${decoded.length}, at most ${atMost}`)
    t.comment(`${decoded.length} decoded over ${kills} kills: 0 lost, ${doubled} doubled`)
  })

t.test(
  '3,000 written and closed while APNs takes 1.5 s, killed when the first are answered',
  async (t) => {
    const scene = await setScene(t, {}, { min: 1500, max: 1500 })
    const first = await scene.start()
    const socket = await dial({ port: first.port, sender })
    const sent = pushes(3000)
    socket.end(Buffer.concat(sent.map((push, index) => enhanced(index, push))))
    await untilCounts(first, ({ owned }) => owned === 3000)
    await untilCounts(first, ({ owned }) => owned < 3000)
    await first.end('SIGKILL')
    await scene.start()
    await until(() => lostAndDoubled(scene, sent).lost === 0, {
      seen: () => lostAndDoubled(scene, sent),
    })
    const { doubled } = lostAndDoubled(scene, sent)
    t.ok(doubled <= 2 * sessions * streams, `${doubled} doubled`)
  },
)

t.test('8,000 written into a provider that does not answer: all are read and owned', async (t) => {
  const scene = await setScene(t, {}, { min: 20_000, max: 20_000 })
  const proxy = await scene.start()
  const { rssMiB } = await proxy.counts()
  const send = await connected(proxy)
  send(pushes(8000))
  const counts = await untilCounts(proxy, ({ owned }) => owned === 8000)
  t.comment(`RSS ${rssMiB.toFixed(0)} MiB before, ${counts.rssMiB.toFixed(0)} MiB with 8,000 owned`)
})
