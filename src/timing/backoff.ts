/** Pauses between failed attempts: each pause is twice as long as the one before, up to a limit. */
import type { Cancel, Clock } from './clock.ts'

export interface BackoffLimits {
  readonly firstMs: number
  readonly longestMs: number
}

/** The pause after this many failures in a row, 1 or more; milliseconds. */
export function backoffMs({ firstMs, longestMs }: BackoffLimits, failures: number): number {
  return Math.min(firstMs * 2 ** (failures - 1), longestMs)
}

/**
 * 50–100 % of a pause, so that clients that failed at the same time do not retry at the same time.
 * @param random in [0, 1)
 */
export function spread(pauseMs: number, random: number): number {
  return pauseMs * (0.5 + random / 2)
}

/** Counts failures in a row, and makes at most one pause at a time. */
export class Backoff {
  readonly #limits: BackoffLimits
  readonly #clock: Clock
  readonly #random: () => number
  #failures = 0
  #cancel: Cancel | undefined

  constructor(limits: BackoffLimits, clock: Clock, random: () => number) {
    this.#limits = limits
    this.#clock = clock
    this.#random = random
  }

  /** Whether the last attempt failed. */
  get hasFailed(): boolean {
    return this.#failures > 0
  }

  get isPausing(): boolean {
    return this.#cancel !== undefined
  }

  /** Counts a failure; returns the pause that should follow, milliseconds. */
  fail(): number {
    return spread(backoffMs(this.#limits, ++this.#failures), this.#random())
  }

  /** Resets the count of failures; a pause in progress continues. */
  succeed(): void {
    this.#failures = 0
  }

  /** Calls `run` after `ms`, unless another pause is in progress. */
  pause(ms: number, run: () => void): void {
    this.#cancel ??= this.#clock.after(ms, () => {
      this.#cancel = undefined
      run()
    })
  }

  /** Cancels the pause in progress and resets the count of failures. */
  reset(): void {
    this.#failures = 0
    this.#cancel?.()
    this.#cancel = undefined
  }
}
