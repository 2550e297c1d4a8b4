/** The sessions of one route, and the queue of deliveries that wait for a free stream. */
import type { Outcome } from '../apns/outcome.ts'
import type { Clock } from '../timing/clock.ts'
import type { Delivery } from '../relay/delivery.ts'
import { LatencyHistogram } from '../timing/latency-histogram.ts'
import type { Upstream } from '../relay/relay.ts'
import { Backoff } from '../timing/backoff.ts'
import { Queue } from './queue.ts'
import type {
  OpenSession,
  PoolLimits,
  ProviderSession,
  SessionEvent,
  SessionUse,
} from './session.ts'

/** The sender of the deliveries. */
export interface PoolOwner {
  /** Called before each request: the configuration may have changed since the last one. */
  prepare(delivery: Delivery): void
  /**
   * Called once for each time that a delivery was sent.
   * @param isPresentSetup false for an answer to an earlier credential, topic or environment
   */
  answered(delivery: Delivery, outcome: Outcome, isPresentSetup: boolean): void
  /** The delivery was not sent: its `giveUpAtMs` has passed. */
  expired(delivery: Delivery): void
  /** The peer refused the credential before any request. */
  refused(cause: string): void
  /** A session has taken requests for 5 seconds: the peer accepts the credential. */
  sessionLasted(): void
}

export interface PoolDeps {
  readonly clock: Clock
  /** In [0, 1). */
  readonly random: () => number
  readonly owner: PoolOwner
  readonly emit: (event: SessionEvent) => void
}

/** The pause between two requests while the set-up is suspected, ms: hundreds of tokens may have to be tried. */
const suspicionMs = 1000
const pauses = { firstMs: 500, longestMs: 30_000 }
/** After this time, the peer is assumed to have accepted the session and its credential. */
const steadyMs = 5000
/** A program that answers in place of APNs, to every request, may not cause a session more often. */
const replacementMs = 10_000
/** After this time without a session that takes requests there is an outage. */
const outageMs = 500

/** A session and what the pool does with it. */
interface Member {
  readonly session: ProviderSession
  /** `outdated`: takes requests until a session with the new configuration is ready. */
  state: SessionUse['state'] | 'outdated'
  /** Opened with this credential, topic and environment. */
  readonly setup: number
}

/**
 * Keeps one session ready, opens further ones while requests wait for room, and replaces a session
 * as soon as it drains. Pauses between attempts that fail. Deliveries wait in the queue until they
 * are sent or expire.
 */
export class Pool implements Upstream {
  /** From a request to its answer, in all sessions. */
  readonly requestLatency = new LatencyHistogram()
  #open: OpenSession
  #limits: PoolLimits
  readonly #deps: PoolDeps
  readonly #queue = new Queue<Delivery>()
  /** Deliveries to retry: sent first, because an error response may wait for their outcome. */
  readonly #again = new Queue<Delivery>()
  /** In the order opened. */
  readonly #members: Member[] = []
  /** Attempts to open a session. */
  readonly #opening: Backoff
  /** Attempts with a credential that has been refused. */
  readonly #trial: Backoff
  #mostInFlight = Infinity
  #replacedAtMs = -Infinity
  /** Number of the present credential, topic and environment. */
  #setup = 0
  #outSinceMs: number
  #stopped = false
  #onEmpty: (() => void)[] = []

  constructor(open: OpenSession, limits: PoolLimits, deps: PoolDeps) {
    this.#open = open
    this.#limits = limits
    this.#deps = deps
    this.#opening = new Backoff(pauses, deps.clock, deps.random)
    this.#trial = new Backoff(pauses, deps.clock, deps.random)
    this.#outSinceMs = deps.clock.now()
  }

  /** Whether no session has taken requests for {@link outageMs}. */
  get isOut(): boolean {
    return !this.#isServing && this.#deps.clock.now() - this.#outSinceMs >= outageMs
  }

  /** Requests waiting for room. */
  get waiting(): number {
    return this.#again.length + this.#queue.length
  }

