/** Keeps the last notifications that were not delivered, without token and payload. */
import type { Clock } from '../timing/clock.ts'
import type { DeliveryRecord, RouteEvent, RouteTrace } from '../relay/route-event.ts'

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
/** Twice the length of the longest reason of APNs. */
const longestReason = 60

/** The rejections of all routes. */
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

  /** Receives all events of a route. */
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
    // A 410 that is reported on the connection causes two events.
    const last = this.#latest.at(-1)
    if (apnsId !== undefined && last?.apnsId === apnsId && last.reason === reason) return
    this.#latest.push({ atMs: this.#clock.now(), route, connection, identifier, apnsId, reason })
    if (this.#latest.length > kept) this.#latest.shift()
  }
}
