/**
 * The proxy as several processes: this one keeps the store, orders what the workers tell each other,
 * and shows the sum of their numbers; each worker is a proxy on its own.
 *
 *     sender ──TLS──▶ Primary (accepts, hands the socket on) ─▶ Worker: Listener … Pool ──▶ APNs
 *                     StoreHost ◀── channel: entries, settlements, events ──┘
 */
import { AdminServer } from './admin/admin-server.ts'
import { History } from './admin/history.ts'
import { createMetrics } from './admin/metrics.ts'
import type { RouteSource } from './admin/status-source.ts'
import { statusOf, type Status } from './admin/status.ts'
import { CensusKeeper } from './census-keeper.ts'
import { reportOf } from './census/report.ts'
import type { Clock } from './clock.ts'
import type { Configuration } from './config/configuration.ts'
import { factsOf } from './line.ts'
import type { Logger } from './log.ts'
import { observeCensus, observeCrew, observeStore } from './log-observer.ts'
import { logReady, logStopped, logStopping, type ProxyAddresses, type Service } from './proxy.ts'
import type { RecorderOptions } from './recording/recorder.ts'
import type { EmbeddedStore } from './store/entry-journal.ts'
import { openLmdbStore } from './store/lmdb-store.ts'
import { StoreHost } from './store/store-host.ts'
import type { StoreObserver } from './store/store.ts'
import { version } from './version.ts'
import { Crew } from './workers/crew.ts'
import { CrewNumbers, type OwnMetrics } from './workers/crew-numbers.ts'
import { portable, shareOf, type PortableConfiguration } from './workers/portable.ts'

/** What a primary is given. */
export interface PrimaryDeps {
  readonly log: Logger
  readonly clock: Clock
  /** What its workers listen in on, where anything. */
  readonly recording?: RecorderOptions | undefined
  /** See `ProxyDeps`. */
  readonly inherited?: ReadonlyMap<string, number> | undefined
}

/** See the file's first lines. */
export class Primary implements Service {
  readonly #deps: PrimaryDeps
  readonly #startedAtMs: number
  #configuration: Configuration
  #store: EmbeddedStore | undefined
  #host: StoreHost | undefined
  #crew: Crew | undefined
  #numbers: CrewNumbers | undefined
  #census: CensusKeeper | undefined
  #history: History | undefined
  #admin: AdminServer | undefined

  constructor(configuration: Configuration, deps: PrimaryDeps) {
    this.#configuration = configuration
    this.#deps = deps
    this.#startedAtMs = deps.clock.now()
  }

  get configuration(): Configuration {
    return this.#configuration
  }

  async start(): Promise<ProxyAddresses> {
    const { clock, log } = this.#deps
    try {
      const { store, host } = await this.#openStore()
      const recovered = host.orphaned
      const crew = this.#gather(host)
      const listeners = await crew.start()
      if (recovered > 0) log.info({ event: 'journal.recovered', notifications: recovered })
      const numbers = new CrewNumbers(crew, metricsOf(store, host), clock)
      this.#numbers = numbers
      this.#admin = await this.#show(numbers)
      const { address, port } = this.#admin.address
      const addresses = { listeners, admin: { host: address, port } }
      logReady(log, addresses, this.#configuration)
      return addresses
    } catch (error) {
      await this.destroy()
      throw error
    }
  }

  /** All workers or none: what could be wrong has been found before. */
  async reload(configuration: Configuration): Promise<void> {
    this.#configuration = configuration
    this.#admin?.renew(configuration.admin)
    await this.#crew?.reload(this.#share())
  }

  async stop(): Promise<boolean> {
    const { log } = this.#deps
    const routes = this.#numbers?.sources.routes ?? []
    const total = (read: (route: RouteSource) => number): number =>
      routes.reduce((sum, route) => sum + read(route), 0)
    logStopping(
      log,
      total(({ connections }) => connections),
      total(({ owned }) => owned),
    )
    const { left = [], drained = true } = (await this.#crew?.stop()) ?? {}
    for (const { process, answer } of left) this.#numbers?.noteCensus(process, answer.census)
    const owned = this.#host?.orphaned ?? 0
    await this.destroy()
    logStopped(log, drained, owned)
    return drained
  }

  async destroy(): Promise<void> {
    this.#numbers?.stop()
    this.#history?.stop()
    await this.#crew?.destroy()
    await this.#admin?.close()
    await this.#census?.close()
    await this.#store?.close()
  }

  async #openStore(): Promise<{ store: EmbeddedStore; host: StoreHost }> {
    const { clock, log } = this.#deps
    const told = observeStore(log)
    const observer: StoreObserver = {
      writeFailed: (error) => {
        told.writeFailed(error)
        this.#host?.healthChanged()
      },
      writeRecovered: () => {
        told.writeRecovered()
        this.#host?.healthChanged()
      },
    }
    const store = await openLmdbStore(this.#configuration.dataDirectory, { clock, observer })
    this.#store = store
    const host = new StoreHost(store)
    this.#host = host
    return { store, host }
  }

  #gather(host: StoreHost): Crew {
    const { clock, inherited, log, recording } = this.#deps
    this.#crew = new Crew(this.#configuration.workers, {
      host,
      clock,
      observer: observeCrew(log),
      start: () => ({ configuration: this.#share(), recording, inherited }),
    })
    return this.#crew
  }

  #share(): PortableConfiguration {
    return portable(shareOf(this.#configuration, this.#configuration.workers))
  }

  #status({ sources }: CrewNumbers, { latest }: History): Status {
    return statusOf({
      ...sources,
      atMs: this.#deps.clock.now(),
      startedAtMs: this.#startedAtMs,
      now: latest,
      gatewayCertificateNotAfterMs: this.#configuration.tls.certificate.notAfter.getTime(),
    })
  }

  async #show(numbers: CrewNumbers): Promise<AdminServer> {
    const { clock, log } = this.#deps
    const census = await CensusKeeper.open(this.#configuration.dataDirectory, {
      routes: () => this.#configuration.routes.map(factsOf),
      others: () => numbers.census(),
      clock,
      observer: observeCensus(log),
    })
    this.#census = census
    const history = new History(() => numbers.sources.totals, clock)
    this.#history = history
    return AdminServer.open(this.#configuration.admin, {
      metrics: { contentType: numbers.contentType, metrics: () => numbers.metrics() },
      readiness: () => numbers.readiness(),
      report: async () => reportOf(await census.facts(), clock.now()),
      status: () => this.#status(numbers, history),
      history: () => history.samples,
      clock,
    })
  }
}

/** Of what is in the journal each worker counts its own. */
function metricsOf(store: EmbeddedStore, host: StoreHost): OwnMetrics {
  return createMetrics({
    version,
    routes: () => [],
    listeners: () => [],
    certificates: () => [],
    store: () => ({
      entries: host.orphaned,
      healthy: store.journal.healthy,
      bytes: store.bytes,
    }),
  })
}
