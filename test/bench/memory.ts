/** Whether the gateway's memory stays what it was, however many notifications go through. */
import { Gateway } from './gateway.ts'
import { showProgress } from './report.ts'
import type { Setting } from './setting.ts'
import { startUpstream } from './upstream.ts'

/** Resident memory of the gateway's process, bytes. */
export interface Memory {
  readonly count: number
  readonly perSecond: number
  /** With what starting up took. */
  readonly cpuMicroseconds: number
  /** Medians of the second and of the last quarter of the notifications. */
  readonly secondQuarter: number
  readonly lastQuarter: number
  readonly max: number
}

/** Sampled with each look at the gateway, ten times a second. */
export async function measureMemory(setting: Setting, count: number): Promise<Memory> {
  showProgress('memory')
  const upstream = await startUpstream(setting)
  const gateway = await Gateway.start(setting, upstream, { journal: true })
  const quarters: number[][] = [[], [], [], [], []]
  const startMs = performance.now()
  const written = gateway.blast(0, count)
  const { delivered, cpuSeconds } = await gateway.untilDelivered(count, (reading) => {
    const share = reading.delivered / count
    quarters[Math.floor(share * 4)]?.push(reading.rssBytes)
    showProgress('memory', share)
  })
  const seconds = (performance.now() - startMs) / 1000
  await written
  await gateway.stop()
  await upstream.stop()
  const samples = quarters.flat()
  return {
    count: delivered,
    perSecond: delivered / seconds,
    cpuMicroseconds: (cpuSeconds / delivered) * 1e6,
    secondQuarter: median(quarters[1] ?? []),
    lastQuarter: median(quarters[3] ?? []),
    max: Math.max(...samples),
  }
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? NaN
}
