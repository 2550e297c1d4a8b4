/** The parts that the feedback lists of all stores share. */
import type { FeedbackTuple } from '../binary/feedback-tuple.ts'
import { longestRouteBytes } from './journal-entry.ts'

/** A device token that APNs has reported as unregistered. */
export interface FeedbackEntry {
  /** Hexadecimal. */
  readonly token: string
  /** UNIX seconds. */
  readonly timestamp: number
}

/** Whether it is a uint32, as UNIX seconds are. */
export function isTimestamp(timestamp: number): boolean {
  return Number.isInteger(timestamp) && timestamp >= 0 && timestamp <= 0xffff_ffff
}

/** @throws {RangeError} for milliseconds and other impossible values */
export function checkFeedbackEntry(route: string, timestamp: number): void {
  if (!isTimestamp(timestamp))
    throw new RangeError('the timestamp of a feedback entry is not in UNIX seconds')
  if (Buffer.byteLength(route) > longestRouteBytes)
    throw new RangeError('the name of a route is too long')
}

export function tuplesOf(entries: readonly FeedbackEntry[]): FeedbackTuple[] {
  return entries.map(({ token, timestamp }) => ({ timestamp, token: Buffer.from(token, 'hex') }))
}

/** The entries of all routes, in memory. */
export class FeedbackLists {
  readonly #routes = new Map<string, Map<string, FeedbackEntry>>()

  /** Keeps the latest timestamp of a token. @returns whether this one is the latest */
  add(route: string, token: string, timestamp: number): boolean {
    const entries = this.#routes.get(route) ?? new Map<string, FeedbackEntry>()
    this.#routes.set(route, entries)
    if (timestamp <= (entries.get(token)?.timestamp ?? -1)) return false
    entries.set(token, { token, timestamp })
    return true
  }

  /** @returns whether the token had an entry */
  delete(route: string, token: string): boolean {
    return this.#routes.get(route)?.delete(token) === true
  }

  timestampOf(route: string, token: string): number | undefined {
    return this.#routes.get(route)?.get(token)?.timestamp
  }

  entries(route: string): readonly FeedbackEntry[] {
    return [...(this.#routes.get(route)?.values() ?? [])]
  }

  count(route: string): number {
    return this.#routes.get(route)?.size ?? 0
  }
}
