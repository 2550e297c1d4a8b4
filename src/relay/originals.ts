/** First copies that are remembered, whichever process owns them, and the resends that wait for them. */
import type { Clock } from '../timing/clock.ts'
import { Original, type Delivery, type Ending } from './delivery.ts'
import type { RememberedItem } from './replicated-event.ts'

/** Hears what came of first copies and resends. */
export interface OriginalsOwner {
  /** A delivery of this process was remembered; a resend of it has come, and is told instead. */
  resent(first: Delivery): void
  /** A delivery of this process was remembered; no resend of it has come. */
  forgotten(first: Delivery): void
  /** Its first copy has ended; undefined when it is not waited for any longer. */
  followed(resend: Delivery, ending: Ending | undefined): void
}

/** So long a resend waits for a copy of another process, which may be gone: that owns it anyway. */
const followMs = 60_000
/** Whoever has not heard of an ending yet may still name its copy as one that goes on. */
const rememberedEndings = 50_000

/** One for each route. */
export class Originals {
  readonly #owner: OriginalsOwner
  readonly #clock: Clock
  /** Remembered or followed, and not ended, by ref. */
  readonly #unended = new Map<string, Original>()
  /** How others ended, by ref: the latest, and those before. */
  #endings = new Map<string, Ending>()
  #earlierEndings = new Map<string, Ending>()
  /** Deliveries of this process that others may wait for, by ref. */
  readonly #published = new Map<string, Delivery>()
  /** Deliveries of this process that are remembered for their resends, by ref. */
  readonly #remembered = new Map<string, Delivery>()
  /** Resends of what another process owns. */
  readonly #foreignFollowers = new Set<Delivery>()
  #patient = true

  constructor(owner: OriginalsOwner, clock: Clock) {
    this.#owner = owner
    this.#clock = clock
  }

  /** What others have to know of a delivery to recognise its resend. */
  itemOf(delivery: Delivery): RememberedItem {
    const { key, original } = delivery
    this.remember(delivery)
    if (original !== undefined) return { key, ref: original.ref, ending: original.ending }
    if (delivery.ending === undefined) this.publish(delivery)
    return { key, ref: delivery.apnsId, ending: delivery.ending }
  }

  /** Its resend may come, until it is {@link forgotten}. */
  remember(delivery: Delivery): void {
    this.#remembered.set(refOf(delivery), delivery)
  }

  /** Whether its resend may still come. */
  remembers(delivery: Delivery): boolean {
    return this.#remembered.get(refOf(delivery)) === delivery
  }

  /** Others may come to wait for it. Returns its ref. */
  publish(delivery: Delivery): string {
    const { apnsId } = delivery
    this.#published.set(apnsId, delivery)
    return apnsId
  }

  /** It has ended. Returns whether others are to be told. */
  unpublish({ apnsId }: Delivery): boolean {
    return this.#published.size > 0 && this.#published.delete(apnsId)
  }

  /** The copy that others know by a ref. */
  of(item: RememberedItem): Original {
    const copy = this.#unended.get(item.ref)
    if (copy !== undefined) return copy
    const { ref } = item
    const ending = item.ending ?? this.#endings.get(ref) ?? this.#earlierEndings.get(ref)
    return this.await(new Original({ ...item, ending }, !this.#published.has(item.ref)))
  }

  /** Its ending will be heard, if it has not ended. */
  await(copy: Original): Original {
    if (copy.ending === undefined) this.#unended.set(copy.ref, copy)
    return copy
  }

  /** It is not remembered any more; those who wait for it do so all the same. */
  forgotten(copy: Original, wasMatched: boolean): void {
    if (copy.followers.length === 0) this.#unended.delete(copy.ref)
    const delivery = this.#remembered.get(copy.ref)
    if (delivery === undefined) return
    this.#remembered.delete(copy.ref)
    if (wasMatched) this.#owner.resent(delivery)
    else this.#owner.forgotten(delivery)
  }

  /** A notification has turned out to be a resend. */
  follow(delivery: Delivery, original: Original): void {
    this.#published.delete(delivery.apnsId)
    delivery.follow(original)
    if (original.ending !== undefined) return
    this.await(original).followers.push(delivery)
    if (original.isForeign) this.#foreignFollowers.add(delivery)
  }

  /** Bounds how long those of them wait that wait for another process. */
  limitWaiting(deliveries: readonly Delivery[]): void {
    const strays = deliveries.filter((delivery) => this.#foreignFollowers.has(delivery))
    if (strays.length === 0) return
    const letGo = (): void => {
      for (const stray of strays) this.#letGo(stray)
    }
    if (this.#patient) this.#clock.after(followMs, letGo)
    else letGo()
  }

  #letGo(stray: Delivery): void {
    const { original } = stray
    if (!this.#foreignFollowers.delete(stray) || original === undefined) return
    original.followers.splice(original.followers.indexOf(stray), 1)
    if (original.followers.length === 0) this.#unended.delete(original.ref)
    this.#owner.followed(stray, undefined)
  }

  /** A first copy has ended, and with it those who wait for it. */
  ended(ref: string, ending: Ending): void {
    this.#remember(ref, ending)
    const copy = this.#unended.get(ref)
    if (copy === undefined) return
    this.#unended.delete(ref)
    copy.ending = ending
    for (const follower of copy.followers.splice(0)) {
      this.#foreignFollowers.delete(follower)
      this.#owner.followed(follower, ending)
    }
  }

  /** Half is forgotten at once: to find the oldest of a map that forgets one by one takes long. */
  #remember(ref: string, ending: Ending): void {
    this.#endings.set(ref, ending)
    if (this.#endings.size < rememberedEndings) return
    this.#earlierEndings = this.#endings
    this.#endings = new Map()
  }

  /** Nobody is left to be told. */
  stopWaiting(): void {
    this.#patient = false
    for (const stray of [...this.#foreignFollowers]) this.#letGo(stray)
  }
}

function refOf({ apnsId, original }: Delivery): string {
  return original?.ref ?? apnsId
}
