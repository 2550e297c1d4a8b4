/** One route at work: its credential, its provider sessions, its relay, and who is connected. */
import type { RouteGauge } from '../admin/metrics.ts'
import type { RecentRejections } from '../admin/recent-rejections.ts'
import type { CredentialStatus, RouteState, SenderState } from '../admin/proxy-state.ts'
import { ApnsIdSource } from '../apns/apns-id.ts'
import type { KeyRing } from '../apns/key-ring.ts'
import { routeCounter } from '../statistics/event-counter.ts'
import type { SenderStatistics, RouteRecord } from '../statistics/sender-statistics.ts'
import type { Route } from '../config/route.ts'
import type { SenderConnection } from '../gateway/connection.ts'
import type { Admission } from '../gateway/sender-registry.ts'
import type { Logger } from '../log/log.ts'
import type { Histogram } from '../relay/histogram.ts'
import { Relay } from '../relay/relay.ts'
import type { RouteCounters } from '../relay/route-counters.ts'
import type { RouteEvent, RouteTrace } from '../relay/route-event.ts'
import type { Store } from '../store/store.ts'
import type { Clock } from '../timing/clock.ts'
import { Http2Session } from '../upstream/http2/http2-session.ts'
import { Pool, type PoolOwner } from '../upstream/pool.ts'
import type { OpenSession } from '../upstream/session.ts'
import type { SessionEvent } from '../upstream/session-event.ts'
import { logEvents } from './log-event.ts'
import { eventLogOf, feedbackOf, journalOf, noJournal } from './route-store.ts'
import {
  isSameAccess,
  upstreamAccess,
  type RouteSettings,
  type UpstreamAccess,
} from './upstream-access.ts'

export interface ActiveRouteDeps {
  readonly store: Store
  readonly keyRing: KeyRing
  readonly statistics: SenderStatistics
  readonly clock: Clock
  /** In [0, 1). */
  readonly random: () => number
  readonly log: Logger
  readonly rejections: RecentRejections
}

/** Where a client connection comes from. */
export interface ClientPeer {
  readonly address: string
  readonly tlsVersion: string
}

/** Its counts and states are what metrics and the status page show. */
export class ActiveRoute implements RouteGauge, RouteState, Admission {
  readonly relay: Relay
  readonly pool: Pool
  readonly log: Logger
  readonly clients = new Map<SenderConnection, ClientPeer>()
  /** When a sender last read the feedback service, ms since the epoch. */
  feedbackReadAtMs: number | null = null
  /** Why the last session, or the last attempt to open one, ended. */
  outageCause: string | undefined
  readonly #deps: ActiveRouteDeps
  #route: Route
  #access: UpstreamAccess
  #ownedLimit: number

