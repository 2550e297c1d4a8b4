/** The metrics of several processes as those of one. */
import { AggregatorRegistry, Registry } from 'prom-client'

/** All metrics of a process at one moment. */
export type MetricSnapshot = Awaited<ReturnType<Registry['getMetricsAsJSON']>>

/** What only ever rises stays when its process has ended; whoever reads it would take less for a restart. */
const lasting: readonly string[] = ['counter', 'histogram', 'summary']

/** Adds up, each metric as its `aggregator` says. */
export class MetricSum {
  readonly contentType = Registry.PROMETHEUS_CONTENT_TYPE
  readonly #latest = new Map<object, MetricSnapshot>()
  #past: MetricSnapshot = []

  /** What a process says of itself. */
  note(process: object, snapshot: MetricSnapshot): void {
    this.#latest.set(process, snapshot)
  }

  /** Of others than these only what is {@link lasting} counts any more. */
  async keep(processes: readonly object[]): Promise<void> {
    for (const [process, snapshot] of this.#latest) {
      if (processes.includes(process)) continue
      this.#latest.delete(process)
      const left = snapshot.filter(({ type }) => lasting.includes(String(type)))
      this.#past = await AggregatorRegistry.aggregate([this.#past, left]).getMetricsAsJSON()
    }
  }

  /** As Prometheus reads it. */
  metrics(): Promise<string> {
    const snapshots = [...this.#latest.values(), this.#past]
    return AggregatorRegistry.aggregate(snapshots).metrics()
  }
}
