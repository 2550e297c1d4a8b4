/** What all workers of a primary say of themselves, as if they were one process. */
import type { Readiness } from '../admin/admin-server.ts'
import { MetricSum, type MetricSnapshot } from '../admin/metric-sum.ts'
import { sumOf, type Sources } from '../admin/source-sum.ts'
import type { CensusFacts } from '../census/census.ts'
import type { Cancel, Clock } from '../clock.ts'
import type { Crew } from './crew.ts'
import { CrewCensus } from './crew-census.ts'

const pollMs = 1000

/** What a primary counts itself. */
export interface OwnMetrics {
  getMetricsAsJSON(): Promise<MetricSnapshot>
}

/** See the file's first line. */
export class CrewNumbers {
  readonly #crew: Crew
  readonly #own: OwnMetrics
  readonly #metrics = new MetricSum()
  readonly #census = new CrewCensus()
  readonly #clock: Clock
  #sources = sumOf([])
  #cancel: Cancel
  #isStopped = false

  constructor(crew: Crew, own: OwnMetrics, clock: Clock) {
    this.#crew = crew
    this.#own = own
    this.#clock = clock
    this.#cancel = this.#next()
  }

  /** What an administrator is shown; a second old at the most. */
  get sources(): Sources {
    return this.#sources
  }

  stop(): void {
    this.#isStopped = true
    this.#cancel()
  }

  get contentType(): string {
    return this.#metrics.contentType
  }

  /** As Prometheus reads them. */
  async metrics(): Promise<string> {
    this.#metrics.note(this.#own, await this.#own.getMetricsAsJSON())
    for (const { process, answer } of await this.#crew.askAll('metrics', undefined))
      this.#metrics.note(process, answer)
    await this.#metrics.keep([this.#own, ...this.#crew.processes])
    return this.#metrics.metrics()
  }

  /** Ready when all are; a route is up when it is up everywhere. */
  async readiness(): Promise<Readiness> {
    const answers = await this.#crew.askAll('readiness', undefined)
    const each = answers.flatMap(({ answer }) => answer ?? [])
    const routes: Record<string, boolean> = {}
    for (const readiness of each)
      for (const [name, isUp] of Object.entries(readiness.routes))
        routes[name] = (routes[name] ?? true) && isUp
    const isReachable = each.every(({ store }) => store === 'reachable')
    return {
      ready: this.#crew.isComplete && each.every(({ ready }) => ready),
      routes,
      store: isReachable ? 'reachable' : 'unreachable',
    }
  }

  /** Undefined while no worker has said anything. */
  async census(): Promise<CensusFacts | undefined> {
    for (const { process, answer } of await this.#crew.askAll('census', undefined))
      this.noteCensus(process, answer)
    this.#census.keep(this.#crew.processes)
    return this.#census.facts()
  }

  #next(): Cancel {
    return this.#clock.after(pollMs, () => {
      void this.#poll()
    })
  }

  async #poll(): Promise<void> {
    const answers = await this.#crew.askAll('sources', undefined)
    this.#sources = sumOf(answers.flatMap(({ answer }) => answer ?? []))
    if (!this.#isStopped) this.#cancel = this.#next()
  }

  /** The last word of a worker. */
  noteCensus(process: object, facts: CensusFacts | undefined): void {
    if (facts !== undefined) this.#census.note(process, facts)
  }
}
