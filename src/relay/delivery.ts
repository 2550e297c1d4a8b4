/** One notification on its way to APNs, kept over all its attempts. */
import { createHash } from 'node:crypto'
import type { Amendment } from '../apns/reason.ts'
import type { Outcome } from '../apns/outcome.ts'
import { amend, type ProviderRequest } from '../apns/request.ts'
import type { Settlement } from './lane.ts'
import type { Copy, Origin } from './overrun.ts'

/** Where the sender of a notification waits for its settlement. */
export interface Seat {
  readonly origin: Origin
  readonly identifier: number | undefined
  /** Called exactly once. */
  settle(settlement: Settlement): void
}

/** Something that can be sent to the provider API; answered exactly once for each time it is sent. */
export interface Shipment {
  readonly request: ProviderRequest
  /** From then on it is not worth sending, ms since the epoch. */
  readonly giveUpAtMs: number
  answered(outcome: Outcome): void
  /** It was not sent, for it is past {@link giveUpAtMs}. */
  expired(): void
}

/** How a delivery ended. */
export type Ending =
  | { readonly kind: 'delivered' }
  | { readonly kind: 'expired' }
  | {
      readonly kind: 'unregistered'
      readonly reason: string
      readonly timestamp: number | undefined
    }
  | { readonly kind: 'rejected'; readonly reason: string }

/** Who decides what an outcome means for a delivery. */
export interface DeliveryOwner {
  answered(delivery: Delivery, outcome: Outcome): void
  expired(delivery: Delivery): void
}

/** Marks a delivery as settled in the journal. */
export interface JournalSlot {
  readonly batch: { settled(index: number): void }
  readonly index: number
}

const shed = Buffer.alloc(0)

/** See the file's first line. */
export class Delivery implements Shipment, Copy {
  request: ProviderRequest
  readonly giveUpAtMs: number
  /** Undefined for one that an earlier process left behind: its sender is gone. */
  readonly seat: Seat | undefined
  attempts = 0
  slot: JournalSlot | undefined
  /** Resends of this one, waiting for the same ending. */
  readonly followers: Seat[] = []
  readonly #owner: DeliveryOwner
  #amended = false
  #ending: Ending | undefined
  #key: string | undefined

  constructor(
    request: ProviderRequest,
    giveUpAtMs: number,
    seat: Seat | undefined,
    owner: DeliveryOwner,
  ) {
    this.request = request
    this.giveUpAtMs = giveUpAtMs
    this.seat = seat
    this.#owner = owner
  }

  get key(): string {
    this.#key ??= keyOf(this.request)
    this.#shed()
    return this.#key
  }

  /** Keeps no more of what is over than resends are told by. */
  shed(): void {
    this.#key ??= keyOf(this.request)
    this.#shed()
  }

  /** How it ended; undefined while it is on its way. */
  get ending(): Ending | undefined {
    return this.#ending
  }

  /** It is over. */
  end(ending: Ending): void {
    this.#ending = ending
    this.#shed()
  }

  /** Changes the proxy's own choice; once, then the notification is to blame after all. */
  amend(amendment: Amendment): boolean {
    if (this.#amended) return false
    this.#amended = true
    this.request = amend(this.request, amendment)
    return true
  }

  /** What is only remembered for its key needs no payload, and many are remembered. */
  #shed(): void {
    if (this.#ending === undefined || this.#key === undefined) return
    if (this.request.payload !== shed) this.request = { ...this.request, payload: shed }
  }

  answered(outcome: Outcome): void {
    this.#owner.answered(this, outcome)
  }

  expired(): void {
    this.#owner.expired(this)
  }
}

/** Device token and SHA-256 of the payload. */
function keyOf({ token, payload }: ProviderRequest): string {
  return token + createHash('sha256').update(payload).digest('base64')
}
