/** What a second worker brings, and what it costs, before the cheapest upstream there is. */
import { Gateway } from './gateway.ts'
import { wholeBlocks } from './notification.ts'
import { showProgress } from './report.ts'
import type { Setting } from './setting.ts'
import { startLateUpstream } from './upstream.ts'

/** One number of workers. */
export interface Crewed {
  readonly workers: number
  readonly count: number
  readonly perSecond: number
  /** Of the primary and all workers. */
  readonly cpuMicroseconds: number
  /** Cores that they had; senders and upstream need the rest of the machine. */
  readonly cores: number
}

const senders = 2
const warmUpShare = 0.2

/** One worker, which is the proxy alone, then two. */
export async function measureWorkers(setting: Setting, count: number): Promise<readonly Crewed[]> {
  const upstream = await startLateUpstream(setting, 0)
  const rows: Crewed[] = []
  for (const workers of [1, 2]) {
    const name = `${workers} workers`
    showProgress(name)
    const gateway = await Gateway.start(setting, upstream, { journal: true, workers, senders })
    const [warmUp, measured] = [wholeBlocks(count * warmUpShare), wholeBlocks(count)]
    await gateway.blast(0, warmUp)
    const before = await gateway.untilDelivered(senders * warmUp, () => undefined)
    const startMs = performance.now()
    const written = gateway.blast(warmUp, measured)
    const all = senders * measured
    const after = await gateway.untilDelivered(senders * warmUp + all, ({ delivered }) => {
      showProgress(name, (delivered - senders * warmUp) / all)
    })
    const seconds = (performance.now() - startMs) / 1000
    await written
    await gateway.stop()
    const cpuSeconds = after.cpuSeconds - before.cpuSeconds
    rows.push({
      workers,
      count: all,
      perSecond: all / seconds,
      cpuMicroseconds: (cpuSeconds / all) * 1e6,
      cores: cpuSeconds / seconds,
    })
  }
  await upstream.stop()
  return rows
}
