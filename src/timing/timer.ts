/** Restartable timers, periodic calls and time limits, all on a {@link Clock}. */
import type { Cancel, Clock } from '../timing/clock.ts'

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
