/** Stops senders that resend the very notification that was named, for ever (delivery contract, D16). */
import type { Delivery, Source } from './delivery.ts'

const periodMs = 60_000
const reportsPerPeriod = 5

interface Count {
  readonly untilMs: number
  reports: number
}

/** One for each route; counts the reports of one (token, payload) within a minute. */
export class ReportLimiter {
  readonly #counts = new Map<string, Count>()

  /** Whether it may be reported once more. */
  admits(key: string, nowMs: number): boolean {
    const count = this.#counts.get(key)
    return count === undefined || nowMs >= count.untilMs || count.reports < reportsPerPeriod
  }

  /** @param ambiguous the identifier stood for several notifications: once is enough */
  reported(key: string, ambiguous: boolean, nowMs: number): void {
    this.#forgetBefore(nowMs)
    const count = this.#counts.get(key) ?? { untilMs: nowMs + periodMs, reports: 0 }
    count.reports = ambiguous ? reportsPerPeriod : count.reports + 1
    this.#counts.set(key, count)
  }

  /** A report was not sent after all; none of the others counts either, so that one more may be. */
  withdrawn(key: string): void {
    this.#counts.delete(key)
  }

  /** In the order begun, so the first that is not over ends the search. */
  #forgetBefore(nowMs: number): void {
    for (const [key, { untilMs }] of this.#counts) {
      if (nowMs < untilMs) return
      this.#counts.delete(key)
    }
  }
}

/** By which a sender that resends the same rejected notification for ever is recognised. */
export function loopKey(delivery: Delivery, { sender }: Source, reason: string): string {
  const { apnsId, identifier } = delivery
  // What was never made a request has no key of its own; in a loop, identifier and reason return.
  return apnsId === '' ? `${sender} ${String(identifier)} ${reason}` : delivery.key
}
