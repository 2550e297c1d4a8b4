/** Settles deliveries: for the sender, the journal, the counters, the feedback list and resends. */
import { StatusCode } from '../binary/status-code.ts'
import type { Clock } from '../timing/clock.ts'
import type { ConnectionState } from './connection-state.ts'
import type { Delivery } from './delivery.ts'
import type { Ending } from './replicated-event.ts'
import { accepted, type Rejection, type Settlement } from './lane.ts'
import type { RouteRoom } from './route-room.ts'
import type { ReplicatedState } from './replicated-state.ts'
import type { RoutePolicy } from './route-policy.ts'
import { countRejection, newCounters, type SettledOutcome } from './route-counters.ts'
import { recordOf, type RouteEvent } from './route-event.ts'
import { statusFor } from './status-for-reason.ts'

/** The tokens that the feedback service lists. */
export interface RelayFeedback {
  add(token: string, timestamp: number): void
  /** APNs delivered to the token. Called for every delivery. */
  drop(token: string): void
}

export interface DeliverySettlerDeps {
  readonly owned: RouteRoom
  readonly replicated: ReplicatedState
  readonly feedback: RelayFeedback
  readonly clock: Clock
  readonly emit: (event: RouteEvent) => void
}

type Rejecting = Extract<Ending, { readonly reason: string }>

/** One for each route. */
export class DeliverySettler {
  readonly counters = newCounters()
  policy: RoutePolicy
  readonly #deps: DeliverySettlerDeps
  /** Rejected and not reported, while a resend may still arrive and be reported. */
  readonly #awaiting = new Set<Delivery>()
  #isStopping = false

  constructor(policy: RoutePolicy, deps: DeliverySettlerDeps) {
    this.policy = policy
    this.#deps = deps
  }

