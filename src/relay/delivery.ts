/** One notification on its way to APNs, kept over all its attempts. */
import { createHash } from 'node:crypto'
import type { Amendment } from '../apns/reason.ts'
import type { Outcome } from '../apns/outcome.ts'
import { amend, type ProviderRequest } from '../apns/request.ts'
import type { Settlement } from './lane.ts'
import type { Copy } from './overrun.ts'
import type { Participant } from './participant.ts'

/** Where the sender of a notification waits for its settlement. */
export interface Seat {
  readonly origin: Participant
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

/** What resends are told by: how a notification that was received behind a named one ended. */
export class FirstCopy implements Copy {
  readonly key: string
  /** Its apns-id, by which every process knows it. */
  readonly ref: string
  /** Undefined where another process owns it, and when it has ended. */
  delivery: Delivery | undefined
  /** Resends that this process received, waiting for the same ending. */
  readonly followers: Delivery[] = []
  ending: Ending | undefined

  constructor(
    { key, ref, ending }: Pick<FirstCopy, 'key' | 'ref' | 'ending'>,
    delivery: Delivery | undefined,
  ) {
    this.key = key
    this.ref = ref
    this.ending = ending
    this.delivery = delivery
  }

  end(ending: Ending): void {
    this.ending = ending
    this.delivery = undefined
  }
}

/** See the file's first line. */
export class Delivery implements Shipment {
  request: ProviderRequest
  readonly giveUpAtMs: number
  /** Undefined for one that an earlier process left behind: its sender is gone. */
  readonly seat: Seat | undefined
  attempts = 0
  slot: JournalSlot | undefined
  /** Not to be sent before the chronicle has said whether it is a resend. */
  isUndecided = false
  #original: FirstCopy | undefined
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

  /** What it repeats; it is never sent then, and ends as that does. */
  get original(): FirstCopy | undefined {
    return this.#original
  }

  /** It turned out to be a resend. */
  follow(original: FirstCopy): void {
    this.#original = original
    this.#shed()
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
    const isOver = this.#ending !== undefined || this.#original !== undefined
    if (!isOver || this.#key === undefined) return
    if (this.request.payload !== shed) this.request = { ...this.request, payload: shed }
  }

  answered(outcome: Outcome): void {
    this.#owner.answered(this, outcome)
  }

  expired(): void {
    this.#owner.expired(this)
  }
}

/** 16 bytes of SHA-256: short, because it travels. */
function keyOf({ token, payload }: ProviderRequest): string {
  const digest = createHash('sha256').update(token).update(payload).digest()
  return digest.toString('base64', 0, 16)
}
