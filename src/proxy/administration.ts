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
import { healthOf, problemsOf } from '../admin/health.ts'
import { isOfOutcomes } from '../admin/known-problem.ts'
import { RouteOutcomes } from '../admin/outcome-problems.ts'
import type { Problem } from '../admin/problem.ts'
import { ProblemWatch, type ProblemChange } from '../admin/problem-watch.ts'
import type { ProxyState, StoreState } from '../admin/proxy-state.ts'
import { statusOf } from '../admin/status.ts'
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
  readonly onChange: (change: ProblemChange) => void
}

/** Serves the admin port. */
export class Administration {
  readonly #sources: AdministrationSources
  readonly #metrics: ReturnType<typeof createMetrics>
  readonly #startedAtMs: number
  readonly #outcomes = new RouteOutcomes()
  #history: TrafficHistory | undefined
  #watch: ProblemWatch | undefined
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
    const { actions, clock, configuration, onChange, routes } = this.#sources
    this.#history ??= new TrafficHistory(() => totalsOf(routes()), clock)
    this.#watch ??= new ProblemWatch({
      evaluate: () => problemsOf(this.#state(this.#outcomes.judge(routes()))),
      clock,
      emit: onChange,
    })
    this.#server ??= await AdminServer.open(configuration().admin, {
      metrics: this.#metrics,
      readiness: () => this.#readiness(),
      report: () => this.#report(),
      status: () => statusOf(this.#state()),
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
    this.#watch?.stop()
    await this.#server?.close()
  }

  #readiness(): Readiness {
    const store = this.#sources.store()
    const problems = this.#problems
    const routes = Object.fromEntries(this.#sources.routes().map(({ name, isUp }) => [name, isUp]))
    return {
      ready: store?.journal.healthy === true && Object.values(routes).every(Boolean),
      routes,
      store: store?.isReachable === true ? 'reachable' : 'unreachable',
      degraded: problems.length > 0,
      problems: problems.map(({ code, route }) => ({
        code,
        ...(route !== undefined && { route }),
      })),
    }
  }

  #report(): Report {
    const now = this.#sources.clock.now()
    return reportOf(
      this.#sources.statistics() ?? new SenderStatistics(now, undefined).snapshot([]),
      now,
    )
  }

  get #problems(): readonly Problem[] {
    return healthOf(this.#state()).problems
  }

  /** @param outcomeProblems those that have appeared and not ended, unless given */
  #state(
    outcomeProblems: readonly Problem[] = this.#watch?.present.filter(isOfOutcomes) ?? [],
  ): ProxyState {
    const { clock, configuration, rejections, routes, store } = this.#sources
    return {
      atMs: clock.now(),
      startedAtMs: this.#startedAtMs,
      now: this.#history?.latest,
      gatewayCertificateNotAfterMs: configuration().tls.certificate.notAfter.getTime(),
      isRehearsal: configuration().isRehearsal === true,
      store: stateOf(store()),
      routes: routes(),
      outcomeProblems,
      rejections: rejections.latest,
    }
  }

  #metricSources(): MetricSources {
    const { alarms, clock, configuration, listeners, routes, store } = this.#sources
    return {
      version,
      routes,
      listeners,
      alarms: () => alarms.counts,
      problems: () => this.#problems,
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
