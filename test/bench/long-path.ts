/** How many notifications one sender connection gets through while each answer takes its time. */
import { Gateway } from './gateway.ts'
import { showProgress } from './report.ts'
import type { Setting } from './setting.ts'
import { startLateUpstream } from './upstream.ts'

/** What came out. */
export interface LongPath {
  /** From request to answer. */
  readonly delayMs: number
  readonly count: number
  readonly perSecond: number
}

const delaysMs = [100, 500]

const warmUp = 20_480
const measured = 51_200

/** The streams of all sessions would carry 80,000 a second at 100 ms, 16,000 at 500. */
export async function measureLongPaths(setting: Setting): Promise<readonly LongPath[]> {
  const paths: LongPath[] = []
  for (const delayMs of delaysMs) paths.push(await measureLongPath(setting, delayMs))
  return paths
}

async function measureLongPath(setting: Setting, delayMs: number): Promise<LongPath> {
  showProgress(`long path, ${delayMs} ms`)
  const upstream = await startLateUpstream(setting, delayMs)
  const gateway = await Gateway.start(setting, upstream, { journal: true })
  const written = gateway.blast(0, warmUp + measured)
  const before = await gateway.untilDelivered(warmUp, () => undefined)
  const startMs = performance.now()
  const after = await gateway.untilDelivered(warmUp + measured * 0.95, ({ delivered }) => {
    showProgress('long path', (delivered - warmUp) / measured)
  })
  const seconds = (performance.now() - startMs) / 1000
  await written
  await gateway.stop()
  await upstream.stop()
  const count = after.delivered - before.delivered
  return { delayMs, count, perSecond: count / seconds }
}
