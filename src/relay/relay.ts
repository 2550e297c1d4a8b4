/** Carries one route's notifications from their arrival to their answer. */
import type { Outcome } from '../apns/outcome.ts'
import { requestFor } from '../apns/request.ts'
import type { Received } from '../binary/decoder.ts'
import { refusalStatus } from '../binary/notification.ts'
import { StatusCode } from '../binary/status-code.ts'
import type { Clock } from '../timing/clock.ts'
import type { ConnectionState } from './connection-state.ts'
import { AnswerHandler, type ForeignAnswer } from './answer-handler.ts'
import { RouteHealth, type CredentialUser, type RouteProof } from './route-health.ts'
import { Delivery, noRequest, putIntoJournal, type Original } from './delivery.ts'
import { RouteRoom, type RoomLimits } from './route-room.ts'
import type { JournalEntry, RelayJournal } from './relay-journal.ts'
import type { Standing } from './setup-guard.ts'
import type { RoutePolicy } from './route-policy.ts'
import type { Ending, RelayEventLog } from './replicated-event.ts'
import { ReplicatedState, type ReplicatedStateOwner } from './replicated-state.ts'
import { giveUpAt } from './retry.ts'
import { payloadNotAnObject, type RouteCounters } from './route-counters.ts'
import { recordOf, type RouteEvent, type RouteTrace } from './route-event.ts'
import { DeliverySettler, type RelayFeedback } from './delivery-settler.ts'

/** The way to the provider API. */
export interface Upstream extends CredentialUser {
  /** Each call is followed by exactly one `answered` or `expired` for the delivery. */
  send(delivery: Delivery): void
}

export interface RelayDeps {
  readonly upstream: Upstream
  readonly journal: RelayJournal
  readonly feedback: RelayFeedback
  readonly proof: RouteProof
  readonly eventLog: RelayEventLog
  /** Unique among all processes of the route. */
  readonly processName: string
  readonly clock: Clock
  /** In [0, 1). */
  readonly random: () => number
  readonly newApnsId: () => string
  readonly emit: (event: RouteEvent | RouteTrace) => void
  /** Whether a subscriber wants each step of every notification. */
  readonly isTraced: () => boolean
}

/** One for each route. */
export class Relay implements ReplicatedStateOwner {
  #policy: RoutePolicy
  readonly #deps: RelayDeps
  readonly #owned: RouteRoom
  readonly #credential: RouteHealth
  readonly #replicated: ReplicatedState
  readonly #settlements: DeliverySettler
  readonly #answers: AnswerHandler
  readonly #endListening: () => void

