/** The sessions of one route's credential, and the queue of what waits for room in them. */
import type { Outcome } from '../apns/outcome.ts'
import type { Cancel, Clock } from '../clock.ts'
import type { Delivery } from '../relay/delivery.ts'
import { Histogram } from '../relay/histogram.ts'
import type { Upstream } from '../relay/relay.ts'
import type { OpenSession, ProviderSession } from './session.ts'

/** What a pool may use. */
export interface PoolLimits {
  /** Sessions at the most. Default 8; Apple advises to keep few and long. */
  readonly maxSessions: number
}

/** Hears of each decision about a session. */
export interface PoolObserver {
  opening(): void
  ready(): void
  draining(reason: string): void
  closed(cause: string, retryInMs: number): void
  /** The peer refused the credential before any request. */
  refused(cause: string): void
  /** A session has taken requests for a while. */
  steady(): void
}

/** Whoever sends. */
export interface PoolOwner {
  /** What became of a delivery, once for each time that it was sent. */
  answered(delivery: Delivery, outcome: Outcome): void
  /** It was not sent, for it is past its `giveUpAtMs`. */
  expired(delivery: Delivery): void
}

/** What a pool is given. */
export interface PoolDeps {
  readonly clock: Clock
  /** In [0, 1). */
  readonly random: () => number
  readonly owner: PoolOwner
  readonly observer: PoolObserver
}

/** How much of a session is used. */
export interface SessionUse {
  readonly state: 'opening' | 'ready' | 'draining'
  readonly inFlight: number
  /** Infinity where the peer names none, 0 before it can. */
  readonly streamLimit: number
}

const firstPauseMs = 500
const longestPauseMs = 30_000
/** A session that lives so long was not refused after all. */
const steadyMs = 5000
/** So long without a session that takes requests is an outage. */
const outageMs = 500

/**
 * Keeps one session warm, opens another while requests wait for room, replaces one as soon as it
 * drains, and waits longer and longer while none can be had. Nothing is lost meanwhile: what waits
 * stays in the queue until it is sent or past its time.
 */
export class Pool implements Upstream {
  /** From a request to its answer, in all sessions. */
  readonly requestLatency = new Histogram()
  #open: OpenSession
  #limits: PoolLimits
  readonly #deps: PoolDeps
  readonly #queue = new Queue<Delivery>()
  /** Sent before and not taken: first again, for an error response may wait for them. */
  readonly #again = new Queue<Delivery>()
  readonly #sessions = new Set<ProviderSession>()
  readonly #usable = new Set<ProviderSession>()
  /** Opened as it is not done any more: they serve until there is another. */
  readonly #outdated = new Set<ProviderSession>()
  #opening: ProviderSession | undefined
  #failures = 0
  #cancelReopen: Cancel | undefined
  #outSinceMs: number
  #pumping = false
  #stopped = false
  /** Trials since the credential was refused; undefined while it is trusted. */
  #trials: number | undefined
  #cancelTrial: Cancel | undefined
  #onEmpty: (() => void)[] = []

  constructor(open: OpenSession, limits: PoolLimits, deps: PoolDeps) {
    this.#open = open
    this.#limits = limits
    this.#deps = deps
    this.#outSinceMs = deps.clock.now()
  }

  /** A replaced session is not an outage. */
  get isOut(): boolean {
    return this.#usable.size === 0 && this.#deps.clock.now() - this.#outSinceMs >= outageMs
  }

  /** Requests waiting for room. */
  get waiting(): number {
    return this.#again.length + this.#queue.length
  }

  /** Sessions that take requests, how many they take, and the requests in flight on all. */
  get load(): {
    readonly sessions: number
    readonly streamLimit: number
    readonly inFlight: number
  } {
    let inFlight = 0
    for (const session of this.#sessions) inFlight += session.inFlight
    let streamLimit = 0
    for (const session of this.#usable) streamLimit += session.streamLimit
    return { sessions: this.#usable.size, streamLimit, inFlight }
  }

  /** Every session at hand. */
  get sessions(): readonly SessionUse[] {
    return [...this.#sessions].map((session) => ({
      state: this.#stateOf(session),
      inFlight: session.inFlight,
      streamLimit: session.streamLimit,
    }))
  }

  /** Opens the first session. */
  start(): void {
    this.#grow()
  }

  send(delivery: Delivery): void {
    this.#queueOf(delivery).push(delivery)
    this.#pump()
  }

  distrust(): void {
    if (this.#cancelTrial !== undefined || this.#stopped) return
    this.#trials = (this.#trials ?? 0) + 1
    // On the session that has just said no, a repaired credential might never be looked at.
    for (const session of this.#usable) {
      this.#retire(session)
      session.drain()
    }
    this.#cancelTrial = this.#deps.clock.after(this.#pauseMs(this.#trials), () => {
      this.#cancelTrial = undefined
      this.#pump()
    })
  }

  trust(): void {
    this.#cancelTrial?.()
    this.#cancelTrial = undefined
    this.#trials = undefined
    this.#pump()
  }

