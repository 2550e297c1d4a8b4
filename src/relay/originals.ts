/** Originals that all processes remember, and the resends in this process that wait for their ending. */
import type { Clock } from '../timing/clock.ts'
import { Original, type Delivery } from './delivery.ts'
import type { Ending, RememberedItem } from './replicated-event.ts'

/** Is called when originals and resends of this process end. */
export interface OriginalsOwner {
  /** A resend of a remembered delivery has arrived, and is reported in its place. */
  resent(first: Delivery): void
  /** A remembered delivery has expired, and no resend of it has arrived. */
  forgotten(first: Delivery): void
  /** The original of a resend has ended; undefined when the resend stops waiting. */
  followed(resend: Delivery, ending: Ending | undefined): void
}

/**
 * How long a resend waits for the ending of an original that another process owns. After that, the
 * other process (or its successor) still delivers the original; the resend is settled without it.
 */
const followMs = 60_000
/** A process that has not applied an ending yet can still refer to that original as unfinished. */
const rememberedEndings = 50_000

/** One for each route. */
export class Originals {
  readonly #owner: OriginalsOwner
  readonly #clock: Clock
  /** Originals that have not ended and are remembered or followed, by ref. */
  readonly #unended = new Map<string, Original>()
  /** The latest endings by ref, in two generations. */
  #endings = new Map<string, Ending>()
  #earlierEndings = new Map<string, Ending>()
  /** Deliveries of this process that other processes may wait for, by ref. */
  readonly #published = new Map<string, Delivery>()
  /** Deliveries of this process whose resends would be recognised, by ref. */
  readonly #remembered = new Map<string, Delivery>()
  /** Resends that wait for an original of another process. */
  readonly #followersElsewhere = new Set<Delivery>()
  #mayWait = true

  constructor(owner: OriginalsOwner, clock: Clock) {
    this.#owner = owner
    this.#clock = clock
  }

  /** What other processes must know of a delivery to recognise its resend. */
  itemOf(delivery: Delivery): RememberedItem {
    const { key, original } = delivery
    this.remember(delivery)
    if (original !== undefined) return { key, ref: original.ref, ending: original.ending }
    if (delivery.ending === undefined) this.publish(delivery)
    return { key, ref: delivery.apnsId, ending: delivery.ending }
  }

  /** A resend of the delivery is recognised until the original is {@link forgotten}. */
  remember(delivery: Delivery): void {
    this.#remembered.set(refOf(delivery), delivery)
  }

  /** Whether a resend of the delivery would still be recognised. */
  remembers(delivery: Delivery): boolean {
    return this.#remembered.get(refOf(delivery)) === delivery
  }

  /** Other processes may wait for the delivery. Returns its ref. */
  publish(delivery: Delivery): string {
    const { apnsId } = delivery
    this.#published.set(apnsId, delivery)
    return apnsId
  }

  /** The delivery has ended. Returns whether other processes must know. */
  unpublish({ apnsId }: Delivery): boolean {
    return this.#published.size > 0 && this.#published.delete(apnsId)
  }

  /** The original that all processes know by a ref. */
  of(item: RememberedItem): Original {
    const copy = this.#unended.get(item.ref)
    if (copy !== undefined) return copy
    const { ref } = item
    const ending = item.ending ?? this.#endings.get(ref) ?? this.#earlierEndings.get(ref)
    return this.await(new Original({ ...item, ending }, !this.#published.has(item.ref)))
  }

  /** Keeps an unfinished original until its ending is applied. */
  await(copy: Original): Original {
    if (copy.ending === undefined) this.#unended.set(copy.ref, copy)
    return copy
  }

  /** An original has expired or was matched. Resends that wait for it go on waiting. */
  forgotten(copy: Original, wasMatched: boolean): void {
    if (copy.followers.length === 0) this.#unended.delete(copy.ref)
    const delivery = this.#remembered.get(copy.ref)
    if (delivery === undefined) return
    this.#remembered.delete(copy.ref)
    if (wasMatched) this.#owner.resent(delivery)
    else this.#owner.forgotten(delivery)
  }

  /** A delivery is a resend of an original. */
  follow(delivery: Delivery, original: Original): void {
    this.#published.delete(delivery.apnsId)
    delivery.follow(original)
    if (original.ending !== undefined) return
    this.await(original).followers.push(delivery)
    if (original.isOfOtherProcess) this.#followersElsewhere.add(delivery)
  }

  /** Limits how long resends among them wait for an original of another process. */
  limitWaiting(deliveries: readonly Delivery[]): void {
    if (this.#followersElsewhere.size === 0) return
    const foreign = deliveries.filter((delivery) => this.#followersElsewhere.has(delivery))
    if (foreign.length === 0) return
    const stopAll = (): void => {
      for (const resend of foreign) this.#stopFollowing(resend)
    }
    if (this.#mayWait) this.#clock.after(followMs, stopAll)
    else stopAll()
  }

  #stopFollowing(resend: Delivery): void {
    const { original } = resend
    if (!this.#followersElsewhere.delete(resend) || original === undefined) return
    original.followers.splice(original.followers.indexOf(resend), 1)
    if (original.followers.length === 0) this.#unended.delete(original.ref)
    this.#owner.followed(resend, undefined)
  }

  /** An original has ended, and with it the resends that wait for it. */
  ended(ref: string, ending: Ending): void {
    this.#remember(ref, ending)
    const copy = this.#unended.get(ref)
    if (copy === undefined) return
    this.#unended.delete(ref)
    copy.ending = ending
    for (const follower of copy.followers.splice(0)) {
      this.#followersElsewhere.delete(follower)
      this.#owner.followed(follower, ending)
    }
  }

  /** Evicts half of the endings at a time: evicting one by one would search for the oldest. */
  #remember(ref: string, ending: Ending): void {
    this.#endings.set(ref, ending)
    if (this.#endings.size < rememberedEndings) return
    this.#earlierEndings = this.#endings
    this.#endings = new Map()
  }

  /** No sender is left to be told: ends all waiting for other processes. */
  stopWaiting(): void {
    this.#mayWait = false
    for (const resend of [...this.#followersElsewhere]) this.#stopFollowing(resend)
  }
}

function refOf({ apnsId, original }: Delivery): string {
  return original?.ref ?? apnsId
}
