/** Carries one route's notifications from received to settled. */
import type { Outcome } from '../apns/outcome.ts'
import { requestFor, type Addressing, type ProviderRequest } from '../apns/request.ts'
import type { Received } from '../binary/decoder.ts'
import { refusalStatus, type Notification } from '../binary/notification.ts'
import { StatusCode } from '../binary/status-code.ts'
import type { Clock } from '../clock.ts'
import { Agreement, type AgreementOwner, type RelayChronicle } from './agreement.ts'
import {
  Delivery,
  type DeliveryOwner,
  type Ending,
  type FirstCopy,
  type Seat,
  type Shipment,
} from './delivery.ts'
import { accepted, type Place, type Rejection, type Report, type Verdict } from './lane.ts'
import type { Participant } from './participant.ts'
import { giveUpAt, pauseBefore, type Unavailable } from './retry.ts'
import { statusFor } from './status.ts'
import { blamesToken, mayBlameRoute, Suspicion } from './suspicion.ts'
import { countRejection, newTally, payloadNotAnObject, type Tally } from './tally.ts'

/** The way to the provider API. */
export interface Upstream {
  send(shipment: Shipment): void
  /** The credential was refused: send one at a time, with growing pauses, until told otherwise. */
  distrust(): void
  /** The credential works. */
  trust(): void
  /** No session has taken requests for a while. */
  readonly isOut: boolean
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
  /** As one entry; the answer marks each as settled by its index. */
  put(entries: readonly JournalEntry[]): { settled(index: number): void }
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
  readonly chronicle: RelayChronicle
  /** No other process has it. */
  readonly processName: string
  readonly clock: Clock
  /** In [0, 1). */
  readonly random: () => number
  readonly newApnsId: () => string
  readonly observer: RelayObserver
}

/** One for each route. Holds what is received and unsettled. */
export class Relay implements DeliveryOwner, AgreementOwner {
  readonly tally: Tally = newTally()
  #policy: RelayPolicy
  readonly #deps: RelayDeps
  #observer: RelayObserver
  readonly #agreement: Agreement
  readonly #suspicion = new Suspicion()
  #unwritten: { readonly delivery: Delivery; readonly entry: JournalEntry }[] = []
  /** What one read brought, to be compared with what is remembered. */
  #arrivals: Delivery[] = []
  #owned = 0
  #downReason: string | undefined
  readonly #onIdle: (() => void)[] = []

  constructor(policy: RelayPolicy, deps: RelayDeps) {
    this.#policy = policy
    this.#deps = deps
    this.#observer = deps.observer
    this.#agreement = new Agreement(policy, this, deps)
  }

  /** Goes by another policy from the next notification on. */
  govern(policy: RelayPolicy): void {
    this.#policy = policy
    this.#agreement.govern(policy)
  }

  /** Tells another observer from now on. */
  observedBy(observer: RelayObserver): void {
    this.#observer = observer
  }

  /** Notifications received and not yet settled. */
  get owned(): number {
    return this.#owned
  }

  /** Why the route cannot send at all; undefined when it can, as far as is known. */
  get downReason(): string | undefined {
    return this.#downReason
  }

