/** How many notifications one sender connection gets through while each answer takes its time. */
import { Gateway } from './gateway.ts'
import { showProgress } from './report.ts'
import type { Setting } from './setting.ts'
import { startLateUpstream } from './upstream.ts'

/** What came out. */
export interface LongPath {
  readonly count: number
  readonly perSecond: number
}

/** From request to answer. */
export const delayMs = 100

const warmUp = 20_480
const measured = 51_200

/** The default window of 1,000 in flight would carry 10,000 a second if nothing else took time. */
export async function measureLongPath(setting: Setting): Promise<LongPath> {
  showProgress('long path')
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
  return { count, perSecond: count / seconds }
}
