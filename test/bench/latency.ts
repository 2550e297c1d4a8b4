/** How much later a notification arrives because there is a gateway on its way. */
import { Gateway } from './gateway.ts'
import { ask, startFile, stop } from './process.ts'
import { showProgress } from './report.ts'
import type { Setting } from './setting.ts'
import { startSimulatedUpstream } from './upstream.ts'

/** From the sender's write to the arrival of the whole request, milliseconds. */
export interface Lag {
  readonly name: string
  readonly count: number
  readonly p50: number
  readonly p99: number
  readonly max: number
}

/** Notifications a second. */
export const rate = 1000

const warmUp = 3000
const measured = 8000

/**
 * Every payload carries the time at which it was written; the upstream compares it with the clock
 * that all processes of a machine share. Once straight from a `node:http2` client, once through
 * the gateway, at the same rate into the same upstream.
 */
export async function measureLatency(
  setting: Setting,
): Promise<readonly [direct: Lag, through: Lag]> {
  const upstream = await startSimulatedUpstream(setting)
  showProgress('latency, direct')
  const client = startFile('client/client.ts')
  await ask(client, { name: 'node:http2', target: { port: upstream.port, ...setting } })
  await ask(client, { perSecond: rate, count: warmUp })
  await upstream.lags()
  await ask(client, { perSecond: rate, count: measured })
  const direct = lagOf('direct', await upstream.lags())
  await stop(client)

  showProgress('latency, gateway')
  const gateway = await Gateway.start(setting, upstream, { journal: true })
  await gateway.pace(rate, warmUp)
  await gateway.untilDelivered(warmUp, () => undefined)
  await upstream.lags()
  await gateway.pace(rate, measured)
  await gateway.untilDelivered(warmUp + measured, () => undefined)
  const through = lagOf('gateway, journal on', await upstream.lags())
  await gateway.stop()
  await upstream.stop()
  return [direct, through]
}

function lagOf(name: string, microseconds: readonly number[]): Lag {
  if (microseconds.length !== measured)
    throw new Error(`${microseconds.length} of ${measured} notifications arrived`)
  const sorted = microseconds.map((each) => each / 1000).sort((a, b) => a - b)
  const at = (share: number): number => sorted[Math.ceil(sorted.length * share) - 1] ?? NaN
  return { name, count: sorted.length, p50: at(0.5), p99: at(0.99), max: at(1) }
}