  /** Sessions that take requests, how many they take, and what is in flight on all sessions. */
  get load(): Readonly<Record<'sessions' | 'streamLimit' | 'inFlight', number>> {
    let inFlight = 0
    for (const { session } of this.#members) inFlight += session.inFlight
    const serving = this.#members.filter(isServing)
    const streamLimit = serving.reduce((sum, { session }) => sum + session.streamLimit, 0)
    return { sessions: serving.length, streamLimit, inFlight }
  }

  get sessions(): readonly SessionUse[] {
    return this.#members.map(({ session: { inFlight, streamLimit }, state }) => ({
      state: state === 'outdated' ? 'ready' : state,
      ...{ inFlight, streamLimit },
    }))
  }

  /** Opens the first session. */
  start(): void {
    this.#grow()
  }

  send(delivery: Delivery): void {
    // During trials each delivery has its turn, so that a good token is not behind bad ones for ever.
    const isFirst = delivery.attempts > 0 && !this.#trial.hasFailed
    const queue = isFirst ? this.#again : this.#queue
    queue.push(delivery)
    this.#pump()
  }

  credentialRefused(): void {
    if (this.#trial.isPausing || this.#stopped) return
    // APNs may not check a renewed credential on an open session.
    for (const member of this.#members.filter(isServing)) this.#drain(member)
    this.#trial.pause(this.#trial.fail(), () => this.#pump())
  }

  setupSuspected(): void {
    if (this.#trial.isPausing || this.#stopped) return
    this.#trial.fail()
    this.#trial.pause(suspicionMs, () => this.#pump())
  }

  credentialAccepted(): void {
    this.#trial.reset()
    this.#pump()
  }

  limitInFlight(most: number): void {
    this.#mostInFlight = most
    this.#pump()
  }

  /**
   * Applies a new configuration. The present sessions take requests until a new one is ready; with
   * another credential, topic or environment they take none any more.
   */
  reconfigure(open: OpenSession, limits: PoolLimits, isSameSetup: boolean): void {
    this.#open = open
    this.#limits = limits
    if (!isSameSetup) this.#setup++
    const opening = this.#members.find(({ state }) => state === 'opening')
    if (opening !== undefined) this.#retire(opening)
    for (const member of this.#members.filter(isServing))
      if (isSameSetup) member.state = 'outdated'
      else this.#drain(member)
    this.credentialAccepted()
    this.#growNow()
    opening?.session.destroy('replaced')
  }

  /** Closes once everything in flight is answered; {@link destroy} closes now. */
  async drain(): Promise<void> {
    this.#stop()
    for (const { session } of [...this.#members]) session.drain()
    if (this.#members.length > 0) await new Promise<void>((done) => this.#onEmpty.push(done))
  }

  destroy(): void {
    this.#stop()
    for (const { session } of [...this.#members]) session.destroy('stopped')
  }

  #stop(): void {
    this.#stopped = true
    this.#opening.reset()
    this.#trial.reset()
  }

  #pump(): void {
    for (const delivery of this.#sendWaiting()) this.#deps.owner.expired(delivery)
  }

  /** Sends as much as the sessions have room for; returns the deliveries that have expired. */
  #sendWaiting(): readonly Delivery[] {
    const expired: Delivery[] = []
    while (this.waiting > 0) {
      if (this.#trial.hasFailed && !this.#mayTry()) break
      if (this.#mostInFlight < Infinity && this.load.inFlight >= this.#mostInFlight) break
      const session = this.#pick()
      if (session === undefined) {
        this.#grow()
        break
      }
      const delivery = this.#again.shift() ?? this.#queue.shift()
      if (delivery === undefined) break
      if (this.#deps.clock.now() >= delivery.giveUpAtMs) expired.push(delivery)
      else {
        this.#deps.owner.prepare(delivery)
        session.send(delivery)
      }
    }
    return expired
  }

  /** One at a time, so that APNs does not see thousands of requests with a refused credential. */
  #mayTry(): boolean {
    return !this.#trial.isPausing && this.load.inFlight === 0
  }

  #pick(): ProviderSession | undefined {
    for (const member of this.#members)
      if (isServing(member) && member.session.room > 0) return member.session
    return undefined
  }

  get #isServing(): boolean {
    return this.#members.some(isServing)
  }

  /** Ignores the pause after failed attempts, to replace a session that has answered requests. */
  #growNow(): void {
    this.#opening.reset()
    this.#grow()
  }

  #grow(): void {
    if (this.#stopped || this.#opening.isPausing) return
    if (this.#members.some(({ state }) => state === 'opening')) return
    const ready = this.#members.filter(({ state }) => state === 'ready')
    if (ready.length >= this.#limits.maxSessions) return
    this.#deps.emit({ event: 'session.opening' })
    try {
      this.#begin()
    } catch (error) {
      this.#reopen(error instanceof Error ? error.message : String(error), false)
    }
  }

  /** @throws when the credential is invalid and TLS cannot start */
  #begin(): void {
    const session = this.#open({
      requestLatency: this.requestLatency,
      answered: (delivery, outcome) => {
        if (outcome.kind === 'unavailable' && outcome.isForeign)
          this.#replace(member, outcome.reason)
        this.#deps.owner.answered(delivery, outcome, member.setup === this.#setup)
      },
      hasRoom: () => {
        if (member.state === 'opening') this.#ready(member)
        this.#pump()
      },
      draining: (reason) => {
        this.#retire(member)
        this.#deps.emit({ event: 'session.draining', reason })
        if (session.served && !this.#isServing) this.#growNow()
      },
      closed: (cause, credential) => {
        this.#closed(member, cause)
        if (credential && member.setup === this.#setup) this.#deps.owner.refused(cause)
      },
    })
    const member: Member = { session, state: 'opening', setup: this.#setup }
    this.#members.push(member)
  }

  #ready(member: Member): void {
    member.state = 'ready'
    this.#deps.emit({ event: 'session.ready' })
    for (const other of [...this.#members]) if (other.state === 'outdated') this.#drain(other)
    this.#deps.clock.after(steadyMs, () => {
      if (!isServing(member)) return
      this.#opening.succeed()
      this.#deps.owner.sessionLasted()
    })
  }

  /** The answer did not come from APNs: another session may reach it. */
  #replace(member: Member, reason: string): void {
    const now = this.#deps.clock.now()
    if (!isServing(member) || now < this.#replacedAtMs + replacementMs) return
    if (this.#opening.isPausing || this.#stopped) return
    this.#replacedAtMs = now
    this.#drain(member)
    this.#deps.emit({ event: 'session.draining', reason })
    this.#grow()
  }

  #drain(member: Member): void {
    this.#retire(member)
    member.session.drain()
  }

  /** Sends nothing more on a session. */
  #retire(member: Member): void {
    if (isServing(member)) this.#outSinceMs = this.#deps.clock.now()
    member.state = 'draining'
  }

  #closed(member: Member, cause: string): void {
    this.#retire(member)
    this.#members.splice(this.#members.indexOf(member), 1)
    if (this.#members.length === 0) for (const done of this.#onEmpty.splice(0)) done()
    this.#reopen(cause, member.session.served)
  }

  /** A session, or the attempt to open one, has ended; without an answer, a pause follows. */
  #reopen(cause: string, hasServed: boolean): void {
    if (hasServed) this.#opening.reset()
    const pauseMs = hasServed || this.#stopped ? 0 : this.#opening.fail()
    this.#deps.emit({ event: 'session.closed', cause, retryInMs: pauseMs })
    if (this.#stopped) return
    this.#opening.pause(pauseMs, () => {
      if (this.#isServing) this.#pump()
      else this.#grow()
    })
    if (!this.#isServing) this.#dropExpired()
  }

  #dropExpired(): void {
    const now = this.#deps.clock.now()
    for (const queue of [this.#again, this.#queue])
      for (let left = queue.length; left > 0; left--) {
        const delivery = queue.shift()
        if (delivery === undefined) break
        if (now >= delivery.giveUpAtMs) this.#deps.owner.expired(delivery)
        else queue.push(delivery)
      }
  }
}

function isServing({ state }: Member): boolean {
  return state === 'ready' || state === 'outdated'
}
