/** One route at work: its credential, its provider sessions, its relay, and who is connected. */
import type { RouteGauge } from '../admin/metrics.ts'
import type { Rejections } from '../admin/rejections.ts'
import type { CredentialStatus, RouteSource, SenderSource } from '../admin/status-source.ts'
import { ApnsIdSource } from '../apns/apns-id.ts'
import type { KeyRing } from '../apns/key-ring.ts'
import { countRouteOf } from '../census-observer.ts'
import type { Census, RouteFacts } from '../census/census.ts'
import type { Clock } from '../timing/clock.ts'
import type { Configuration } from '../config/configuration.ts'
import type { Route } from '../config/route.ts'
import type { SenderConnection } from '../gateway/connection.ts'
import type { Admission } from '../gateway/sender-registry.ts'
import type { Logger } from '../log/log.ts'
import { logRoute, observePool } from './log-observer.ts'
import type { Histogram } from '../relay/histogram.ts'
import type { RelayEventLog } from '../relay/replicated-state.ts'
import type { ReplicatedEvent } from '../relay/replicated-event.ts'
import type { RelayJournal } from '../relay/relay-journal.ts'
import { Relay } from '../relay/relay.ts'
import type { RouteCounters } from '../relay/route-counters.ts'
import type { RouteEvent, RouteTrace } from '../relay/route-event.ts'
import type { RelayFeedback } from '../relay/settlements.ts'
import type { Store } from '../store/store.ts'
import { Http2Session } from '../upstream/http2/http2-session.ts'
import { Pool } from '../upstream/pool.ts'
import type { OpenSession, SessionTarget, SessionTimes } from '../upstream/session.ts'

/** What all routes have in common. */
export type RouteSettings = Pick<Configuration, 'providerApi' | 'limits' | 'journal'>

/** What a line is given. */
export interface ActiveRouteDeps {
  readonly store: Store
  readonly keyRing: KeyRing
  readonly census: Census
  readonly clock: Clock
  /** In [0, 1). */
  readonly random: () => number
  readonly log: Logger
  readonly rejections: Rejections
}

/** Where a sender's connection comes from. */
export interface Peer {
  readonly address: string
  readonly tlsVersion: string
}

/** How to reach the provider API, and as whom. */
interface Approach {
  readonly target: SessionTarget
  readonly times: SessionTimes
  readonly maxSessions: number
}

const connectTimeoutMs = 10_000
const pingIntervalMs = 60_000
const pingTimeoutMs = 5_000

/** See the file's first line. */
export class ActiveRoute implements RouteGauge, RouteSource, Admission {
  readonly relay: Relay
  readonly pool: Pool
  readonly log: Logger
  /** Senders connected, and from where. */
  readonly open = new Map<SenderConnection, Peer>()
  /** When a sender last read the feedback service, ms since the epoch. */
  feedbackReadAtMs: number | null = null
  /** Why the last session, or the attempt to open one, came to nothing. */
  outageCause: string | undefined
  readonly #deps: ActiveRouteDeps
  #route: Route
  #approach: Approach
  #ownedLimit: number

