/** The content of the admin port: readiness, metrics, the status page and the migration report. */
import { AdminServer, type Readiness } from '../admin/admin-server.ts'
import type { Action } from '../admin/action.ts'
import { TrafficHistory, totalsOf } from '../admin/traffic-history.ts'
import {
  createMetrics,
  type CertificateGauge,
  type ListenerGauge,
  type MetricSources,
} from '../admin/metrics.ts'
import type { RecentRejections } from '../admin/recent-rejections.ts'
import type { StoreState } from '../admin/proxy-state.ts'
import { statusOf, type Status } from '../admin/status.ts'
import { SenderStatistics, type StatisticsSnapshot } from '../statistics/sender-statistics.ts'
import { reportOf, type Report } from '../statistics/migration-report.ts'
import type { Alarms } from '../alarms/alarms.ts'
import type { Configuration } from '../config/configuration.ts'
import type { CertificateCredential } from '../credentials/credential.ts'
import type { Store } from '../store/store.ts'
import type { Clock } from '../timing/clock.ts'
import type { ActiveRoute } from './active-route.ts'
import type { ProxyAddresses } from './lifecycle-event.ts'
import { version } from './version.ts'

/** Functions that return the current facts. */
export interface AdministrationSources {
  readonly configuration: () => Configuration
  readonly routes: () => readonly ActiveRoute['shown'][]
  readonly listeners: () => readonly ListenerGauge[]
  /** Undefined until the store is open. */
  readonly store: () => Store | undefined
  readonly statistics: () => StatisticsSnapshot | undefined
  readonly rejections: RecentRejections
  readonly actions: readonly Action[]
  readonly alarms: Alarms
  readonly clock: Clock
}

/** Serves the admin port. */
export class Administration {
  readonly #sources: AdministrationSources
  readonly #metrics: ReturnType<typeof createMetrics>
  readonly #startedAtMs: number
  #history: TrafficHistory | undefined
  #server: AdminServer | undefined

  constructor(sources: AdministrationSources) {
    this.#sources = sources
    this.#startedAtMs = sources.clock.now()
    this.#metrics = createMetrics(this.#metricSources())
  }

  /**
   * Binds the admin port, if it is not bound yet. Returns its address.
   * @throws the system's error when the address cannot be bound
   */
  async open(): Promise<ProxyAddresses['admin']> {
    const { actions, clock, configuration, routes } = this.#sources
    this.#history ??= new TrafficHistory(() => totalsOf(routes()), clock)
    this.#server ??= await AdminServer.open(configuration().admin, {
      metrics: this.#metrics,
      readiness: () => this.#readiness(),
      report: () => this.#report(),
      status: () => this.#status(),
      history: () => this.#history?.samples ?? [],
      actions,
      clock,
    })
    const { address: host, port } = this.#server.address
    return { host, port }
  }

  /** Applies the access rules of a changed configuration. */
  reconfigure({ admin }: Configuration): void {
    this.#server?.reconfigure(admin)
  }

  async close(): Promise<void> {
    this.#history?.stop()
    await this.#server?.close()
  }

  #readiness(): Readiness {
    const store = this.#sources.store()
    const routes = Object.fromEntries(this.#sources.routes().map(({ name, isUp }) => [name, isUp]))
    return {
      ready: store?.journal.healthy === true && Object.values(routes).every(Boolean),
      routes,
      store: store?.isReachable === true ? 'reachable' : 'unreachable',
    }
  }

  #report(): Report {
    const now = this.#sources.clock.now()
    return reportOf(
      this.#sources.statistics() ?? new SenderStatistics(now, undefined).snapshot([]),
      now,
    )
  }

  #status(): Status {
    const { clock, configuration, rejections, routes, store } = this.#sources
    return statusOf({
      atMs: clock.now(),
      startedAtMs: this.#startedAtMs,
      now: this.#history?.latest,
      gatewayCertificateNotAfterMs: configuration().tls.certificate.notAfter.getTime(),
      isRehearsal: configuration().isRehearsal === true,
      store: stateOf(store()),
      routes: routes(),
      rejections: rejections.latest,
    })
  }

  #metricSources(): MetricSources {
    const { alarms, clock, configuration, listeners, routes, store } = this.#sources
    return {
      version,
      routes,
      listeners,
      alarms: () => alarms.counts,
      certificates: () => certificatesOf(configuration(), clock.now()),
      store: () => ({
        entries: store()?.journal.unsettled ?? 0,
        healthy: store()?.isReachable ?? false,
        bytes: store()?.bytes,
      }),
    }
  }
}

function stateOf(store: Store | undefined): StoreState {
  if (store === undefined) return 'awaited'
  if (store.isReachable) return 'written'
  return store.journal.healthy ? 'unwritten' : 'full'
}

/** Every certificate that the proxy presents to a peer. */
function certificatesOf({ tls, routes }: Configuration, nowMs: number): CertificateGauge[] {
  const secondsLeft = ({ certificate }: CertificateCredential): number =>
    Math.round((certificate.notAfter.getTime() - nowMs) / 1000)
  return [
    { credential: 'server-certificate', route: '', expiresInSeconds: secondsLeft(tls) },
    ...routes.flatMap(({ name: route, credential }): CertificateGauge[] =>
      credential.kind === 'certificate'
        ? [{ credential: 'push-certificate', route, expiresInSeconds: secondsLeft(credential) }]
        : [],
    ),
  ]
}
