/** The last notifications that were not delivered; neither token nor payload is kept. */
import type { Clock } from '../timing/clock.ts'
import type { DeliveryRecord, RouteEvent, RouteTrace } from '../relay/route-event.ts'

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
export class RecentRejections {
  readonly #clock: Clock
  readonly #latest: RejectionRecord[] = []

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Newest first. */
  get latest(): readonly RejectionRecord[] {
    return this.#latest.toReversed()
  }

  /** Hears of everything that is decided on a route. */
  note(route: string, event: RouteEvent | RouteTrace): void {
    switch (event.event) {
      case 'notification.rejected':
      case 'notification.silenced':
      case 'notification.unregistered':
        this.#note(route, event.record, event.reason)
        break
      case 'notification.expired':
        this.#note(route, event.record, 'expired')
        break
      default:
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