  private constructor(
    route: Route,
    approach: Approach,
    settings: RouteSettings,
    deps: ActiveRouteDeps,
  ) {
    const { clock, random, store, rejections } = deps
    const apnsIds = new ApnsIdSource()
    this.#route = route
    this.#approach = approach
    this.#ownedLimit = settings.journal.maxEntries
    this.#deps = deps
    this.log = deps.log.child({ route: route.name })
    const poolObserver = observePool(this.log)
    this.pool = new Pool(this.#opener(), approach, {
      clock,
      random,
      owner: {
        answered: (delivery, outcome) => {
          this.relay.answered(delivery, outcome)
        },
        expired: (delivery) => {
          this.relay.expired(delivery)
        },
      },
      observer: {
        ...poolObserver,
        closed: (cause, retryInMs) => {
          this.outageCause = cause
          poolObserver.closed(cause, retryInMs)
        },
        refused: (cause) => {
          this.relay.refused(cause)
        },
        steady: () => {
          this.relay.steady()
        },
      },
    })
    this.relay = new Relay(route, settings.journal, {
      upstream: this.pool,
      journal: settings.journal.enabled ? journalOf(store, route) : noJournal,
      feedback: feedbackOf(store, route),
      eventLog: eventLogOf(store, route),
      processName: apnsIds.next().slice(0, 8),
      clock,
      random,
      newApnsId: () => apnsIds.next(),
      emit: this.#subscribers(rejections),
      isTraced: () => this.log.isLevelEnabled('debug'),
    })
  }

  /** Signs a provider token where the route sends with one, and opens the first session. */
  static async start(
    route: Route,
    settings: RouteSettings,
    deps: ActiveRouteDeps,
  ): Promise<ActiveRoute> {
    const active = new ActiveRoute(route, await approachOf(route, settings, deps), settings, deps)
    active.pool.start()
    return active
  }

  /** What the configuration says of it. */
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
  get facts(): RouteFacts {
    return factsOf(this.#route)
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
    return this.open.size
  }

  get senders(): readonly SenderSource[] {
    return Array.from(this.open, ([{ receivedByCommand }, peer]) => ({
      ...peer,
      receivedByCommand,
    }))
  }

  get sessions(): RouteSource['sessions'] {
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

  /** Takes up what a configuration says by now; sessions of another credential finish and go. */
  async renew(route: Route, settings: RouteSettings): Promise<void> {
    const approach = await approachOf(route, settings, this.#deps)
    this.#route = route
    this.#ownedLimit = settings.journal.maxEntries
    this.log.level = this.#deps.log.level
    this.relay.reconfigure(route, settings.journal)
    if (isSame(approach, this.#approach)) return
    this.#approach = approach
    this.pool.renew(this.#opener(), approach)
    this.relay.renewed()
  }

  #subscribers(rejections: Rejections): (event: RouteEvent | RouteTrace) => void {
    const log = logRoute(this.log)
    const count = countRouteOf(this.name, this.#deps.census)
    return (event) => {
      log(event)
      count(event)
      rejections.note(this.name, event)
    }
  }

  #opener(): OpenSession {
    const { target, times } = this.#approach
    return (owner) => new Http2Session(target, owner, times, this.#deps.clock)
  }
}

/** What the migration report says of a route. */
export function factsOf({ name, topic, environment, credential }: Route): RouteFacts {
  return {
    name,
    topic,
    environment,
    credential: credential.kind,
    credentialNotAfterMs:
      credential.kind === 'certificate' ? credential.certificate.notAfter.getTime() : null,
  }
}

async function approachOf(
  { credential, environment }: Route,
  { providerApi, limits }: RouteSettings,
  { keyRing, random }: ActiveRouteDeps,
): Promise<Approach> {
  const { requestTimeoutMs, maxSessions } = limits
  return {
    target: {
      origin: providerApi.origins[environment],
      certificate: credential.kind === 'certificate' ? credential : undefined,
      certificateAuthority: providerApi.certificateAuthority,
      providerToken:
        credential.kind === 'signing-key' ? await keyRing.tokenOf(credential) : undefined,
      proxy: providerApi.proxy,
      random,
    },
    times: { connectTimeoutMs, requestTimeoutMs, pingIntervalMs, pingTimeoutMs },
    maxSessions,
  }
}

function isSame(one: Approach, other: Approach): boolean {
  const inWords = ({ target, times, maxSessions }: Approach): string =>
    JSON.stringify([
      target.origin,
      target.certificate?.certificatePem,
      target.certificate?.keyPem,
      target.certificateAuthority,
      target.proxy,
      times,
      maxSessions,
    ])
  return one.target.providerToken === other.target.providerToken && inWords(one) === inWords(other)
}

const noJournal: RelayJournal = {
  put: () => ({ settled: () => undefined }),
}

function journalOf({ journal }: Store, { name }: Route): RelayJournal {
  return { put: (entries) => journal.put(name, entries) }
}

function eventLogOf({ eventLog }: Store, { name }: Route): RelayEventLog {
  return {
    listen: (apply) => {
      eventLog.listen(name, ({ event, position, atMs }) => {
        apply({ event: event as ReplicatedEvent, position, atMs })
      })
    },
    append: (event) => {
      eventLog.append(name, event)
    },
  }
}

function feedbackOf({ feedback }: Store, { name }: Route): RelayFeedback {
  return {
    add: (token, timestamp) => {
      feedback.add(name, token, timestamp)
    },
    drop: (token) => {
      feedback.drop(name, token)
    },
  }
}
