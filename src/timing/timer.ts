/** Restartable timers, periodic calls, time limits and late calls, all on a {@link Clock}. */
import type { Cancel, Clock } from './clock.ts'

/** A timer that can be set once at a time. */
export class Timer {
  readonly #clock: Clock
  readonly #delayMs: number
  readonly #run: () => void
  #cancel: Cancel | undefined

  constructor(clock: Clock, delayMs: number, run: () => void) {
    this.#clock = clock
    this.#delayMs = delayMs
    this.#run = run
  }

  /** Sets it, unless it is set. */
  start(): void {
    this.#cancel ??= this.#clock.after(this.#delayMs, () => {
      this.#cancel = undefined
      this.#run()
    })
  }

  stop(): void {
    this.#cancel?.()
    this.#cancel = undefined
  }

  /** Begins its delay again. */
  restart(): void {
    this.stop()
    this.start()
  }
}

/** Calls `run` every `periodMs`, for the first time after `periodMs`. */
export function every(clock: Clock, periodMs: number, run: () => void): Cancel {
  const timer: Timer = new Timer(clock, periodMs, () => {
    timer.start()
    run()
  })
  timer.start()
  return () => timer.stop()
}

/** Waits for `promise`, but at most `limitMs`; the value is then undefined. */
export async function within<T>(
  clock: Clock,
  limitMs: number,
  promise: Promise<T>,
): Promise<T | undefined> {
  let cancel: Cancel | undefined
  const limit = new Promise<undefined>((resolve) => {
    cancel = clock.after(limitMs, () => resolve(undefined))
  })
  try {
    return await Promise.race([promise, limit])
  } finally {
    cancel?.()
  }
}

/**
 * Calls `run` after `ms` milliseconds, when everything has been read that lies in the sockets then: a
 * process that was busy runs its timers first, and only between two timers it reads.
 */
export function afterReading(clock: Clock, ms: number, run: () => void): Cancel {
  let cancel = clock.after(ms, () => {
    cancel = clock.after(0, run)
  })
  return () => cancel()
}
