/** Carries one route's notifications from received to settled. */
import type { Outcome } from '../apns/outcome.ts'
import { requestFor, type Addressing, type ProviderRequest } from '../apns/request.ts'
import type { Received } from '../binary/decoder.ts'
import { refusalStatus, type Notification } from '../binary/notification.ts'
import { StatusCode } from '../binary/status-code.ts'
import type { Clock } from '../clock.ts'
import {
  ReplicatedState,
  type ReplicatedStateOwner,
  type RelayEventLog,
} from './replicated-state.ts'
import { Delivery, noRequest, type Ending, type JournalBatch, type Source } from './delivery.ts'
import { accepted, type Rejection, type Settlement } from './lane.ts'
import type { ConnectionState } from './connection-state.ts'
import { giveUpAt, pauseBefore, type Unavailable } from './retry.ts'
import { statusFor } from './status.ts'
import { blamesToken, mayBlameRoute, CredentialBreaker } from './credential-breaker.ts'
import {
  countRejection,
  newCounters,
  payloadNotAnObject,
  type SettledOutcome,
  type RouteCounters,
} from './route-counters.ts'

/** The way to the provider API. */
export interface Upstream {
  /** It is answered exactly once for each time it is sent, or expires. */
  send(delivery: Delivery): void
  /** The credential was refused: send one at a time, with growing pauses, until told otherwise. */
  distrust(): void
  /** The credential works. */
  trust(): void
}

/** What a relay writes down before it sends. */
export interface JournalEntry {
  readonly apnsId: string
  /** ms since the epoch. */
  readonly receivedAtMs: number
  readonly notification: Notification
}

/** Where it writes it. */
export interface RelayJournal {
  /** As one entry, before this returns. */
  put(entries: readonly JournalEntry[]): JournalBatch
}

/** Tokens that the feedback service names. */
export interface RelayFeedback {
  add(token: string, timestamp: number): void
  /** The token was delivered to after all; called for every delivery. */
  drop(token: string): void
}

/** What a route does with its notifications. */
export interface RelayPolicy extends Addressing {
  /** What a 410 is to the sender: silence and a feedback tuple, or status 8 at once. */
  readonly unregistered: 'feedback' | 'error'
  /** How long a notification that cannot be delivered is tried, seconds. */
  readonly retryForSeconds: number
  /** How long resends are recognised, seconds; 0 = they are observed, and delivered again. */
  readonly resendWindowSeconds: number
}

/** What a route may own at a time. */
export interface RelayLimits {
  readonly maxEntries: number
  /** Of payloads and what is kept beside them. */
  readonly maxBytes: number
}

/** Hears of each decision about a notification. */
export interface RelayObserver {
  rejected(record: DeliveryRecord, rejection: Rejection): void
  /** A rejection that would have been reported again and again. */
  silenced(record: DeliveryRecord, rejection: Rejection): void
  /** A second copy was recognised, and went the way of the first. */
  resent(record: DeliveryRecord): void
  unregistered(record: DeliveryRecord, reason: string, timestamp: number | undefined): void
  expired(record: DeliveryRecord): void
  /** The route's credential is refused. */
  down(reason: string): void
  /** The route's credential works again. */
  up(): void
  /** Undefined where nobody wants to know so much: most notifications are heard of nowhere else. */
  readonly trace: RelayTrace | undefined
}

/** Hears of each step of every notification. */
export interface RelayTrace {
  /** It has an apns-id, under which it is heard of from now on. */
  accepted(record: DeliveryRecord): void
  /** It repeats an earlier one, and takes over its outcome. */
  recognised(record: DeliveryRecord, repeats: string): void
  retried(record: DeliveryRecord, outcome: Unavailable, pauseMs: number): void
  delivered(record: DeliveryRecord): void
}

/** What may be said of a notification outside. */
export interface DeliveryRecord {
  /** Hex SHA-256 of its public key; undefined as {@link connection} is. */
  readonly sender: string | undefined
  /** Undefined for one that an earlier process left behind. */
  readonly connection: number | undefined
  readonly identifier: number | undefined
  /** Undefined where no request was made of it. */
  readonly apnsId: string | undefined
  /** Lower-case hexadecimal; never to be logged as it is. */
  readonly token: string | undefined
}

