/**
 * Rejections and deliveries of an unproven route, in one order for all processes (delivery contract,
 * D17): all processes together tell no more rejections than one would.
 */
import type { Outcome } from '../apns/outcome.ts'
import type { Delivery } from './delivery.ts'
import type { LoggedEvent, RelayEventLog } from './replicated-event.ts'

/** APNs has decided against a notification. */
export type Refusal = Extract<Outcome, { kind: 'rejected' | 'unregistered' }>

/** A rejected delivery of this process, and APNs' answer. */
export type Doubted = readonly [Delivery, Refusal]

export interface OrderedEvidenceOwner {
  /** See `RouteProof.setup`. Evidence about another one is ignored. */
  readonly setup: string
  /** A rejection has its place in the order. @param own undefined for one of another process */
  judged(token: string, reason: string, own: Doubted | undefined): void
  /** The set-up has changed since APNs' answer. */
  outdated(delivery: Delivery): void
  /** The set-up of the route works. */
  proven(): void
  /** An operator says so. */
  overruled(): void
}

/** One for each route. */
export class OrderedEvidence {
  readonly #eventLog: Pick<RelayEventLog, 'append'>
  readonly #processName: string
  readonly #owner: OrderedEvidenceOwner
  readonly #doubted = new Map<string, Doubted>()
  #names = 0

  constructor(
    eventLog: Pick<RelayEventLog, 'append'>,
    processName: string,
    owner: OrderedEvidenceOwner,
  ) {
    this.#eventLog = eventLog
    this.#processName = processName
    this.#owner = owner
  }

  /** APNs rejected a notification. The owner's `judged` follows. */
  doubt(delivery: Delivery, refusal: Refusal): void {
    const name = `${this.#processName} ${++this.#names}`
    this.#doubted.set(name, [delivery, refusal])
    const { token } = delivery.request
    const { setup } = this.#owner
    this.#eventLog.append({ kind: 'doubted', setup, name, token, reason: refusal.reason })
  }

  /** APNs accepted a notification. The owner's `proven` follows. */
  prove(): void {
    this.#eventLog.append({ kind: 'proven', setup: this.#owner.setup })
  }

  /** An operator overrules the suspicion. The owner's `overruled` follows, in all processes. */
  overrule(): void {
    this.#eventLog.append({ kind: 'overruled', setup: this.#owner.setup })
  }

  /** Applies the next event of the log. */
  apply({ event }: LoggedEvent): void {
    if (event.kind !== 'proven' && event.kind !== 'overruled' && event.kind !== 'doubted') return
    const isAboutUs = event.setup === this.#owner.setup
    if (event.kind !== 'doubted') {
      if (isAboutUs) this.#owner[event.kind]()
      return
    }
    const own = this.#doubted.get(event.name)
    this.#doubted.delete(event.name)
    if (isAboutUs) this.#owner.judged(event.token, event.reason, own)
    else if (own !== undefined) this.#owner.outdated(own[0])
  }
}
