/** What a notification costs with Redis as the store, and with the embedded one, in one run. */
import { createClient } from '@redis/client'
import { freePort } from '../fixtures/port.ts'
import { measureGateway, type Cost } from './comparison.ts'
import { Gateway } from './gateway.ts'
import { startProgram, stop } from './process.ts'
import { showProgress } from './report.ts'
import type { Setting } from './setting.ts'
import { startUpstream, versionOf, type Upstream } from './upstream.ts'

/** A row of the table. */
export interface StoreCost extends Cost {
  readonly name: string
  /** Of Redis, for each notification. */
  readonly redis: RedisCost | undefined
}

interface RedisCost {
  readonly cpuMicroseconds: number
  readonly commands: number
  /** That came to it. */
  readonly bytes: number
}

const pacedPerSecond = 2000
const pacedCount = 10_000

/**
 * As fast as possible, where one read brings hundreds; and 2,000 a second one by one, where each is
 * an entry of its own. Without redis-server, the embedded store alone.
 */
export async function measureStores(setting: Setting, count: number): Promise<StoreCost[]> {
  const upstream = await startUpstream(setting)
  const rows = await measureBoth('lmdb', 'lmdb', setting, upstream, count, undefined)
  if (versionOf('redis-server') !== undefined) {
    const port = await freePort()
    const args = ['--port', String(port), '--bind', '127.0.0.1', '--save', '']
    const server = startProgram('redis-server', args, { stdio: 'ignore' })
    const url = `redis://127.0.0.1:${port}`
    rows.push(...(await measureBoth('redis', url, setting, upstream, count, url)))
    await stop(server)
  }
  await upstream.stop()
  return rows
}

async function measureBoth(
  name: string,
  store: string,
  setting: Setting,
  upstream: Upstream,
  count: number,
  url: string | undefined,
): Promise<StoreCost[]> {
  const before = await effortOf(url)
  const [fastName, pacedName] = [`${name}, as fast as possible`, `${name}, one by one`]
  const fast = await measureGateway(fastName, setting, upstream, count, {
    journal: true,
    store,
  })
  const between = await effortOf(url)
  const paced = await measurePaced(pacedName, store, setting, upstream)
  const after = await effortOf(url)
  // What went in front to warm up has cost Redis as much.
  return [
    { name: fastName, ...fast, redis: redisCost(before, between, count * 1.2) },
    { name: pacedName, ...paced, redis: redisCost(between, after, pacedCount * 1.2) },
  ]
}

async function measurePaced(
  name: string,
  store: string,
  setting: Setting,
  upstream: Upstream,
): Promise<Cost> {
  showProgress(name)
  const gateway = await Gateway.start(setting, upstream, { journal: true, store })
  const warmUp = pacedCount * 0.2
  await gateway.pace(pacedPerSecond, warmUp)
  const before = await gateway.untilDelivered(warmUp, () => undefined)
  const startMs = performance.now()
  await gateway.pace(pacedPerSecond, pacedCount)
  const after = await gateway.untilDelivered(warmUp + pacedCount, () => undefined)
  const seconds = (performance.now() - startMs) / 1000
  await gateway.stop()
  const cpuSeconds = after.cpuSeconds - before.cpuSeconds
  return {
    count: pacedCount,
    perSecond: pacedCount / seconds,
    cpuMicroseconds: (cpuSeconds / pacedCount) * 1e6,
  }
}

interface Effort {
  readonly cpuSeconds: number
  readonly commands: number
  readonly bytes: number
}

async function effortOf(url: string | undefined): Promise<Effort | undefined> {
  if (url === undefined) return undefined
  const client = createClient({ url })
  client.on('error', () => {
    // It is just starting.
  })
  await client.connect()
  const text = await client.info('everything')
  await client.close()
  const value = (key: string): number => Number(new RegExp(`^${key}:(.*)$`, 'm').exec(text)?.[1])
  return {
    cpuSeconds: value('used_cpu_user') + value('used_cpu_sys'),
    commands: value('total_commands_processed'),
    bytes: value('total_net_input_bytes'),
  }
}

function redisCost(
  before: Effort | undefined,
  after: Effort | undefined,
  count: number,
): RedisCost | undefined {
  if (before === undefined || after === undefined) return undefined
  return {
    cpuMicroseconds: ((after.cpuSeconds - before.cpuSeconds) / count) * 1e6,
    commands: (after.commands - before.commands) / count,
    bytes: (after.bytes - before.bytes) / count,
  }
}