/** What a relay is given. */
export interface RelayDeps {
  readonly upstream: Upstream
  readonly journal: RelayJournal
  readonly feedback: RelayFeedback
  readonly eventLog: RelayEventLog
  /** No other process has it. */
  readonly processName: string
  readonly clock: Clock
  /** In [0, 1). */
  readonly random: () => number
  readonly newApnsId: () => string
  readonly observer: RelayObserver
}

/** A connection may own so many times as much as is still free in its route: some is always left. */
const shareOfFree = 8

/** One for each route. Holds what is received and unsettled. */
export class Relay implements ReplicatedStateOwner {
  readonly counters: RouteCounters = newCounters()
  #policy: RelayPolicy
  #limits: RelayLimits
  readonly #deps: RelayDeps
  #observer: RelayObserver
  readonly #replicated: ReplicatedState
  readonly #breaker = new CredentialBreaker()
  #owned = 0
  #ownedBytes = 0
  /** Rejected, and a resend of them may still be told. */
  readonly #awaiting = new Set<Delivery>()
  #isStopping = false
  #downReason: string | undefined
  readonly #onIdle: (() => void)[] = []

  constructor(policy: RelayPolicy, limits: RelayLimits, deps: RelayDeps) {
    this.#policy = policy
    this.#limits = limits
    this.#deps = deps
    this.#observer = deps.observer
    this.#replicated = new ReplicatedState(policy, this, deps)
  }

  /** Goes by another policy from the next notification on. */
  govern(policy: RelayPolicy, limits: RelayLimits): void {
    this.#policy = policy
    this.#limits = limits
    this.#replicated.govern(policy)
  }

  /** Tells another observer from now on. */
  observedBy(observer: RelayObserver): void {
    this.#observer = observer
  }

  /** Notifications received and not yet settled, without those that only await a resend. */
  get owned(): number {
    return this.#owned
  }

  /** Why the route cannot send at all; undefined when it can, as far as is known. */
  get downReason(): string | undefined {
    return this.#downReason
  }