  /** Opens sessions otherwise from now on; those at hand serve until one of the new ones does. */
  renew(open: OpenSession, limits: PoolLimits): void {
    this.#open = open
    this.#limits = limits
    for (const session of this.#usable) this.#outdated.add(session)
    const opening = this.#opening
    this.#opening = undefined
    this.trust()
    this.#grow({ now: true })
    opening?.destroy('replaced')
  }

  /** Lets what is in flight finish and closes; `destroy` it to close now. */
  async drain(): Promise<void> {
    this.#stopped = true
    this.#cancelReopen?.()
    this.#cancelTrial?.()
    for (const session of this.#sessions) session.drain()
    if (this.#sessions.size > 0) await new Promise<void>((done) => this.#onEmpty.push(done))
  }

  destroy(): void {
    this.#stopped = true
    this.#cancelReopen?.()
    this.#cancelTrial?.()
    for (const session of this.#sessions) session.destroy('stopped')
  }

  /** An answer can come while a request is being sent; what comes of it is not nested. */
  #pump(): void {
    if (this.#pumping) return
    this.#pumping = true
    try {
      this.#sendWaiting()
    } finally {
      this.#pumping = false
    }
  }

  #sendWaiting(): void {
    while (this.waiting > 0) {
      if (this.#trials !== undefined && !this.#mayTry()) return
      const session = this.#pick()
      if (session === undefined) {
        this.#grow()
        return
      }
      const delivery = this.#again.shift() ?? this.#queue.shift()
      if (delivery === undefined) return
      if (this.#deps.clock.now() >= delivery.giveUpAtMs) this.#deps.owner.expired(delivery)
      else session.send(delivery)
    }
  }

  #queueOf({ attempts }: Delivery): Queue<Delivery> {
    return attempts > 0 ? this.#again : this.#queue
  }

  #stateOf(session: ProviderSession): SessionUse['state'] {
    if (this.#usable.has(session)) return 'ready'
    return this.#opening === session ? 'opening' : 'draining'
  }

  /** One at a time, so that a refused credential is not shown to APNs by the thousand. */
  #mayTry(): boolean {
    return this.#cancelTrial === undefined && this.load.inFlight === 0
  }

  #pick(): ProviderSession | undefined {
    for (const session of this.#usable) if (session.room > 0) return session
    return undefined
  }

  /** @param options.now in spite of attempts that failed: a session that has served is to be replaced */
  #grow(options?: { readonly now: true }): void {
    if (options?.now) this.#forgetPause()
    if (this.#stopped || this.#opening !== undefined || this.#cancelReopen !== undefined) return
    if (this.#usable.size - this.#outdated.size >= this.#limits.maxSessions) return
    this.#deps.observer.opening()
    try {
      this.#begin()
    } catch (error) {
      this.#failed(error instanceof Error ? error.message : String(error))
    }
  }

  /** @throws when the credential is such that TLS does not even begin */
  #begin(): void {
    const session: ProviderSession = this.#open({
      requestLatency: this.requestLatency,
      answered: (delivery, outcome) => {
        this.#deps.owner.answered(delivery, outcome)
      },
      roomy: () => {
        this.#roomy(session)
      },
      draining: (reason) => {
        this.#retire(session)
        this.#deps.observer.draining(reason)
        if (session.served && this.#usable.size === 0) this.#grow({ now: true })
      },
      closed: (cause, credential) => {
        this.#closed(session, cause)
        if (credential) this.#deps.observer.refused(cause)
      },
    })
    this.#opening = session
    this.#sessions.add(session)
  }

  #roomy(session: ProviderSession): void {
    if (this.#opening === session) {
      this.#opening = undefined
      this.#usable.add(session)
      this.#deps.observer.ready()
      this.#replaceOutdated()
      this.#deps.clock.after(steadyMs, () => {
        this.#steady(session)
      })
    }
    this.#pump()
  }

  #replaceOutdated(): void {
    for (const session of this.#outdated) {
      this.#retire(session)
      session.drain()
    }
  }

  #steady(session: ProviderSession): void {
    if (!this.#usable.has(session)) return
    this.#failures = 0
    this.#deps.observer.steady()
  }

  #retire(session: ProviderSession): void {
    this.#outdated.delete(session)
    if (this.#usable.delete(session)) this.#outSinceMs = this.#deps.clock.now()
    if (this.#opening === session) this.#opening = undefined
  }

  #closed(session: ProviderSession, cause: string): void {
    this.#retire(session)
    this.#sessions.delete(session)
    if (this.#sessions.size === 0) for (const done of this.#onEmpty.splice(0)) done()
    if (session.served) {
      this.#deps.observer.closed(cause, 0)
      this.#forgetPause()
      this.#reopenIn(0)
    } else this.#failed(cause)
  }

  #forgetPause(): void {
    this.#failures = 0
    this.#cancelReopen?.()
    this.#cancelReopen = undefined
  }

  /** A session, or the attempt to open one, came to nothing. */
  #failed(cause: string): void {
    const pauseMs = this.#stopped ? 0 : this.#pauseMs(++this.#failures)
    this.#deps.observer.closed(cause, pauseMs)
    this.#reopenIn(pauseMs)
  }

  #reopenIn(pauseMs: number): void {
    if (this.#stopped) return
    this.#cancelReopen ??= this.#deps.clock.after(pauseMs, () => {
      this.#cancelReopen = undefined
      if (this.#usable.size === 0) this.#grow()
      else this.#pump()
    })
    if (this.#usable.size === 0) this.#dropExpired()
  }

  /** Doubling, spread over 50–100 %: a crowd that reconnects at once is taken for an attack. */
  #pauseMs(failures: number): number {
    const pauseMs = Math.min(firstPauseMs * 2 ** Math.min(failures - 1, 16), longestPauseMs)
    return pauseMs * (0.5 + this.#deps.random() / 2)
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

/** First in, first out; what is taken is let go of at once, its place is cut off now and then. */
class Queue<T> {
  readonly #items: (T | undefined)[] = []
  #head = 0

  get length(): number {
    return this.#items.length - this.#head
  }

  push(item: T): void {
    this.#items.push(item)
  }

  shift(): T | undefined {
    const item = this.#items[this.#head]
    if (item === undefined) return undefined
    this.#items[this.#head++] = undefined
    if (this.#head >= 1024) {
      this.#items.splice(0, this.#head)
      this.#head = 0
    }
    return item
  }
}
