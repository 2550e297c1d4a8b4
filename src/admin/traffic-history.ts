/** Samples the traffic of the last hour, once a second. */
import { latencyBoundsMs } from '../timing/latency-histogram.ts'
import type { Cancel, Clock } from '../timing/clock.ts'
import { every } from '../timing/timer.ts'
import type { RouteGauge } from './metrics.ts'

/** Sums over all routes, which only grow. */
export interface Totals {
  readonly received: number
  readonly delivered: number
  /** Answered requests, by bucket of {@link latencyBoundsMs}. */
  readonly latency: readonly number[]
}

export function totalsOf(
  routes: readonly Pick<RouteGauge, 'counters' | 'requestLatency'>[],
): Totals {
  const latency = new Array<number>(latencyBoundsMs.length + 1).fill(0)
  let [received, delivered] = [0, 0]
  for (const { counters, requestLatency } of routes) {
    received += counters.received[0] + counters.received[1] + counters.received[2]
    delivered += counters.settled.delivered
    for (const [bucket, count] of requestLatency.counts.entries())
      latency[bucket] = (latency[bucket] ?? 0) + count
  }
  return { received, delivered, latency }
}

/** The traffic since the sample before. */
export interface TrafficSample {
  readonly atMs: number
  /** Per second. */
  readonly received: number
  /** Per second. */
  readonly delivered: number
  /** Time within which APNs answered half of the requests; null if it answered none. */
  readonly latencyP50Ms: number | null
  /** The same for 99 % of the requests. */
  readonly latencyP99Ms: number | null
}

const intervalMs = 1000
const kept = 3600

export class TrafficHistory {
  readonly #read: () => Totals
  readonly #clock: Clock
  readonly #samples: TrafficSample[] = []
  #before: Totals
  #beforeAtMs: number
  readonly #cancel: Cancel

  constructor(read: () => Totals, clock: Clock) {
    this.#read = read
    this.#clock = clock
    this.#before = read()
    this.#beforeAtMs = clock.now()
    this.#cancel = every(clock, intervalMs, () => this.#take())
  }

  /** Oldest first. */
  get samples(): readonly TrafficSample[] {
    return this.#samples
  }

  /** Undefined in the first second. */
  get latest(): TrafficSample | undefined {
    return this.#samples.at(-1)
  }

  stop(): void {
    this.#cancel()
  }

  #take(): void {
    const [before, now] = [this.#before, this.#read()]
    const atMs = this.#clock.now()
    const seconds = Math.max(atMs - this.#beforeAtMs, 1) / 1000
    const latency = now.latency.map((count, bucket) => count - (before.latency[bucket] ?? 0))
    this.#samples.push({
      atMs,
      received: rate(now.received - before.received, seconds),
      delivered: rate(now.delivered - before.delivered, seconds),
      latencyP50Ms: quantile(latency, 0.5),
      latencyP99Ms: quantile(latency, 0.99),
    })
    if (this.#samples.length > kept) this.#samples.shift()
    this.#before = now
    this.#beforeAtMs = atMs
  }
}

/** Not negative: when a route is removed from the configuration, the sums shrink by its counts. */
function rate(count: number, seconds: number): number {
  return Math.max(0, Math.round((count / seconds) * 10) / 10)
}

/**
 * The value below which `share` of the counted values lie, if they are spread evenly in each bucket.
 * At most the last bound. Null if all counts are zero.
 */
export function quantile(counts: readonly number[], share: number): number | null {
  const wanted = counts.reduce((sum, count) => sum + Math.max(0, count), 0) * share
  if (wanted === 0) return null
  let below = 0
  let lower = 0
  for (const [bucket, upper] of latencyBoundsMs.entries()) {
    const count = Math.max(0, counts[bucket] ?? 0)
    if (below + count >= wanted)
      return Math.round((lower + ((wanted - below) / count) * (upper - lower)) * 10) / 10
    below += count
    lower = upper
  }
  return lower
}