  /** Resolves as soon as nothing is owned; to be asked when no sender is left. */
  idle(): Promise<void> {
    this.#isStopping = true
    for (const delivery of this.#awaiting) this.forgotten(delivery)
    this.#replicated.stopWaiting()
    if (this.#owned === 0) return Promise.resolve()
    return new Promise((resolve) => this.#onIdle.push(resolve))
  }

  /** A sender has connected. */
  opened(connection: ConnectionState): void {
    this.#replicated.opened(connection)
  }

  /** The sender's EOF, or the end of its connection. */
  ended(connection: ConnectionState): void {
    this.mute(connection)
    this.#replicated.ended(connection)
  }

  /** Nothing can be told on a connection any more. */
  mute({ lane }: ConnectionState): void {
    for (const delivery of lane.mute()) this.#untold(delivery, 'for good')
  }

  /** Whether a sender has been seen to resend after an error response. */
  listens(sender: string): boolean {
    return this.#replicated.listens(sender)
  }

  /** How many more notifications of a connection may be owned now. */
  roomFor({ owned, ownedBytes }: ConnectionState): number {
    const { maxEntries, maxBytes } = this.#limits
    const isOver = ownedBytes >= shareOfFree * (maxBytes - this.#ownedBytes)
    const free = maxEntries - this.#owned
    return isOver ? 0 : Math.max(0, Math.ceil((shareOfFree * free - owned) / (shareOfFree + 1)))
  }

  /**
   * Takes over what one connection brought in one go. It is in the journal, as one entry, before
   * any of it may be sent.
   */
  take(received: readonly Received[], connection: ConnectionState): readonly Delivery[] {
    const now = this.#deps.clock.now()
    const deliveries = received.map((each) => this.#receive(each, connection, now))
    if (this.#replicated.compares(connection, now)) {
      const comparable = deliveries.filter(
        ({ identifier, ending }) => identifier !== undefined && ending === undefined,
      )
      if (comparable.length > 0) this.#replicated.arrived(connection, comparable)
    }
    this.#write(deliveries)
    this.#proceed(deliveries)
    return deliveries
  }

  /** Takes up what an earlier process left behind; what has expired since is settled as such. */
  recover(entry: JournalEntry, settled: () => void): void {
    const { notification, receivedAtMs } = entry
    this.counters.recovered++
    const request = requestFor(notification, this.#policy, entry.apnsId)
    const delivery = this.#own(
      new Delivery({
        request: request ?? noRequest,
        notification: undefined,
        identifier: notification.identifier,
        source: undefined,
        receivedAtMs,
        giveUpAtMs: this.#giveUpAtMs(request, receivedAtMs),
      }),
    )
    delivery.written({ settled }, 0)
    if (request === undefined) {
      this.#refuse(delivery, payloadNotAnObject, StatusCode.missingPayload)
      return
    }
    this.#replicated.recovered(delivery)
    this.#deps.upstream.send(delivery)
  }

  /** An error response is due; it may be written once all processes know of it: `agreed`. */
  announce(connection: ConnectionState, statusCode: number): void {
    const report = connection.lane.report()
    if (report === undefined) return
    const { settlement } = report.named
    const reason = settlement?.kind === 'rejected' ? settlement.reason : ''
    const loop = loopKey(report.named, connection, reason)
    this.#replicated.announce(connection, statusCode, report, loop)
  }

  /** That error response has been written. */
  reported(connection: ConnectionState): void {
    connection.phase = 'told'
    const [named, ...behind] = connection.lane.mute()
    if (named === undefined) return
    this.counters.errorResponseLatency.add(this.#deps.clock.now() - named.receivedAtMs)
    this.#finish(named, 'rejected')
    judged(named, 'told')
    for (const delivery of behind) this.#untold(delivery)
  }

  /** What the provider API says to a delivery, once for each time that it was sent. */
  answered(delivery: Delivery, outcome: Outcome): void {
    switch (outcome.kind) {
      case 'delivered':
        this.#breaker.cleared()
        this.#up()
        this.#deps.feedback.drop(delivery.request.token)
        this.#observer.trace?.delivered(recordOf(delivery))
        this.#end(delivery, outcome)
        break
      case 'unregistered':
        this.#up()
        this.#observer.unregistered(recordOf(delivery), outcome.reason, outcome.timestamp)
        this.#end(delivery, outcome)
        break
      case 'rejected':
        this.#rejected(delivery, outcome)
        break
      case 'unavailable':
        this.#retry(delivery, outcome)
        break
      case 'credential':
        this.refused(outcome.reason)
        this.#deps.upstream.send(delivery)
    }
  }

  /** It was not sent, for it is past its time. */
  expired(delivery: Delivery): void {
    this.#observer.expired(recordOf(delivery))
    this.#end(delivery, { kind: 'expired' })
    this.steady()
  }

  /** The route's credential does not work: no notification and no token is to blame. */
  refused(reason: string): void {
    this.#deps.upstream.distrust()
    if (this.#downReason === undefined) this.#observer.down(reason)
    this.#downReason = reason
  }

  /** The route has another credential: what was held against the last one does not count. */
  renewed(): void {
    this.#breaker.cleared()
    this.#replicated.clearBadTokens()
    this.#up()
  }

  /** A provider session has held: where nothing is owned, there is no better sign of health. */
  steady(): void {
    if (this.#owned > 0 || this.#downReason === undefined) return
    this.#breaker.cleared()
    this.#up()
  }

  /** The credential works; a suspected one has to prove it by a delivery. */
  #up(): void {
    if (this.#downReason === undefined || this.#breaker.isActive) return
    this.#downReason = undefined
    this.#deps.upstream.trust()
    this.#observer.up()
  }

  decided(deliveries: readonly Delivery[]): void {
    this.#proceed(deliveries)
  }

  resent(first: Delivery): void {
    first.isResent = true
    if (this.#awaiting.delete(first)) this.#count(first, 'resent')
  }

  forgotten(first: Delivery): void {
    if (this.#awaiting.delete(first)) this.#count(first, 'untold')
  }

  #receive(received: Received, connection: ConnectionState, now: number): Delivery {
    this.counters.received[received.command]++
    const isRefused = received.kind === 'refused'
    const request = isRefused
      ? undefined
      : requestFor(received, this.#policy, this.#deps.newApnsId())
    const delivery = this.#own(
      new Delivery({
        request: request ?? noRequest,
        notification: request && !isRefused ? received : undefined,
        identifier: received.identifier,
        source: connection,
        receivedAtMs: now,
        giveUpAtMs: this.#giveUpAtMs(request, now),
      }),
    )
    connection.lane.receive(delivery)
    if (isRefused) this.#refuse(delivery, received.code, refusalStatus[received.code])
    else if (request === undefined)
      this.#refuse(delivery, payloadNotAnObject, StatusCode.missingPayload)
    else this.#observer.trace?.accepted(recordOf(delivery))
    return delivery
  }

  /** Without asking the provider API. */
  #refuse(delivery: Delivery, reason: string, statusCode: StatusCode): void {
    delivery.end({ kind: 'rejected', reason })
    this.#reject(delivery, reason, statusCode)
  }

  /** Writes what is neither over nor a resend. */
  #write(deliveries: readonly Delivery[]): void {
    const unwritten = deliveries.filter(isToBeWritten)
    if (unwritten.length === 0) return
    const batch = this.#deps.journal.put(unwritten)
    for (const [index, delivery] of unwritten.entries()) delivery.written(batch, index)
  }

  /** Each is sent, or waits for what it repeats. */
  #proceed(deliveries: readonly Delivery[]): void {
    const now = this.#deps.clock.now()
    let hasResends = false
    for (const delivery of deliveries) {
      const { original, ending, isUndecided } = delivery
      if (isUndecided || ending !== undefined) continue
      if (original === undefined) this.#send(delivery, now)
      else {
        hasResends = true
        this.#observer.trace?.recognised(
          { ...recordOf(delivery), apnsId: delivery.apnsId },
          original.ref,
        )
        // What it repeats is in a journal already.
        delivery.unwrite()
        if (original.ending !== undefined) this.followed(delivery, original.ending)
      }
    }
    if (hasResends) this.#replicated.boundWaiting(deliveries)
  }

  #send(delivery: Delivery, now: number): void {
    const reason = this.#replicated.reasonAgainst(delivery.request.token, now)
    if (reason === undefined) this.#deps.upstream.send(delivery)
    else this.#end(delivery, { kind: 'rejected', reason })
  }

  #rejected(delivery: Delivery, outcome: Extract<Outcome, { kind: 'rejected' }>): void {
    const { reason, amendment } = outcome
    if (amendment !== undefined && delivery.amend(amendment)) {
      this.#deps.upstream.send(delivery)
      return
    }
    const { token } = delivery.request
    const now = this.#deps.clock.now()
    if (mayBlameRoute(reason) && this.#breaker.doubts(token, now)) {
      // Those answered before the suspicion were as good, and are not to be refused for an hour.
      this.#replicated.clearBadTokens()
      this.refused(`${reason} for every token: wrong certificate, topic or environment?`)
      this.#deps.upstream.send(delivery)
      return
    }
    this.#up()
    if (blamesToken(reason)) this.#replicated.markBad(token, reason)
    this.#end(delivery, { kind: 'rejected', reason })
  }

  /** The one place where a delivery is over: for the journal, its sender, and its resends. */
  #end(delivery: Delivery, ending: Ending): void {
    delivery.end(ending)
    if (ending.kind === 'unregistered') this.#noteUnregistered(delivery, ending.timestamp)
    if (this.#isRejection(ending)) this.#reject(delivery, ending.reason, this.#statusOf(ending))
    else {
      this.#finish(delivery, ending.kind)
      this.#settle(delivery, accepted)
    }
    this.#replicated.concluded(delivery, ending)
  }

  followed(resend: Delivery, ending: Ending | undefined): void {
    if (ending !== undefined && this.#isRejection(ending)) {
      const { reason } = ending
      this.#tell(resend, { kind: 'rejected', statusCode: this.#statusOf(ending), reason }, 'resend')
      return
    }
    if (ending?.kind === 'expired') this.#finish(resend, 'expired')
    else {
      this.#observer.resent(recordOf(resend))
      this.#finish(resend, 'resent')
    }
    this.#settle(resend, accepted)
  }

  #isRejection(ending: Ending): ending is Extract<Ending, { reason: string }> {
    if (ending.kind === 'unregistered') return this.#policy.unregistered === 'error'
    return ending.kind === 'rejected'
  }

  #statusOf(ending: Extract<Ending, { reason: string }>): StatusCode {
    return ending.kind === 'unregistered' ? StatusCode.invalidToken : statusFor(ending.reason)
  }

  #noteUnregistered({ request }: Delivery, timestamp: number | undefined): void {
    if (this.#policy.unregistered === 'error') return
    this.#deps.feedback.add(request.token, timestamp ?? Math.floor(this.#deps.clock.now() / 1000))
  }

  /** Counted once for each: its resends only take it over. */
  #reject(delivery: Delivery, reason: string, statusCode: StatusCode): void {
    countRejection(this.counters, reason)
    this.#tell(delivery, { kind: 'rejected', statusCode, reason }, 'first')
  }

