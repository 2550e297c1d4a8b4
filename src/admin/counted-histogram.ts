/** A Prometheus histogram of values counted elsewhere. A histogram of prom-client counts itself. */
import { Histogram, type MetricConfiguration } from 'prom-client'
import { latencyBoundsMs, type LatencyHistogram } from '../timing/latency-histogram.ts'

/** The buckets of one route. */
export interface RouteBuckets {
  readonly route: string
  readonly buckets: LatencyHistogram
}

interface Sample {
  readonly metricName: string
  readonly labels: Readonly<Record<string, string | number>>
  readonly value: number
}

/** Has seconds, by route. */
export class CountedHistogram extends Histogram {
  readonly #configuration: MetricConfiguration<string>
  readonly #read: () => readonly RouteBuckets[]

  constructor(configuration: MetricConfiguration<string>, read: () => readonly RouteBuckets[]) {
    super(configuration)
    this.#configuration = configuration
    this.#read = read
  }

  override get(): ReturnType<Histogram['get']> {
    const { name, help } = this.#configuration
    const values = this.#read().flatMap((of) => samples(name, of))
    // The types of prom-client require fields that its own answer does not have either.
    const metric = { name, help, type: 'histogram', values, aggregator: 'sum' } as unknown
    return Promise.resolve(metric as Awaited<ReturnType<Histogram['get']>>)
  }

  /** The registry prefers this method. */
  getForPromString(): ReturnType<Histogram['get']> {
    return this.get()
  }
}

/** Each bucket includes the buckets before it. */
function samples(name: string, { route, buckets }: RouteBuckets): Sample[] {
  let count = 0
  const counted = Array.from(buckets.counts, (inBucket, index): Sample => {
    count += inBucket
    const boundMs = latencyBoundsMs[index]
    const le = boundMs === undefined ? '+Inf' : boundMs / 1000
    return { metricName: `${name}_bucket`, labels: { le, route }, value: count }
  })
  return [
    ...counted,
    { metricName: `${name}_sum`, labels: { route }, value: buckets.sumMs / 1000 },
    { metricName: `${name}_count`, labels: { route }, value: count },
  ]
}