  /** Resolves as soon as nothing is owned; to be asked when no sender is left. */
  idle(): Promise<void> {
    this.#agreement.stopWaiting()
    if (this.#owned === 0) return Promise.resolve()
    return new Promise((resolve) => this.#onIdle.push(resolve))
  }

  /** A sender has connected. */
  opened(participant: Participant): void {
    this.#agreement.opened(participant)
  }

  /** The sender's EOF, or the end of its connection. */
  ended(participant: Participant): void {
    this.#agreement.ended(participant)
  }

  /** Whether a delivery is held up by itself or by an outage, and not only by those before it. */
  isSlow(delivery: Delivery | undefined): boolean {
    if (delivery === undefined || this.#deps.upstream.isOut) return true
    const { original, attempts } = delivery
    return original === undefined ? attempts > 0 : this.isSlow(original.delivery)
  }

  /** Whether a sender has been seen to resend after an error response. */
  listens(sender: string): boolean {
    return this.#agreement.listens(sender)
  }

  /**
   * Takes over a notification; `seat` hears what became of it, perhaps before this returns. What one
   * connection brought in one go has to be followed by {@link flush}.
   */
  accept(received: Received, seat: Seat): Delivery | undefined {
    this.tally.received[received.command]++
    this.#owned++
    if (received.kind === 'refused') {
      this.#reject(seat, received.code, refusalStatus[received.code])
      return undefined
    }
    const now = this.#deps.clock.now()
    const request = requestFor(received, this.#policy, this.#deps.newApnsId())
    if (request === undefined) {
      this.#reject(seat, payloadNotAnObject, StatusCode.missingPayload)
      return undefined
    }
    const delivery = new Delivery(request, this.#giveUpAtMs(request, now), seat, this)
    this.#observer.trace?.accepted(recordOf(delivery))
    const entry = { apnsId: request.apnsId, receivedAtMs: now, notification: received }
    this.#unwritten.push({ delivery, entry })
    if (seat.identifier === undefined || !this.#agreement.compares(seat.origin, now))
      this.isNew(delivery)
    else {
      delivery.isUndecided = true
      this.#arrivals.push(delivery)
    }
    return delivery
  }

  /**
   * Compares what was accepted since the last time, where there is something to compare it with,
   * and writes what is not known to be a resend into the journal, as one entry.
   */
  flush(): void {
    const arrivals = this.#arrivals
    const origin = arrivals[0]?.seat?.origin
    this.#arrivals = []
    if (origin !== undefined) this.#agreement.arrived(origin, arrivals)
    const unwritten = this.#unwritten.filter(({ delivery }) => isToBeWritten(delivery))
    this.#unwritten = []
    if (unwritten.length === 0) return
    const batch = this.#deps.journal.put(unwritten.map(({ entry }) => entry))
    unwritten.forEach(({ delivery }, index) => {
      delivery.slot = { batch, index }
    })
  }

  /** Takes up what an earlier process left behind; what has expired since is settled as such. */
  recover(entry: JournalEntry, settled: () => void): void {
    this.tally.received[entry.notification.command]++
    this.#owned++
    const request = requestFor(entry.notification, this.#policy, entry.apnsId)
    if (request === undefined) {
      settled()
      countRejection(this.tally, payloadNotAnObject)
      this.#settled('untold')
      return
    }
    const giveUpAtMs = this.#giveUpAtMs(request, entry.receivedAtMs)
    const delivery = new Delivery(request, giveUpAtMs, undefined, this)
    delivery.slot = { batch: { settled }, index: 0 }
    this.#agreement.recovered(delivery)
    this.#deps.upstream.send(delivery)
  }

  /** An error response is due; it may be written once all processes know of it: `agreed`. */
  announce(participant: Participant, statusCode: number, report: Report<Delivery>): void {
    const { named } = report
    const loop = loopKey(named.content, participant, named)
    this.#agreement.announce(participant, statusCode, report, loop)
  }

  /** That error response has been written. */
  reported(participant: Participant, { receivedAtMs }: Place<Delivery>): void {
    participant.phase = 'told'
    this.tally.errorResponseLatency.add(this.#deps.clock.now() - receivedAtMs)
  }

  /** The lane's word on a rejection: only now is it settled. */
  judged(verdict: Verdict): void {
    this.#settled(verdict === 'told' ? 'rejected' : 'untold')
  }

  answered(delivery: Delivery, outcome: Outcome): void {
    switch (outcome.kind) {
      case 'delivered':
        this.#suspicion.cleared()
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
    this.#suspicion.cleared()
    this.#agreement.absolve()
    this.#up()
  }

  /** A provider session has held: where nothing is owned, there is no better sign of health. */
  steady(): void {
    if (this.#owned > 0 || this.#downReason === undefined) return
    this.#suspicion.cleared()
    this.#up()
  }

  /** The credential works; a suspected one has to prove it by a delivery. */
  #up(): void {
    if (this.#downReason === undefined || this.#suspicion.isActive) return
    this.#downReason = undefined
    this.#deps.upstream.trust()
    this.#observer.up()
  }

  isNew(delivery: Delivery): void {
    const reason = this.#agreement.reasonAgainst(delivery.request.token, this.#deps.clock.now())
    if (reason === undefined) this.#deps.upstream.send(delivery)
    else this.#end(delivery, { kind: 'rejected', reason })
  }

  /** What it repeats is in a journal already. */
  isResend(delivery: Delivery, { ref }: FirstCopy): void {
    const { request, slot } = delivery
    this.#observer.trace?.recognised({ ...recordOf(delivery), apnsId: request.apnsId }, ref)
    slot?.batch.settled(slot.index)
  }

  #rejected(delivery: Delivery, outcome: Extract<Outcome, { kind: 'rejected' }>): void {
    const { reason, amendment } = outcome
    if (amendment !== undefined && delivery.amend(amendment)) {
      this.#deps.upstream.send(delivery)
      return
    }
    const { token } = delivery.request
    const now = this.#deps.clock.now()
    if (mayBlameRoute(reason) && this.#suspicion.doubts(token, now)) {
      // Those answered before the suspicion were as good, and are not to be refused for an hour.
      this.#agreement.absolve()
      this.refused(`${reason} for every token: wrong certificate, topic or environment?`)
      this.#deps.upstream.send(delivery)
      return
    }
    this.#up()
    if (blamesToken(reason)) this.#agreement.condemn(token, reason)
    this.#end(delivery, { kind: 'rejected', reason })
  }

  /** The one place where a delivery is over: for the journal, its own seat, and its resends. */
  #end(delivery: Delivery, ending: Ending): void {
    delivery.end(ending)
    delivery.slot?.batch.settled(delivery.slot.index)
    if (ending.kind === 'unregistered') this.#noteUnregistered(delivery, ending.timestamp)
    const { seat } = delivery
    if (this.#isRejection(ending))
      this.#reject(seat, ending.reason, this.#statusOf(ending), delivery)
    else {
      this.#settled(ending.kind)
      seat?.settle(accepted)
    }
    this.#agreement.concluded(delivery, ending)
  }

  followed(resend: Delivery, ending: Ending | undefined): void {
    if (ending !== undefined && this.#isRejection(ending)) {
      this.#reject(resend.seat, ending.reason, this.#statusOf(ending), resend)
      return
    }
    if (ending?.kind === 'expired') this.#settled('expired')
    else {
      this.#observer.resent(recordOf(resend))
      this.#settled('resent')
    }
    resend.seat?.settle(accepted)
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

  #reject(
    seat: Seat | undefined,
    reason: string,
    statusCode: StatusCode,
    delivery?: Delivery,
  ): void {
    countRejection(this.tally, reason)
    const rejection: Rejection = { kind: 'rejected', statusCode, reason }
    const record = recordOf(delivery, seat)
    if (seat === undefined) {
      this.#observer.rejected(record, rejection)
      this.#settled('untold')
      return
    }
    const { identifier } = seat
    const loop = loopKey(delivery, seat.origin, { identifier, settlement: rejection })
    if (this.#agreement.mayReport(loop)) {
      this.#observer.rejected(record, rejection)
      seat.settle(rejection)
      return
    }
    this.#observer.silenced(record, rejection)
    this.#settled('untold')
    seat.settle(accepted)
  }

  #retry(delivery: Delivery, outcome: Unavailable): void {
    const { clock, random, upstream } = this.#deps
    const pauseMs = pauseBefore(outcome, ++delivery.attempts, random())
    if (clock.now() + pauseMs >= delivery.giveUpAtMs) {
      this.expired(delivery)
      return
    }
    this.tally.retries++
    this.#observer.trace?.retried(recordOf(delivery), outcome, pauseMs)
    if (pauseMs === 0) upstream.send(delivery)
    else
      clock.after(pauseMs, () => {
        upstream.send(delivery)
      })
  }

  #settled(outcome: keyof Tally['settled']): void {
    this.tally.settled[outcome]++
    if (--this.#owned > 0) return
    for (const resolve of this.#onIdle.splice(0)) resolve()
  }

  #giveUpAtMs({ expiration }: ProviderRequest, receivedAtMs: number): number {
    return giveUpAt(receivedAtMs, expiration, this.#policy.retryForSeconds)
  }
}

/** What is over, or is a resend, needs nobody to take it up again. */
function isToBeWritten({ ending, original }: Delivery): boolean {
  return ending === undefined && original === undefined
}

/** What was never made a request has no key of its own; in a loop, identifier and reason return. */
function loopKey(
  delivery: Delivery | undefined,
  { sender }: Participant,
  { identifier, settlement }: Pick<Place<Delivery>, 'identifier' | 'settlement'>,
): string {
  if (delivery !== undefined) return delivery.key
  const reason = settlement?.kind === 'rejected' ? settlement.reason : ''
  return `${sender} ${String(identifier)} ${reason}`
}

function recordOf(delivery: Delivery | undefined, seat = delivery?.seat): DeliveryRecord {
  return {
    sender: seat?.origin.sender,
    connection: seat?.origin.connection,
    identifier: seat?.identifier,
    apnsId: delivery?.original?.ref ?? delivery?.request.apnsId,
    token: delivery?.request.token,
  }
}
