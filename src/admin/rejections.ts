/** The last notifications that were not delivered; neither token nor payload is kept. */
import type { Clock } from '../clock.ts'
import type { DeliveryRecord, RelayObserver } from '../relay/relay.ts'

/** One of the last. */
export interface RejectionRecord {
  readonly atMs: number
  readonly route: string
  readonly connection: number | undefined
  readonly identifier: number | undefined
  readonly apnsId: string | undefined
  /** APNs' reason, or the proxy's own code. */
  readonly reason: string
}

const kept = 50
/** APNs' own are half as long; a provider API may say anything. */
const longestReason = 60

/** Of all routes. */
export class Rejections {
  readonly #clock: Clock
  readonly #latest: RejectionRecord[] = []

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Newest first. */
  get latest(): readonly RejectionRecord[] {
    return this.#latest.toReversed()
  }

  /** Tells `observer` everything, and listens in. */
  through(route: string, observer: RelayObserver): RelayObserver {
    return {
      ...observer,
      rejected: (record, rejection) => {
        this.#note(route, record, rejection.reason)
        observer.rejected(record, rejection)
      },
      silenced: (record, rejection) => {
        this.#note(route, record, rejection.reason)
        observer.silenced(record, rejection)
      },
      unregistered: (record, reason, timestamp) => {
        this.#note(route, record, reason)
        observer.unregistered(record, reason, timestamp)
      },
      expired: (record) => {
        this.#note(route, record, 'expired')
        observer.expired(record)
      },
    }
  }

  #note(route: string, { connection, identifier, apnsId }: DeliveryRecord, stated: string): void {
    const reason = stated.slice(0, longestReason)
    // Where a 410 is told on the connection, it is heard of twice.
    const last = this.#latest.at(-1)
    if (apnsId !== undefined && last?.apnsId === apnsId && last.reason === reason) return
    this.#latest.push({ atMs: this.#clock.now(), route, connection, identifier, apnsId, reason })
    if (this.#latest.length > kept) this.#latest.shift()
  }
}
