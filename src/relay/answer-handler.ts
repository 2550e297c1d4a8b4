/** What becomes of a delivery when APNs has answered, or could not take it. */
import type { Outcome } from '../apns/outcome.ts'
import type { Clock } from '../timing/clock.ts'
import type { RouteHealth } from './route-health.ts'
import type { Delivery } from './delivery.ts'
import {
  OrderedEvidence,
  type Doubted,
  type OrderedEvidenceOwner,
  type Refusal,
} from './ordered-evidence.ts'
import type { LoggedEvent, RelayEventLog } from './replicated-event.ts'
import type { ReplicatedState } from './replicated-state.ts'
import { pauseBefore, retryCauseOf, type Unavailable } from './retry.ts'
import { recordOf, type RouteEvent, type RouteTrace } from './route-event.ts'
import type { RelayFeedback, DeliverySettler } from './delivery-settler.ts'
import { blamesToken } from './setup-guard.ts'

export interface AnswerHandlerDeps {
  readonly credential: RouteHealth
  readonly replicated: ReplicatedState
  readonly eventLog: Pick<RelayEventLog, 'append'>
  /** Unique among all processes of the route. */
  readonly processName: string
  readonly settlements: DeliverySettler
  readonly feedback: RelayFeedback
  readonly upstream: { send(delivery: Delivery): void }
  readonly clock: Clock
  /** In [0, 1). */
  readonly random: () => number
  readonly emit: (event: RouteEvent | RouteTrace) => void
  /** Whether a subscriber wants each step of every notification. */
  readonly isTraced: () => boolean
}

/** The last answer of a program between the proxy and APNs. */
export interface ForeignAnswer {
  /** Its HTTP status, such as `HTTP 302`. */
  readonly reason: string
  /** Ms since the epoch. */
  readonly atMs: number
}

/** The least time between two log events about a program between the proxy and APNs, ms. */
const foreignMs = 60_000

/** One for each route. */
export class AnswerHandler implements OrderedEvidenceOwner {
  readonly #deps: AnswerHandlerDeps
  readonly #evidence: OrderedEvidence
  #foreign: ForeignAnswer | undefined
  #foreignSaidAtMs = -Infinity

  constructor(deps: AnswerHandlerDeps) {
    this.#deps = deps
    this.#evidence = new OrderedEvidence(deps.eventLog, deps.processName, this)
  }

  get foreignAnswer(): ForeignAnswer | undefined {
    return this.#foreign
  }

  get setup(): string {
    return this.#deps.credential.setup
  }

  /** An operator overrules the suspicion of the set-up, in all processes. */
  overrule(): void {
    this.#evidence.overrule()
  }

  /** Applies the next event of the log. */
  apply(event: LoggedEvent): void {
    this.#evidence.apply(event)
  }

  /**
   * APNs has answered, or could not. Called once for each time that a delivery was sent.
   * @param isPresentSetup false for an answer to an earlier credential, topic or environment: unless
   * the notification is delivered, APNs is asked again with the present one
   */
  answered(delivery: Delivery, outcome: Outcome, isPresentSetup: boolean): void {
    if (outcome.kind === 'unavailable') this.#retry(delivery, outcome)
    else if (outcome.kind === 'delivered') this.#delivered(delivery, outcome, isPresentSetup)
    else if (!isPresentSetup) this.outdated(delivery)
    else if (outcome.kind === 'credential') {
      this.#deps.credential.refused(outcome.reason)
      this.#deps.upstream.send(delivery)
    } else this.#refused(delivery, outcome)
  }

  /** A delivery was not sent, because the time to give up had passed. */
  expired(delivery: Delivery): void {
    this.#deps.emit({ event: 'notification.expired', record: recordOf(delivery) })
    this.#deps.settlements.end(delivery, { kind: 'expired' })
  }

  judged(token: string, reason: string, own: Doubted | undefined): void {
    const { credential, replicated, upstream } = this.#deps
    if (credential.isProven && own === undefined) return
    const canBeTold = own === undefined || own[0].source !== undefined
    const isOverruled = own !== undefined && credential.isOverruled(own[0].receivedAtMs)
    if (isOverruled || !credential.suspects(token, reason, canBeTold)) {
      if (own !== undefined) this.#conclude(...own)
      return
    }
    if (own === undefined) return
    // The tokens rejected before may be good too: do not refuse them for an hour.
    replicated.clearBadTokens()
    upstream.send(own[0])
  }

  outdated(delivery: Delivery): void {
    this.#deps.upstream.send(delivery)
  }

  proven(): void {
    this.#deps.credential.works()
  }

  overruled(): void {
    this.#deps.credential.overrule()
  }

  #delivered(
    delivery: Delivery,
    outcome: Outcome & { kind: 'delivered' },
    isPresentSetup: boolean,
  ): void {
    const { credential, feedback, settlements, emit, isTraced } = this.#deps
    if (isPresentSetup && credential.standing === 'proven') credential.works()
    else if (isPresentSetup) this.#evidence.prove()
    feedback.drop(delivery.request.token)
    if (isTraced()) emit({ event: 'notification.delivered', record: recordOf(delivery) })
    settlements.end(delivery, outcome)
  }

  #refused(delivery: Delivery, outcome: Refusal): void {
    const { credential, upstream } = this.#deps
    if (outcome.kind === 'rejected' && outcome.amendment && delivery.amend(outcome.amendment)) {
      upstream.send(delivery)
      return
    }
    if (!credential.isEvidence(outcome)) this.#conclude(delivery, outcome)
    else if (credential.isProven)
      this.judged(delivery.request.token, outcome.reason, [delivery, outcome])
    else {
      credential.doubted()
      this.#evidence.doubt(delivery, outcome)
    }
  }

  /** APNs' answer is believed. */
  #conclude(delivery: Delivery, outcome: Refusal): void {
    const { credential, replicated, settlements, emit } = this.#deps
    const { reason } = outcome
    credential.answered()
    if (outcome.kind === 'unregistered') {
      const { timestamp } = outcome
      const record = recordOf(delivery)
      emit({ event: 'notification.unregistered', record, reason, timestamp })
      settlements.end(delivery, outcome)
      return
    }
    if (blamesToken(reason)) replicated.markBad(delivery.request.token, reason)
    settlements.end(delivery, { kind: 'rejected', reason })
  }

  #retry(delivery: Delivery, outcome: Unavailable): void {
    const { clock, random, upstream, settlements, emit, isTraced } = this.#deps
    if (outcome.isForeign) this.#noteForeign(outcome.reason)
    const leftMs = delivery.giveUpAtMs - clock.now()
    const pauseMs = pauseBefore(outcome, ++delivery.attempts, random(), leftMs)
    if (pauseMs >= leftMs) {
      this.expired(delivery)
      return
    }
    if (pauseMs > 0) delivery.compact()
    settlements.counters.retries[retryCauseOf(outcome)]++
    if (isTraced()) {
      const record = recordOf(delivery)
      emit({ event: 'notification.retried', record, reason: outcome.reason, pauseMs })
    }
    if (pauseMs === 0) upstream.send(delivery)
    else clock.after(pauseMs, () => upstream.send(delivery))
  }

  #noteForeign(reason: string): void {
    const { clock, settlements, emit } = this.#deps
    settlements.counters.foreignAnswers++
    const atMs = clock.now()
    this.#foreign = { reason, atMs }
    if (atMs - this.#foreignSaidAtMs < foreignMs) return
    this.#foreignSaidAtMs = atMs
    emit({ event: 'answer.foreign', reason })
  }
}
