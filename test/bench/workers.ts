/** What a second worker brings, and what it costs, before the cheapest upstream there is. */
import { freePort } from '../fixtures/port.ts'
import { Gateway } from './gateway.ts'
import { wholeBlocks } from './notification.ts'
import { startProgram, stop } from './process.ts'
import { showProgress } from './report.ts'
import type { Setting } from './setting.ts'
import { startLateUpstream, versionOf, type Upstream } from './upstream.ts'

/** One way to be several. */
export interface WorkersCost {
  readonly name: string
  readonly count: number
  readonly perSecond: number
  /** Of all processes that make up the gateway. */
  readonly cpuMicroseconds: number
  /** Cores that they had; senders and upstream need the rest of the machine. */
  readonly cores: number
}

interface Run {
  readonly count: number
  readonly seconds: number
  readonly cpuSeconds: number
}

const warmUpShare = 0.2

/**
 * One process, then two workers, then two proxies that know nothing of each other: more than those
 * this machine does not allow. Each process has a sender connection of its own, and all share one
 * Redis. Undefined without redis-server, which several workers need.
 */
export async function measureWorkers(
  setting: Setting,
  count: number,
): Promise<readonly WorkersCost[] | undefined> {
  if (versionOf('redis-server') === undefined) return undefined
  const redisPort = await freePort()
  const args = ['--port', String(redisPort), '--bind', '127.0.0.1', '--save', '']
  const redis = startProgram('redis-server', args, { stdio: 'ignore' })
  const upstream = await startLateUpstream(setting, 0)
  const measure = (workers: number, prefix: string): Promise<Run> =>
    run(setting, upstream, count, {
      workers,
      store: `redis://127.0.0.1:${redisPort}?prefix=${prefix}`,
    })
  const rows = [
    costOf('1 process', await measure(1, 'one')),
    costOf('2 workers', await measure(2, 'two')),
    costOf('2 proxies apart', ...(await Promise.all([measure(1, 'left'), measure(1, 'right')]))),
  ]
  await upstream.stop()
  await stop(redis)
  return rows
}

async function run(
  setting: Setting,
  upstream: Upstream,
  count: number,
  { workers, store }: { readonly workers: number; readonly store: string },
): Promise<Run> {
  showProgress(`workers: ${workers}`)
  const senders = workers
  const gateway = await Gateway.start(setting, upstream, {
    journal: true,
    store,
    workers,
    senders,
  })
  const [warmUp, measured] = [wholeBlocks(count * warmUpShare), wholeBlocks(count)]
  await gateway.blast(0, warmUp)
  const before = await gateway.untilDelivered(senders * warmUp, () => undefined)
  const startMs = performance.now()
  const written = gateway.blast(warmUp, measured)
  const all = senders * measured
  const after = await gateway.untilDelivered(senders * warmUp + all, ({ delivered }) => {
    showProgress(`workers: ${workers}`, (delivered - senders * warmUp) / all)
  })
  const seconds = (performance.now() - startMs) / 1000
  await written
  await gateway.stop()
  return { count: all, seconds, cpuSeconds: after.cpuSeconds - before.cpuSeconds }
}

/** Runs at a time. */
function costOf(name: string, ...runs: readonly Run[]): WorkersCost {
  const sum = (read: (run: Run) => number): number =>
    runs.reduce((total, each) => total + read(each), 0)
  const count = sum((each) => each.count)
  return {
    name,
    count,
    perSecond: sum((each) => each.count / each.seconds),
    cpuMicroseconds: (sum((each) => each.cpuSeconds) / count) * 1e6,
    cores: sum((each) => each.cpuSeconds / each.seconds),
  }
}