  constructor(policy: RoutePolicy, limits: RoomLimits, deps: RelayDeps) {
    this.#policy = policy
    this.#deps = deps
    this.#owned = new RouteRoom(limits)
    this.#credential = new RouteHealth(deps.upstream, deps.proof, deps.emit, deps.clock)
    this.#replicated = new ReplicatedState(policy, this, deps)
    this.#settlements = new DeliverySettler(policy, {
      ...deps,
      owned: this.#owned,
      replicated: this.#replicated,
    })
    this.#answers = new AnswerHandler({
      ...deps,
      credential: this.#credential,
      replicated: this.#replicated,
      settlements: this.#settlements,
    })
    this.#endListening = deps.eventLog.listen((event) => {
      this.#replicated.apply(event)
      this.#answers.apply(event)
    })
  }

  /** Applies another policy, from the next notification on. */
  reconfigure(policy: RoutePolicy, limits: RoomLimits): void {
    this.#policy = policy
    this.#owned.limits = limits
    this.#settlements.policy = policy
    this.#replicated.reconfigure(policy)
  }

  get counters(): RouteCounters {
    return this.#settlements.counters
  }

  /** How many notifications are received and not settled, except those that only await a resend. */
  get owned(): number {
    return this.#owned.count
  }

  /** Why nothing is delivered: APNs refuses the credential, or the set-up is suspected. */
  get downReason(): string | undefined {
    return this.#credential.downReason
  }

  /** Whether {@link downReason} is a suspicion. APNs has not refused the credential. */
  get isSuspicious(): boolean {
    return this.#credential.isSuspicious
  }

  get holdsBack(): boolean {
    return this.#credential.holdsBack
  }

  get standing(): Standing {
    return this.#credential.standing
  }

  /** See {@link RouteProof.setup}. */
  get setup(): string {
    return this.#credential.setup
  }

  /** Undefined if there was none. */
  get foreignAnswer(): ForeignAnswer | undefined {
    return this.#answers.foreignAnswer
  }

  /** Resolves as soon as the route owns nothing. Call it when no sender is connected any more. */
  idle(): Promise<void> {
    this.#settlements.stop()
    this.#replicated.originals.stopWaiting()
    return this.#owned.empty()
  }

  /** The route is removed and has become {@link idle}. */
  leave(): void {
    this.#endListening()
    this.#replicated.leave()
  }

  /** A sender has connected. */
  opened(connection: ConnectionState): void {
    this.#replicated.opened(connection)
  }

  /** The sender's EOF, or the end of its connection. */
  ended(connection: ConnectionState): void {
    this.stopReporting(connection)
    this.#replicated.ended(connection)
  }

  /** The connection can report nothing any more. */
  stopReporting(connection: ConnectionState): void {
    this.#settlements.stopReporting(connection)
  }

  /** Whether this sender has resent after an error response before. */
  isResender(sender: string): boolean {
    return this.#replicated.isResender(sender)
  }

  /** How many more notifications of a connection may be owned now. */
  roomFor(connection: ConnectionState): number {
    return this.#owned.roomFor(connection)
  }

  /**
   * Takes over what one connection received in one go. The journal has it, as one entry, before any
   * of it is sent.
   */
  take(received: readonly Received[], connection: ConnectionState): readonly Delivery[] {
    const now = this.#deps.clock.now()
    const deliveries = received.map((each) => this.#receive(each, connection, now))
    const { journal, eventLog } = this.#deps
    // If this process is killed, another one must not wait for an original that nobody recovers.
    if (eventLog.isShared) putIntoJournal(journal, deliveries)
    if (this.#replicated.compares(connection, now)) {
      const comparable = deliveries.filter(
        ({ identifier, ending }) => identifier !== undefined && ending === undefined,
      )
      if (comparable.length > 0) this.#replicated.arrived(connection, comparable)
    }
    // What is known to be a resend by now need not be in the journal.
    if (!eventLog.isShared) putIntoJournal(journal, deliveries)
    this.decided(deliveries)
    return deliveries
  }

  /** Takes over what an earlier process left in the journal. */
  recover(entry: JournalEntry, settled: () => void): void {
    const { notification, receivedAtMs } = entry
    this.counters.recovered++
    const request = requestFor(notification, this.#policy, entry.apnsId, receivedAtMs)
    const delivery = this.#owned.add(
      new Delivery({
        request: request ?? noRequest,
        notification: undefined,
        identifier: notification.identifier,
        source: undefined,
        receivedAtMs,
        giveUpAtMs: giveUpAt(receivedAtMs, request?.expiration, this.#policy.retryForSeconds),
      }),
    )
    delivery.journalled({ settled }, 0)
    if (request === undefined) {
      this.#settlements.refuse(delivery, payloadNotAnObject, StatusCode.missingPayload)
      return
    }
    this.#replicated.originals.publish(delivery)
    this.#deps.upstream.send(delivery)
  }

  /** An error response is due. It may be written once the connection's phase is `agreed`. */
  announce(connection: ConnectionState, statusCode: number): void {
    this.#replicated.announce(connection, statusCode)
  }

  /** The error response has been written. */
  reported(connection: ConnectionState): void {
    connection.phase = 'told'
    connection.hasPaused = false
    this.#settlements.reported(connection)
  }

  /** APNs has answered, or could not. Called once for each time that a delivery was sent. */
  answered(delivery: Delivery, outcome: Outcome, isPresentSetup = true): void {
    this.#answers.answered(delivery, outcome, isPresentSetup)
  }

  /** A delivery is about to be sent. */
  prepare(delivery: Delivery): void {
    delivery.readdress(this.#policy)
  }

  /** A delivery was not sent, because the time to give up had passed. */
  expired(delivery: Delivery): void {
    this.#answers.expired(delivery)
    this.sessionLasted()
  }

  /** APNs refuses the route's credential. No notification and no token is at fault. */
  refused(reason: string): void {
    this.#credential.refused(reason)
  }

  /** The route has another credential, topic or environment. Suspicions against the old ones are dropped. */
  setupRenewed(proof: RouteProof): void {
    this.#replicated.clearBadTokens()
    this.#credential.renewed(proof)
  }

  /** The way to APNs has changed, and the set-up has not: a refused credential is tried again. */
  accessRenewed(): void {
    this.#credential.answered()
  }

  /** An operator overrules the suspicion of the set-up: what is held back is told. */
  overrule(): void {
    this.#answers.overrule()
  }

  /** A provider session has lasted. Where the route owns nothing, no answer can prove more. */
  sessionLasted(): void {
    if (this.owned === 0) this.#credential.sessionLasted()
  }

  /** Sends each delivery, or lets a resend wait for its original. */
  decided(deliveries: readonly Delivery[]): void {
    const now = this.#deps.clock.now()
    for (const delivery of deliveries) {
      const { original, ending, isUndecided } = delivery
      if (isUndecided || ending !== undefined) continue
      if (original === undefined) this.#send(delivery, now)
      else this.#follow(delivery, original)
    }
    this.#replicated.originals.limitWaiting(deliveries)
  }

  resent(original: Delivery): void {
    this.#settlements.resent(original)
  }

  forgotten(original: Delivery): void {
    this.#settlements.forgotten(original)
  }

  followed(resend: Delivery, ending: Ending | undefined): void {
    this.#settlements.endResend(resend, ending)
  }

  #receive(received: Received, connection: ConnectionState, now: number): Delivery {
    this.counters.received[received.command]++
    const isRefused = received.kind === 'refused'
    const request = isRefused
      ? undefined
      : requestFor(received, this.#policy, this.#deps.newApnsId(), now)
    const delivery = this.#owned.add(
      new Delivery({
        request: request ?? noRequest,
        notification: request && !isRefused ? received : undefined,
        identifier: received.identifier,
        source: connection,
        receivedAtMs: now,
        giveUpAtMs: giveUpAt(now, request?.expiration, this.#policy.retryForSeconds),
      }),
    )
    connection.lane.receive(delivery)
    if (isRefused) this.#settlements.refuse(delivery, received.code, refusalStatus[received.code])
    else if (request === undefined)
      this.#settlements.refuse(delivery, payloadNotAnObject, StatusCode.missingPayload)
    else if (this.#deps.isTraced())
      this.#deps.emit({ event: 'notification.accepted', record: recordOf(delivery) })
    return delivery
  }

  #send(delivery: Delivery, now: number): void {
    const reason = this.#replicated.reasonAgainst(delivery.request.token, now)
    if (reason === undefined) this.#deps.upstream.send(delivery)
    else this.#settlements.end(delivery, { kind: 'rejected', reason })
  }

  /** A resend leaves the journal, because the journal has its original. */
  #follow(resend: Delivery, { ref, ending }: Original): void {
    if (this.#deps.isTraced()) {
      const record = { ...recordOf(resend), apnsId: resend.apnsId }
      this.#deps.emit({ event: 'notification.recognised', record, repeats: ref })
    }
    resend.leaveJournal()
    if (ending !== undefined) this.followed(resend, ending)
  }
}
