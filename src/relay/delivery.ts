/** One notification from its arrival to its end: in the lane, in the journal and on the way to APNs. */
import { hash } from 'node:crypto'
import type { Amendment } from '../apns/reason.ts'
import { amend, readdress, type Addressing, type ProviderRequest } from '../apns/request.ts'
import type { Notification } from '../binary/notification.ts'
import type { Lane, LaneItem, Settlement } from './lane.ts'
import type { Resendable } from './remembered-error-response.ts'
import type { JournalBatch, JournalEntry, RelayJournal } from './relay-journal.ts'
import type { Ending, RememberedItem } from './replicated-event.ts'

/** Reads and writes the connection that a delivery came on. */
export interface SourceOwner {
  /** A notification of the connection was settled. */
  settled(): void
}

/** Where the deliveries of a sender are counted. */
export interface DeliveryTally {
  delivered: number
}

/** The connection that a delivery came on. */
export interface Source {
  /** The number of the connection in this process and its log. */
  readonly number: number
  /** Hex SHA-256 of the sender's public key. */
  readonly sender: string
  readonly lane: Lane<Delivery>
  readonly owner: SourceOwner
  readonly tally: DeliveryTally
  /** How many deliveries of the connection the proxy owns. */
  owned: number
  /** The same in bytes, see {@link Delivery.bytes}. */
  ownedBytes: number
}

/** The first copy of a notification that stands behind an error response. Its resends take its ending. */
export class Original implements Resendable {
  readonly key: string
  /** Its apns-id, which identifies it in every process. */
  readonly ref: string
  /** Whether another process owns it. That process may be gone. */
  readonly isOfOtherProcess: boolean
  /** Resends in this process that wait for its ending. */
  readonly followers: Delivery[] = []
  ending: Ending | undefined

  constructor({ key, ref, ending }: RememberedItem, isOfOtherProcess: boolean) {
    this.key = key
    this.ref = ref
    this.ending = ending
    this.isOfOtherProcess = isOfOtherProcess
  }
}

const noBytes = Buffer.alloc(0)

/** Stands in for the request of a refused notification. It is never sent. */
export const noRequest: ProviderRequest = {
  apnsId: '',
  token: '',
  topic: '',
  pushType: undefined,
  priority: undefined,
  expiration: undefined,
  payload: noBytes,
}

export interface Arrival {
  readonly request: ProviderRequest
  /** As the sender wrote it; undefined where it is not to be journalled. */
  readonly notification: Notification | undefined
  /** As the sender numbered it. */
  readonly identifier: number | undefined
  /** The connection; undefined for a notification that an earlier process left in the journal. */
  readonly source: Source | undefined
  /** When its bytes were read, ms since the epoch. */
  readonly receivedAtMs: number
  /** When the proxy gives up, ms since the epoch. */
  readonly giveUpAtMs: number
}

/** Made once for each notification, and passed on. */
export class Delivery implements Arrival, LaneItem {
  readonly identifier: number | undefined
  readonly source: Source | undefined
  readonly receivedAtMs: number
  readonly giveUpAtMs: number
  request: ProviderRequest
  /** Undefined once it is in the journal. */
  notification: Notification | undefined
  /** Approximate memory of the delivery, bytes. `journal.maxBytes` limits the sum for a route. */
  readonly bytes: number
  /** How often APNs could not take it. */
  attempts = 0
  settlement: Settlement | undefined
  hasLeft = false
  /** The event log has not yet said whether it is a resend; it must not be sent before. */
  isUndecided = false
  /** A resend of it has arrived and is reported in its place. */
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

  /** Hash of device token and payload, by which a resend is recognised. */
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

  /** Keeps no large read in memory for one payload: copies it, or drops it if the delivery is over. */
  compact(): void {
    const { payload } = this.request
    if (payload.buffer.byteLength <= smallReadBytes) return
    if (this.#ending !== undefined) this.dropPayload()
    else {
      // Not from the pool, which can be as large as the read.
      const own = Buffer.allocUnsafeSlow(payload.length)
      payload.copy(own)
      this.request = { ...this.request, payload: own }
    }
  }

  /** Undefined while it is on its way. */
  get ending(): Ending | undefined {
    return this.#ending
  }

  /** Set for a resend, which is never sent and takes the ending of its original. */
  get original(): Original | undefined {
    return this.#original
  }

  /** It is in the journal, at `index` of a batch. */
  journalled(batch: JournalBatch, index: number): void {
    this.notification = undefined
    this.#batch = batch
    this.#index = index
  }

  /** A later process need not take it over any more. */
  leaveJournal(): void {
    this.#batch?.settled(this.#index)
    this.#batch = undefined
  }

  /** It is a resend. */
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

  /** Changes what the proxy chose itself. Returns false the second time: then the notification is at fault. */
  amend(amendment: Amendment): boolean {
    if (this.#amended) return false
    this.#amended = true
    this.request = amend(this.request, amendment)
    return true
  }

  /** Applies the topic that the route has now. */
  readdress(addressing: Addressing): void {
    if (this.request.topic !== addressing.topic) this.request = readdress(this.request, addressing)
  }

  /** Only the key of what is over is needed, and there can be 100,000 of them. */
  #dropPayload(): void {
    const isOver = this.#ending !== undefined || this.#original !== undefined
    if (!isOver || this.#key === undefined) return
    if (this.request.payload !== noBytes) this.request = { ...this.request, payload: noBytes }
  }
}

/** Keeping so much for one payload is cheaper than to replace it. */
const smallReadBytes = 8192
/** Approximate memory of a delivery beside its payload. */
const overheadBytes = 1024

/** Puts deliveries into the journal as one entry, except resends and those that are over. */
export function putIntoJournal(journal: RelayJournal, deliveries: readonly Delivery[]): void {
  const unwritten = deliveries.filter(isToBeJournalled)
  if (unwritten.length === 0) return
  const batch = journal.put(unwritten)
  for (const [index, delivery] of unwritten.entries()) delivery.journalled(batch, index)
}

function isToBeJournalled(delivery: Delivery): delivery is Delivery & JournalEntry {
  return delivery.notification !== undefined && delivery.ending === undefined && !delivery.original
}

/** The first 132 bits of SHA-256: short, because events carry it between processes. */
function keyOf({ token, payload }: ProviderRequest): string {
  return hash('sha256', token + payload.toString('latin1'), 'base64').slice(0, 22)
}
