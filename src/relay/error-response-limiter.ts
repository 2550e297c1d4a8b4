/** Stops the loop of a sender that resends the notification that was named (delivery contract, D16). */
import type { Delivery, Source } from './delivery.ts'

const periodMs = 60_000
const reportsPerPeriod = 5

interface Count {
  readonly untilMs: number
  reports: number
}

/** One for each route. Counts the error responses for one (token, payload) within a minute. */
export class ErrorResponseLimiter {
  readonly #counts = new Map<string, Count>()

  /** Whether one more error response may be sent. */
  admits(key: string, nowMs: number): boolean {
    const count = this.#counts.get(key)
    return count === undefined || nowMs >= count.untilMs || count.reports < reportsPerPeriod
  }

  /** @param ambiguous several notifications had the identifier: one error response is enough */
  reported(key: string, ambiguous: boolean, nowMs: number): void {
    this.#forgetBefore(nowMs)
    const count = this.#counts.get(key) ?? { untilMs: nowMs + periodMs, reports: 0 }
    count.reports = ambiguous ? reportsPerPeriod : count.reports + 1
    this.#counts.set(key, count)
  }

  /** The error response was not sent. Forgets the others too, so that another one may be sent. */
  withdrawn(key: string): void {
    this.#counts.delete(key)
  }

  /** The counts are in the order begun, so the first that is not over ends the search. */
  #forgetBefore(nowMs: number): void {
    for (const [key, { untilMs }] of this.#counts) {
      if (nowMs < untilMs) return
      this.#counts.delete(key)
    }
  }
}

/** The key under which the error responses for a notification are counted. */
export function loopKey(delivery: Delivery, { sender }: Source, reason: string): string {
  const { apnsId, identifier } = delivery
  // A refused notification has no key. In a loop its identifier and reason return.
  return apnsId === '' ? `${sender} ${String(identifier)} ${reason}` : delivery.key
}
