/** Counts what a route owns (received and not settled), and how much more each connection may bring. */
import type { Delivery } from './delivery.ts'

/** What a route may own at a time. */
export interface RoomLimits {
  readonly maxEntries: number
  /** As {@link Delivery.bytes} counts. */
  readonly maxBytes: number
}

/** A connection may own this many times what is still free in its route, so some is always free. */
const shareOfFree = 8

/** One for each route. */
export class RouteRoom {
  limits: RoomLimits
  #count = 0
  #bytes = 0
  readonly #onEmpty: (() => void)[] = []

  constructor(limits: RoomLimits) {
    this.limits = limits
  }

  /** Deliveries. */
  get count(): number {
    return this.#count
  }

  /** How many more notifications a connection may bring now. */
  roomFor({ owned, ownedBytes }: { readonly owned: number; readonly ownedBytes: number }): number {
    const { maxEntries, maxBytes } = this.limits
    if (ownedBytes >= shareOfFree * (maxBytes - this.#bytes)) return 0
    const free = maxEntries - this.#count
    return Math.max(0, Math.ceil((shareOfFree * free - owned) / (shareOfFree + 1)))
  }

  /** The route owns the delivery from now on. */
  add(delivery: Delivery): Delivery {
    this.#count++
    this.#bytes += delivery.bytes
    if (delivery.source !== undefined) {
      delivery.source.owned++
      delivery.source.ownedBytes += delivery.bytes
    }
    return delivery
  }

  /** The delivery is settled, or only awaits a resend. */
  remove({ source, bytes }: Delivery): void {
    this.#bytes -= bytes
    if (source !== undefined) {
      source.owned--
      source.ownedBytes -= bytes
    }
    if (--this.#count > 0) return
    for (const resolve of this.#onEmpty.splice(0)) resolve()
  }

  /** Resolves as soon as nothing is owned. */
  empty(): Promise<void> {
    if (this.#count === 0) return Promise.resolve()
    return new Promise((resolve) => this.#onEmpty.push(resolve))
  }
}
