/** What a second worker brings, and what it costs, before the cheapest upstream there is. */
import { Gateway } from './gateway.ts'
import { wholeBlocks } from './notification.ts'
import { showProgress } from './report.ts'
import type { Setting } from './setting.ts'
import { startLateUpstream, type Upstream } from './upstream.ts'

/** One way to be several. */
export interface Crewed {
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
 * One worker, which is the proxy alone, then two, then two proxies that know nothing of each other:
 * more than those this machine does not allow. Each has a sender connection of its own.
 */
export async function measureWorkers(setting: Setting, count: number): Promise<readonly Crewed[]> {
  const upstream = await startLateUpstream(setting, 0)
  const rows = [
    crewed('1 worker', await run(setting, upstream, count, 1)),
    crewed('2 workers', await run(setting, upstream, count, 2)),
    crewed(
      '2 proxies apart',
      ...(await Promise.all([run(setting, upstream, count, 1), run(setting, upstream, count, 1)])),
    ),
  ]
  await upstream.stop()
  return rows
}

async function run(
  setting: Setting,
  upstream: Upstream,
  count: number,
  workers: number,
): Promise<Run> {
  showProgress(`workers: ${workers}`)
  const senders = workers
  const gateway = await Gateway.start(setting, upstream, { journal: true, workers, senders })
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
function crewed(name: string, ...runs: readonly Run[]): Crewed {
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
