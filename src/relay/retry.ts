/** When a notification that the provider API could not take is sent again (delivery contract, D8). */
import type { Outcome } from '../apns/outcome.ts'
import { backoffMs, spread } from '../timing/backoff.ts'
import type { RetryCause } from './route-counters.ts'

/** An outcome that says nothing against the notification. */
export type Unavailable = Extract<Outcome, { kind: 'unavailable' }>

const pauses = { firstMs: 500, longestMs: 30_000 }
/** How often in a row a notification is sent again without a pause. */
const promptAttempts = 3

/**
 * Milliseconds until the next attempt: doubling from half a second to half a minute, spread over
 * 50–100 % so that what failed together does not return together. At once where APNs is known not
 * to have touched it; never before a Retry-After. A pause that would outlast the notification ends
 * right before it is given up, for a last attempt.
 * @param attempts attempts made so far, 1 or more
 * @param random in [0, 1)
 * @param leftMs until the notification is given up
 */
export function pauseBefore(
  outcome: Unavailable,
  attempts: number,
  random: number,
  leftMs: number,
): number {
  if (outcome.retry === 'now' && attempts <= promptAttempts) return 0
  const pauseMs = Math.min(spread(backoffMs(pauses, attempts), random), Math.max(1, leftMs - 1))
  return Math.max(pauseMs, outcome.retryAfterMs ?? 0)
}

/** Why a notification is sent again, for the counters. */
export function retryCauseOf(outcome: Unavailable): RetryCause {
  if (outcome.isForeign) return 'foreign'
  const { status } = outcome
  if (status === undefined) return 'unanswered'
  if (status === 429) return 'throttled'
  return status >= 500 ? 'server-error' : 'other-answer'
}

/** A push that APNs may not store is not worth more than this. */
const unstoredMs = 60_000

/**
 * Until when a notification is worth trying, ms since the epoch.
 * @param expiration UNIX seconds as the sender gave it; 0 = do not store; undefined = no limit of its own
 */
export function giveUpAt(
  receivedAtMs: number,
  expiration: number | undefined,
  retryForSeconds: number,
): number {
  const limitMs = receivedAtMs + retryForSeconds * 1000
  if (expiration === undefined) return limitMs
  // One that arrives expired gets the same minute: the binary gateway took it without complaint.
  return Math.min(limitMs, Math.max(expiration * 1000, receivedAtMs + unstoredMs))
}
