/** What a route has received and what became of it, as plain counts. */
import type { Command } from '../binary/notification.ts'

/**
 * How a received notification ended, each in exactly one of these. `rejected`: the sender was told;
 * `untold`: rejected, and it could not be told; `unregistered`: accepted on the wire, its token goes
 * to the feedback service; `resent`: recognised as a second copy; `expired`: given up.
 */
export const settledOutcomes = [
  'delivered',
  'unregistered',
  'rejected',
  'untold',
  'resent',
  'expired',
] as const

/** One of {@link settledOutcomes}. */
export type SettledOutcome = (typeof settledOutcomes)[number]

/** Counts since start; received minus settled is what the gateway owns. */
export interface Tally {
  readonly received: Record<Command, number>
  readonly settled: Record<SettledOutcome, number>
  /** Requests that were sent once more. */
  retries: number
}

/** All zero. */
export function newTally(): Tally {
  return {
    received: { 0: 0, 1: 0, 2: 0 },
    settled: { delivered: 0, unregistered: 0, rejected: 0, untold: 0, resent: 0, expired: 0 },
    retries: 0,
  }
}