  /** Its lane decides whether its sender can be told; one that was told too often is not. */
  #tell(delivery: Delivery, rejection: Rejection, which: 'first' | 'resend'): void {
    const { source } = delivery
    const record = recordOf(delivery)
    if (source !== undefined && !this.#mayTell(delivery, source, rejection)) {
      this.#observer.silenced(record, rejection)
      this.#finish(delivery, 'untold')
      this.#settle(delivery, accepted)
      return
    }
    if (which === 'first') this.#observer.rejected(record, rejection)
    if (!this.#settle(delivery, rejection)) this.#untold(delivery)
  }

  #mayTell(delivery: Delivery, source: Source, { reason }: Rejection): boolean {
    return this.#replicated.mayReport(loopKey(delivery, source, reason))
  }

  /** @returns false where its sender cannot be told of a rejection */
  #settle(delivery: Delivery, settlement: Settlement): boolean {
    const { source } = delivery
    if (source === undefined) return false
    const now = settlement.kind === 'rejected' ? this.#deps.clock.now() : 0
    const canBeTold = source.lane.settle(delivery, settlement, now)
    if (source.lane.isAmbiguous) delivery.shed()
    source.owner.settled()
    return canBeTold
  }

  /** Its connection cannot tell it; a resend of it may, as long as it is remembered. */
  #untold(delivery: Delivery, forGood?: 'for good'): void {
    if (delivery.isResent) this.#finish(delivery, 'resent')
    else if (forGood || this.#isStopping || !this.#replicated.mayBeResent(delivery)) {
      this.#finish(delivery, 'untold')
      judged(delivery, 'untold')
    } else {
      this.#awaiting.add(delivery)
      this.#release(delivery)
    }
  }

  #count(delivery: Delivery, outcome: 'resent' | 'untold'): void {
    this.counters.settled[outcome]++
    if (outcome === 'untold') judged(delivery, 'untold')
    else this.#observer.resent(recordOf(delivery))
  }

  #retry(delivery: Delivery, outcome: Unavailable): void {
    const { clock, random, upstream } = this.#deps
    const pauseMs = pauseBefore(outcome, ++delivery.attempts, random())
    if (clock.now() + pauseMs >= delivery.giveUpAtMs) {
      this.expired(delivery)
      return
    }
    this.counters.retries++
    this.#observer.trace?.retried(recordOf(delivery), outcome, pauseMs)
    if (pauseMs === 0) upstream.send(delivery)
    else
      clock.after(pauseMs, () => {
        upstream.send(delivery)
      })
  }

  #own(delivery: Delivery): Delivery {
    const { source, bytes } = delivery
    this.#owned++
    this.#ownedBytes += bytes
    if (source === undefined) return delivery
    source.owned++
    source.ownedBytes += bytes
    return delivery
  }

  #finish(delivery: Delivery, outcome: SettledOutcome): void {
    this.counters.settled[outcome]++
    this.#release(delivery)
  }

  #release({ source, bytes }: Delivery): void {
    this.#ownedBytes -= bytes
    if (source !== undefined) {
      source.owned--
      source.ownedBytes -= bytes
    }
    if (--this.#owned > 0) return
    for (const resolve of this.#onIdle.splice(0)) resolve()
  }

  #giveUpAtMs(request: ProviderRequest | undefined, receivedAtMs: number): number {
    return giveUpAt(receivedAtMs, request?.expiration, this.#policy.retryForSeconds)
  }
}

/** What is over, or is a resend, needs nobody to take it up again. */
function isToBeWritten(delivery: Delivery): delivery is Delivery & JournalEntry {
  return delivery.notification !== undefined && delivery.ending === undefined && !delivery.original
}

/** The lane's last word on a rejection. */
function judged({ source, settlement }: Delivery, verdict: 'told' | 'untold'): void {
  if (settlement?.kind === 'rejected') source?.owner.judged(settlement, verdict)
}

/** What was never made a request has no key of its own; in a loop, identifier and reason return. */
function loopKey(delivery: Delivery, { sender }: Source, reason: string): string {
  const { apnsId, identifier } = delivery
  return apnsId === '' ? `${sender} ${String(identifier)} ${reason}` : delivery.key
}

function recordOf({ source, identifier, request, original }: Delivery): DeliveryRecord {
  return {
    sender: source?.sender,
    connection: source?.connection,
    identifier: source && identifier,
    apnsId: original?.ref ?? (request.apnsId || undefined),
    token: request.token || undefined,
  }
}
