/** A Prometheus histogram of what was counted elsewhere: prom-client's own wants to count itself. */
import { Histogram, type MetricConfiguration } from 'prom-client'
import { latencyBoundsMs, type Histogram as Buckets } from '../relay/histogram.ts'

/** The buckets of one route. */
export interface RouteBuckets {
  readonly route: string
  readonly buckets: Buckets
}

interface Sample {
  readonly metricName: string
  readonly labels: Readonly<Record<string, string | number>>
  readonly value: number
}

/** In seconds, by route. */
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
    // What prom-client's types ask for beyond this is not in its own answer either.
    const metric = { name, help, type: 'histogram', values, aggregator: 'sum' } as unknown
    return Promise.resolve(metric as Awaited<ReturnType<Histogram['get']>>)
  }

  /** What a registry asks first. */
  getForPromString(): ReturnType<Histogram['get']> {
    return this.get()
  }
}

/** Each bucket has what is in the ones before it, too. */
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