  private constructor(
    route: Route,
    access: UpstreamAccess,
    settings: RouteSettings,
    deps: ActiveRouteDeps,
  ) {
    const { clock, random, store, rejections } = deps
    const apnsIds = new ApnsIdSource()
    this.#route = route
    this.#access = access
    this.#ownedLimit = settings.journal.maxEntries
    this.#deps = deps
    this.log = deps.log.child({ route: route.name })
    this.pool = new Pool(this.#opener(), access, {
      clock,
      random,
      owner: this.#poolOwner(),
      emit: this.#sessionSubscribers(),
    })
    this.relay = new Relay(route, settings.journal, {
      upstream: this.pool,
      journal: settings.journal.enabled ? journalOf(store, route.name) : noJournal,
      feedback: feedbackOf(store, route.name),
      eventLog: eventLogOf(store, route.name, () => {
        logEvents(this.log)({ event: 'store.damaged' })
      }),
      processName: apnsIds.next().slice(0, 8),
      clock,
      random,
      newApnsId: () => apnsIds.next(),
      emit: this.#routeSubscribers(rejections),
      isTraced: () => this.log.isLevelEnabled('debug'),
    })
  }

  /** Signs a provider token where the route sends with one, and opens the first session. */
  static async start(
    route: Route,
    settings: RouteSettings,
    deps: ActiveRouteDeps,
  ): Promise<ActiveRoute> {
    const active = new ActiveRoute(
      route,
      await upstreamAccess(route, settings, deps),
      settings,
      deps,
    )
    active.pool.start()
    return active
  }

  /** As configured. */
  get route(): Route {
    return this.#route
  }

  get name(): string {
    return this.#route.name
  }

  get environment(): Route['environment'] {
    return this.#route.environment
  }

  get topic(): string {
    return this.#route.topic
  }

  get credential(): CredentialStatus {
    const { credential } = this.#route
    if (credential.kind === 'signing-key') {
      const { keyId, teamId } = credential
      return { kind: 'signing-key', keyId, teamId }
    }
    const { subject, notAfter } = credential.certificate
    return { kind: 'certificate', subject, notAfterMs: notAfter.getTime() }
  }

  get senderKeys(): readonly string[] {
    return this.#route.senderKeys
  }

  /** What the migration report says of it. */
  get routeRecord(): RouteRecord {
    const { name, topic, environment, credential } = this.#route
    return {
      name,
      topic,
      environment,
      credential: credential.kind,
      credentialNotAfterMs:
        credential.kind === 'certificate' ? credential.certificate.notAfter.getTime() : null,
    }
  }

  get counters(): RouteCounters {
    return this.relay.counters
  }

  get owned(): number {
    return this.relay.owned
  }

  get ownedLimit(): number {
    return this.#ownedLimit
  }

  get connections(): number {
    return this.clients.size
  }

  get senders(): readonly SenderState[] {
    return Array.from(this.clients, ([{ receivedByCommand }, peer]) => ({
      ...peer,
      receivedByCommand,
    }))
  }

  get sessions(): RouteState['sessions'] {
    return this.pool.sessions.map((session) => ({
      ...session,
      streamLimit: Number.isFinite(session.streamLimit) ? session.streamLimit : null,
    }))
  }

  get downReason(): string | undefined {
    return this.relay.downReason
  }

  /** Whether no session has taken requests for a while. */
  get isOut(): boolean {
    return this.pool.isOut
  }

  get upstream(): RouteGauge['upstream'] {
    return { ...this.pool.load, waiting: this.pool.waiting }
  }

  get requestLatency(): Histogram {
    return this.pool.requestLatency
  }

  get feedbackWaiting(): number {
    return this.#deps.store.feedback.count(this.name)
  }

  /** Whether notifications can be sent, as far as is known. */
  get isUp(): boolean {
    return this.pool.load.sessions > 0 && this.relay.downReason === undefined
  }

  /** Applies a changed configuration; sessions of another credential finish what they have. */
  async reconfigure(route: Route, settings: RouteSettings): Promise<void> {
    const access = await upstreamAccess(route, settings, this.#deps)
    this.#route = route
    this.#ownedLimit = settings.journal.maxEntries
    this.log.level = this.#deps.log.level
    this.relay.reconfigure(route, settings.journal)
    if (isSameAccess(access, this.#access)) return
    this.#access = access
    this.pool.reconfigure(this.#opener(), access)
    this.relay.renewed()
  }

  /** Stops the client connections, settles what is owned, leaves, and closes the sessions. */
  async drain(latestAtMs: number): Promise<void> {
    await this.stopClients(latestAtMs)
    await this.relay.idle()
    this.relay.leave()
    await this.pool.drain()
  }

  /** @param latestAtMs from then on a sender that does not pause is interrupted, ms since the epoch */
  async stopClients(latestAtMs: number): Promise<void> {
    await Promise.all([...this.clients.keys()].map((client) => client.stop(latestAtMs)))
  }

  /** The pool comes before its relay, which sends through it. */
  #poolOwner(): PoolOwner {
    return {
      answered: (delivery, outcome) => {
        this.relay.answered(delivery, outcome)
      },
      expired: (delivery) => {
        this.relay.expired(delivery)
      },
      refused: (cause) => {
        this.relay.refused(cause)
      },
      steady: () => {
        this.relay.steady()
      },
    }
  }

  #sessionSubscribers(): (event: SessionEvent) => void {
    const log = logEvents(this.log)
    return (event) => {
      if (event.event === 'session.closed') this.outageCause = event.cause
      log(event)
    }
  }

  #routeSubscribers(rejections: RecentRejections): (event: RouteEvent | RouteTrace) => void {
    const log = logEvents(this.log)
    const count = routeCounter(this.name, this.#deps.statistics)
    return (event) => {
      log(event)
      count(event)
      rejections.note(this.name, event)
    }
  }

  #opener(): OpenSession {
    const { target, times } = this.#access
    return (owner) => new Http2Session(target, owner, times, this.#deps.clock)
  }
}
