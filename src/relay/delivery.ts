/** One notification from its arrival to its end: in the lane, in the journal, and on its way to APNs. */
import { createHash } from 'node:crypto'
import type { Amendment } from '../apns/reason.ts'
import { amend, type ProviderRequest } from '../apns/request.ts'
import type { Notification } from '../binary/notification.ts'
import type { Lane, LaneItem, Settlement } from './lane.ts'
import type { Copy } from './overrun.ts'
import type { JournalBatch } from './relay-journal.ts'

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

/** Whoever reads and writes the connection that a delivery came on. */
export interface SourceOwner {
  /** One of its notifications has been settled. */
  settled(): void
}

/** The connection that a delivery came on. */
export interface Source {
  /** In this process, as the log has it. */
  readonly number: number
  /** Hex SHA-256 of the sender's public key. */
  readonly sender: string
  readonly lane: Lane<Delivery>
  readonly owner: SourceOwner
  /** Deliveries of it that the proxy owns. */
  owned: number
  /** The same in bytes, as {@link Delivery.bytes} counts. */
  ownedBytes: number
}

/** The first copy of a notification that was received behind a named one: resends are told by it. */
export class Original implements Copy {
  readonly key: string
  /** Its apns-id, by which every process knows it. */
  readonly ref: string
  /** Whether another process owns it; it may be gone. */
  readonly isForeign: boolean
  /** Resends that this process received, waiting for the same ending. */
  readonly followers: Delivery[] = []
  ending: Ending | undefined

  constructor({ key, ref, ending }: Pick<Original, 'key' | 'ref' | 'ending'>, isForeign: boolean) {
    this.key = key
    this.ref = ref
    this.ending = ending
    this.isForeign = isForeign
  }
}

const noBytes = Buffer.alloc(0)

/** What is refused before there is a request has this one, which is never sent. */
export const noRequest: ProviderRequest = {
  apnsId: '',
  token: '',
  topic: '',
  pushType: undefined,
  priority: undefined,
  expiration: undefined,
  payload: noBytes,
}

/** What is known of a notification when it arrives. */
export interface Arrival {
  readonly request: ProviderRequest
  /** As its sender wrote it; undefined where it is not to be written into the journal. */
  readonly notification: Notification | undefined
  /** Its sender's. */
  readonly identifier: number | undefined
  /** Where it came from; undefined for one that an earlier process left behind. */
  readonly source: Source | undefined
  /** When its bytes were read, ms since the epoch. */
  readonly receivedAtMs: number
  /** From then on it is not worth sending, ms since the epoch. */
  readonly giveUpAtMs: number
}

/** Made once for each notification, and passed on. */
export class Delivery implements Arrival, LaneItem {
  readonly identifier: number | undefined
  readonly source: Source | undefined
  readonly receivedAtMs: number
  readonly giveUpAtMs: number
  request: ProviderRequest
  /** Let go of when it is in the journal. */
  notification: Notification | undefined
  /** Payload and what is kept beside it, bytes: what the room of its route is counted in. */
  readonly bytes: number
  /** Times that the provider API could not take it. */
  attempts = 0
  settlement: Settlement | undefined
  hasLeft = false
  /** Not to be sent before the event log has said whether it is a resend. */
  isUndecided = false
  /** A resend of it has come: that is told, or goes on waiting. */
  isResent = false
  #batch: JournalBatch | undefined
  #index = 0
  #original: Original | undefined
  #ending: Ending | undefined
  #amended = false
  #key: string | undefined

  constructor(arrival: Arrival) {
    this.request = arrival.request
    this.notification = arrival.notification
    this.identifier = arrival.identifier
    this.source = arrival.source
    this.receivedAtMs = arrival.receivedAtMs
    this.giveUpAtMs = arrival.giveUpAtMs
    this.bytes = overheadBytes + arrival.request.payload.length
  }

  get apnsId(): string {
    return this.request.apnsId
  }

  /** Of device token and payload: by it a resend is recognised. */
  get key(): string {
    this.#key ??= keyOf(this.request)
    this.#dropPayload()
    return this.#key
  }

  /** Drops the payload as soon as the delivery is over: a resend is recognised by the key alone. */
  dropPayload(): void {
    this.#key ??= keyOf(this.request)
    this.#dropPayload()
  }

  /** Drops the payload of a delivery that is over where it keeps a large read in memory. */
  compact(): void {
    if (this.request.payload.buffer.byteLength > smallReadBytes) this.dropPayload()
  }

  /** How it ended; undefined while it is on its way. */
  get ending(): Ending | undefined {
    return this.#ending
  }

  /** What it repeats; it is never sent then, and ends as that does. */
  get original(): Original | undefined {
    return this.#original
  }

  /** The journal has it, at `index` of a batch. */
  journalled(batch: JournalBatch, index: number): void {
    this.notification = undefined
    this.#batch = batch
    this.#index = index
  }

  /** Nobody needs to take it over any more. */
  leaveJournal(): void {
    this.#batch?.settled(this.#index)
    this.#batch = undefined
  }

  /** It turned out to be a resend. */
  follow(original: Original): void {
    this.#original = original
    this.#dropPayload()
  }

  /** It is over. */
  end(ending: Ending): void {
    this.#ending = ending
    this.#dropPayload()
    this.leaveJournal()
  }

  /** Changes the proxy's own choice; once, then the notification is to blame after all. */
  amend(amendment: Amendment): boolean {
    if (this.#amended) return false
    this.#amended = true
    this.request = amend(this.request, amendment)
    return true
  }

  /** Only the key of what is over is needed, and there can be 100,000 of them. */
  #dropPayload(): void {
    const isOver = this.#ending !== undefined || this.#original !== undefined
    if (!isOver || this.#key === undefined) return
    if (this.request.payload !== noBytes) this.request = { ...this.request, payload: noBytes }
  }
}

/** A read of this size, or less, is not worth the hash that takes its place. */
const smallReadBytes = 4096
/** What a delivery takes in memory beside its payload, roughly. */
const overheadBytes = 1024

/** 16 bytes of SHA-256: short, because it travels. */
function keyOf({ token, payload }: ProviderRequest): string {
  const digest = createHash('sha256').update(token).update(payload).digest()
  return digest.toString('base64', 0, 16)
}