  /** No sender is connected any more: stops awaiting resends. */
  stop(): void {
    this.#isStopping = true
    for (const delivery of this.#awaiting) this.forgotten(delivery)
  }

  /** Ends a delivery. Every delivery that was sent ends here. */
  end(delivery: Delivery, ending: Ending): void {
    delivery.end(ending)
    if (ending.kind === 'unregistered') this.#addToFeedback(delivery, ending.timestamp)
    if (ending.kind === 'delivered' && delivery.source) delivery.source.tally.delivered++
    if (this.#isRejection(ending)) this.#reject(delivery, ending.reason, statusOf(ending))
    else {
      this.#finish(delivery, ending.kind)
      this.#settle(delivery, accepted)
    }
    this.#deps.replicated.concluded(delivery, ending)
  }

  /** Rejects a notification that is not sent to APNs. */
  refuse(delivery: Delivery, reason: string, statusCode: StatusCode): void {
    delivery.end({ kind: 'rejected', reason })
    this.#reject(delivery, reason, statusCode)
  }

  /**
   * Settles a resend with the ending of its original. If that is not known in time, the resend is
   * accepted silently: another process still delivers the original.
   */
  endResend(resend: Delivery, ending: Ending | undefined): void {
    if (ending !== undefined && this.#isRejection(ending)) {
      const { reason } = ending
      const rejection: Rejection = { kind: 'rejected', statusCode: statusOf(ending), reason }
      if (!this.#silence(resend, rejection)) this.#tell(resend, rejection)
      return
    }
    if (ending?.kind === 'expired') this.#finish(resend, 'expired')
    else {
      this.#deps.emit({ event: 'notification.resent', record: recordOf(resend) })
      this.#finish(resend, 'resent')
    }
    this.#settle(resend, accepted)
  }

  /** The error response of a connection has been written. */
  reported({ lane }: ConnectionState): void {
    const [named, ...behind] = lane.stopReporting()
    if (named === undefined) return
    this.counters.errorResponseLatency.add(this.#deps.clock.now() - named.receivedAtMs)
    this.#finish(named, 'rejected')
    this.#conclude(named, 'rejection.told')
    for (const delivery of behind) this.#untold(delivery)
  }

  /** The connection can report nothing any more. */
  stopReporting({ lane }: ConnectionState): void {
    for (const delivery of lane.stopReporting()) this.#untold(delivery, 'for good')
  }

  /** A resend of a remembered delivery has arrived and is reported in its place. */
  resent(original: Delivery): void {
    original.isResent = true
    if (!this.#awaiting.delete(original)) return
    this.counters.settled.resent++
    this.#deps.emit({ event: 'notification.resent', record: recordOf(original) })
  }

  /** A remembered delivery has expired without a resend. */
  forgotten(original: Delivery): void {
    if (!this.#awaiting.delete(original)) return
    this.counters.settled.untold++
    this.#conclude(original, 'rejection.untold')
  }

  #isRejection(ending: Ending): ending is Rejecting {
    if (ending.kind === 'unregistered') return this.policy.unregistered === 'error'
    return ending.kind === 'rejected'
  }

  #addToFeedback({ request }: Delivery, timestamp: number | undefined): void {
    if (this.policy.unregistered === 'error') return
    const { feedback, clock } = this.#deps
    const now = Math.floor(clock.now() / 1000)
    // A time in the future would outlive every later registration of the device.
    feedback.add(request.token, Math.min(timestamp ?? now, now))
  }

  /** Counts each rejection once: resends only repeat it. */
  #reject(delivery: Delivery, reason: string, statusCode: StatusCode): void {
    countRejection(this.counters, reason)
    const rejection: Rejection = { kind: 'rejected', statusCode, reason }
    if (this.#silence(delivery, rejection)) return
    this.#emitRejection('notification.rejected', delivery, rejection)
    this.#tell(delivery, rejection)
  }

  /** The lane decides whether the connection can report it. */
  #tell(delivery: Delivery, rejection: Rejection): void {
    if (!this.#settle(delivery, rejection)) this.#untold(delivery)
  }

  /** @returns whether the rejection was settled silently, because the sender was told too often */
  #silence(delivery: Delivery, rejection: Rejection): boolean {
    const { source } = delivery
    const { reason } = rejection
    if (source === undefined || this.#deps.replicated.mayReport(delivery, source, reason))
      return false
    this.#emitRejection('notification.silenced', delivery, rejection)
    this.#finish(delivery, 'untold')
    this.#settle(delivery, accepted)
    return true
  }

  /** @returns false for a rejection that the connection cannot report */
  #settle(delivery: Delivery, settlement: Settlement): boolean {
    const { source } = delivery
    if (source === undefined) return false
    const now = settlement.kind === 'rejected' ? this.#deps.clock.now() : 0
    const canBeTold = source.lane.settle(delivery, settlement, now)
    if (source.lane.hasRepeatedIdentifiers) delivery.dropPayload()
    else if (source.lane.inFlight === 0) source.lane.eachSettled(compact)
    source.owner.settled()
    return canBeTold
  }

  /** The connection cannot report it. While it is remembered, a resend may arrive and be reported. */
  #untold(delivery: Delivery, forGood?: 'for good'): void {
    if (delivery.isResent) {
      this.#finish(delivery, 'resent')
      this.#deps.emit({ event: 'notification.resent', record: recordOf(delivery) })
    } else if (
      forGood ||
      this.#isStopping ||
      !this.#deps.replicated.originals.remembers(delivery)
    ) {
      this.#finish(delivery, 'untold')
      this.#conclude(delivery, 'rejection.untold')
    } else {
      this.#awaiting.add(delivery)
      this.#deps.owned.remove(delivery)
    }
  }

  #finish(delivery: Delivery, outcome: SettledOutcome): void {
    this.counters.settled[outcome]++
    this.#deps.owned.remove(delivery)
  }

  /** Whether the sender was told of a rejection is decided. */
  #conclude(delivery: Delivery, event: 'rejection.told' | 'rejection.untold'): void {
    const { settlement } = delivery
    if (settlement?.kind === 'rejected') this.#emitRejection(event, delivery, settlement)
  }

  #emitRejection(
    event:
      'notification.rejected' | 'notification.silenced' | 'rejection.told' | 'rejection.untold',
    delivery: Delivery,
    { reason, statusCode }: Rejection,
  ): void {
    this.#deps.emit({ event, record: recordOf(delivery), reason, statusCode })
  }
}

/** The lane of an idle connection must not keep large reads in memory. */
function compact(delivery: Delivery): void {
  delivery.compact()
}

function statusOf(ending: Rejecting): StatusCode {
  return ending.kind === 'unregistered' ? StatusCode.invalidToken : statusFor(ending.reason)
}
