/** How long something takes, counted in buckets: an addition for each, read out when somebody asks. */

/** Upper bounds of the buckets, inclusive, ms; one bucket more takes whatever is longer. */
export const latencyBoundsMs: readonly number[] = [
  1, 2, 3, 5, 10, 20, 30, 50, 100, 200, 300, 500, 1000, 2000, 3000, 5000, 10_000,
]

/** Only ever grows, so that the difference of two readings is what happened between them. */
export class LatencyHistogram {
  /** Per bucket, each counted once. */
  readonly counts: Float64Array = new Float64Array(latencyBoundsMs.length + 1)
  /** All that was counted, ms. */
  sumMs = 0

  /** A clock that was set back makes no time negative. */
  add(ms: number): void {
    let bucket = 0
    while (ms > (latencyBoundsMs[bucket] ?? Infinity)) bucket++
    this.counts[bucket] = (this.counts[bucket] ?? 0) + 1
    if (ms > 0) this.sumMs += ms
  }
}
