/** One running route: its credential, its sessions with APNs, its relay and its sender connections. */
import { foreignMs } from '../admin/state-problems.ts'
import type { RouteGauge } from '../admin/metrics.ts'
import type { RecentRejections } from '../admin/recent-rejections.ts'
import type { CredentialStatus, RouteState } from '../admin/proxy-state.ts'
import { ApnsIdSource } from '../apns/apns-id.ts'
import type { KeyRing } from '../apns/provider-token.ts'
import { routeCounter } from '../statistics/event-counter.ts'
import type { SenderStatistics, RouteRecord } from '../statistics/sender-statistics.ts'
import type { Route } from '../config/route.ts'
import type { SenderConnection } from '../gateway/connection.ts'
import type { Admission } from '../gateway/route-by-sender-key.ts'
import type { Logger } from '../log/log.ts'
import type { RouteProof } from '../relay/route-health.ts'
import { Relay } from '../relay/relay.ts'
import type { RouteEvent, RouteTrace } from '../relay/route-event.ts'
import type { Store } from '../store/store.ts'
import type { Clock } from '../timing/clock.ts'
import { Http2Session } from '../upstream/http2/http2-session.ts'
import { Pool } from '../upstream/pool.ts'
import type { OpenSession, SessionEvent } from '../upstream/session.ts'
import { logEvents } from './log-event.ts'
import { RepeatedEvents } from './repeated-events.ts'
import {
  eventLogOf,
  feedbackOf,
  journalOf,
  keepRejection,
  noJournal,
  proofOf,
} from './store-for-route.ts'
import {
  isSameAccess,
  setupOf,
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

/** The sender at the other end of a connection. */
export interface ClientPeer {
  readonly address: string
  readonly tlsVersion: string
}

/** Runs from {@link ActiveRoute.start} to {@link ActiveRoute.drain}. */
export class ActiveRoute implements Admission {
  readonly relay: Relay
  readonly pool: Pool
  readonly log: Logger
  readonly repeated: RepeatedEvents
  readonly clients = new Map<SenderConnection, ClientPeer>()
  /** When a sender last read the feedback service, ms since the epoch; null = not yet. */
  feedbackReadAtMs: number | null = null
  /** Tuples that a feedback reader was offered since the last one read them all. */
  readonly offeredTuples = new Set<string>()
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
    proof: RouteProof,
    deps: ActiveRouteDeps,
  ) {
    const { clock, random, store, rejections } = deps
    const apnsIds = new ApnsIdSource()
    this.#route = route
    this.#access = access
    this.#ownedLimit = settings.journal.maxEntries
    this.#deps = deps
    this.log = deps.log.child({ route: route.name })
    this.repeated = new RepeatedEvents(clock, logEvents(this.log))
    this.pool = new Pool(this.#opener(), access, {
      clock,
      random,
      // The relay needs the pool, so the pool is created first.
      owner: {
        prepare: (delivery) => this.relay.prepare(delivery),
        answered: (delivery, outcome, isPresentSetup) =>
          this.relay.answered(delivery, outcome, isPresentSetup),
        expired: (delivery) => this.relay.expired(delivery),
        refused: (cause) => this.relay.refused(cause),
        sessionLasted: () => this.relay.sessionLasted(),
      },
      emit: this.#sessionSubscribers(),
    })
    this.relay = new Relay(route, settings.journal, {
      upstream: this.pool,
      journal: settings.journal.enabled ? journalOf(store, route.name) : noJournal,
      feedback: feedbackOf(store, route.name),
      eventLog: eventLogOf(store, route.name, () => {
        logEvents(this.log)({ event: 'store.damaged' })
      }),
      proof,
      processName: apnsIds.next().slice(0, 8),
      clock,
      random,
      newApnsId: () => apnsIds.next(),
      emit: this.#routeSubscribers(rejections),
      isTraced: () => this.log.isLevelEnabled('debug'),
    })
  }

  /** Signs a provider token if the route has a signing key, and opens the first session. */
  static async start(
    route: Route,
    settings: RouteSettings,
    deps: ActiveRouteDeps,
  ): Promise<ActiveRoute> {
    const access = await upstreamAccess(route, settings, deps)
    const proof = await proofOf(deps.store, route, setupOf(route, access))
    const active = new ActiveRoute(route, access, settings, proof, deps)
    active.pool.start()
    return active
  }

  /** As in the current configuration. */
  get route(): Route {
    return this.#route
  }

  get name(): string {
    return this.#route.name
  }

  get environment(): Route['environment'] {
    return this.#route.environment
  }

  get senderKeys(): readonly string[] {
    return this.#route.senderKeys
  }

  /** For the migration report. */
  get routeRecord(): RouteRecord {
    const { name, topic, environment, credential, expiration } = this.#route
    return {
      ...this.#reach,
      expiration: { default: expiration?.default, minimum: expiration?.minimum },
      name,
      topic,
      environment,
      credential: credential.kind,
      credentialNotAfterMs:
        credential.kind === 'certificate' ? credential.certificate.notAfter.getTime() : null,
    }
  }

  get #reach(): Pick<RouteRecord, 'reach' | 'reachReason'> {
    const { downReason, isSuspicious, standing, foreignAnswer } = this.relay
    if (downReason !== undefined)
      return { reach: isSuspicious ? 'suspected' : 'refused', reachReason: downReason }
    if (foreignAnswer !== undefined && this.#deps.clock.now() - foreignAnswer.atMs <= foreignMs)
      return { reach: 'foreign', reachReason: foreignAnswer.reason }
    if (this.pool.isOut) return { reach: 'unreachable', reachReason: this.outageCause ?? '' }
    return { reach: standing === 'proven' ? 'proven' : 'unproven', reachReason: '' }
  }

  /** For metrics and the status page. */
  get shown(): RouteGauge & RouteState {
    const { relay, pool, clients, feedbackReadAtMs, outageCause } = this
    const { name, environment, topic } = this.#route
    const { counters, owned, downReason, isSuspicious, standing, foreignAnswer } = relay
    const { requestLatency, isOut, load } = pool
    return {
      ...{ name, environment, topic, feedbackReadAtMs, outageCause, isOut },
      ...{ counters, owned, downReason, isSuspicious, standing, foreignAnswer, requestLatency },
      credential: shownCredential(this.#route),
      ownedLimit: this.#ownedLimit,
      isUp: load.sessions > 0 && (downReason === undefined || isSuspicious),
      upstream: { ...load, waiting: pool.waiting },
      connections: clients.size,
      senders: Array.from(clients, ([{ receivedByCommand }, peer]) => ({
        ...peer,
        receivedByCommand,
      })),
      sessions: pool.sessions.map((session) => ({
        ...session,
        streamLimit: Number.isFinite(session.streamLimit) ? session.streamLimit : null,
      })),
      feedbackWaiting: this.#deps.store.feedback.count(name),
    }
  }

  /** Applies a changed configuration. Sessions with the old credential finish their requests. */
  async reconfigure(route: Route, settings: RouteSettings): Promise<void> {
    const access = await upstreamAccess(route, settings, this.#deps)
    const setup = setupOf(route, access)
    const isSameSetup = setup === setupOf(this.#route, this.#access)
    const proof = await proofOf(this.#deps.store, route, setup)
    this.#route = route
    this.#ownedLimit = settings.journal.maxEntries
    this.log.level = this.#deps.log.level
    this.relay.reconfigure(route, settings.journal)
    const isChanged = !isSameSetup || !isSameAccess(access, this.#access)
    this.#access = access
    if (isChanged) this.pool.reconfigure(this.#opener(), access, isSameSetup)
    const present = isSameSetup ? this.relay.standing : 'unproven'
    const standing = present === 'unproven' ? proof.standing : present
    if (!isSameSetup || standing !== this.relay.standing)
      this.relay.setupRenewed({ ...proof, standing })
    else if (isChanged) this.relay.accessRenewed()
  }

  /** Stops the connections, waits until all deliveries are settled, and closes the sessions. */
  async drain(latestAtMs: number): Promise<void> {
    await this.stopClients(latestAtMs)
    await this.relay.idle()
    this.relay.leave()
    await this.pool.drain()
    this.repeated.flush()
  }

  /** @param latestAtMs when to interrupt senders that do not pause, ms since the epoch */
  async stopClients(latestAtMs: number): Promise<void> {
    await Promise.all([...this.clients.keys()].map((client) => client.stop(latestAtMs)))
  }

  #sessionSubscribers(): (event: SessionEvent) => void {
    const log = logEvents(this.log)
    return (event) => {
      if (event.event === 'session.closed') this.outageCause = event.cause
      log(event)
    }
  }

  #routeSubscribers(rejections: RecentRejections): (event: RouteEvent | RouteTrace) => void {
    const log = logEvents(this.log, {}, this.repeated)
    const count = routeCounter(this.name, this.#deps.statistics)
    return (event) => {
      log(event)
      count(event)
      rejections.note(this.name, event)
      if (event.event === 'rejection.told') this.#keepTold(event)
    }
  }

  #keepTold(event: Extract<RouteEvent, { readonly event: 'rejection.told' }>): void {
    const { store, clock } = this.#deps
    const { connection } = event.record
    const [, peer] = [...this.clients].find(([{ id }]) => id === connection) ?? []
    const where = { atMs: clock.now(), route: this.name, address: peer?.address }
    keepRejection(store, where, event)
  }

  #opener(): OpenSession {
    const { target, times } = this.#access
    return (owner) => new Http2Session(target, owner, times, this.#deps.clock)
  }
}

function shownCredential({ credential }: Route): CredentialStatus {
  if (credential.kind === 'signing-key') {
    const { kind, keyId, teamId } = credential
    return { kind, keyId, teamId }
  }
  const { subject, notAfter } = credential.certificate
  return { kind: 'certificate', subject, notAfterMs: notAfter.getTime() }
}
