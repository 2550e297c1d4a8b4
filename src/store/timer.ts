/** Timers that are set again and again, and limits to waiting: on a {@link Clock}, for whoever has one. */
import type { Cancel, Clock } from '../clock.ts'

/** One timer, which is either set or not. */
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

/** Calls `run` every `periodMs`, the first time after that. */
export function every(clock: Clock, periodMs: number, run: () => void): Cancel {
  const timer: Timer = new Timer(clock, periodMs, () => {
    timer.start()
    run()
  })
  timer.start()
  return () => {
    timer.stop()
  }
}

/** Waits for `promise`, but not longer than `limitMs`: then the value is undefined. */
export async function within<T>(
  clock: Clock,
  limitMs: number,
  promise: Promise<T>,
): Promise<T | undefined> {
  let timer: Timer | undefined
  const limit = new Promise<undefined>((resolve) => {
    timer = new Timer(clock, limitMs, () => {
      resolve(undefined)
    })
    timer.start()
  })
  try {
    return await Promise.race([promise, limit])
  } finally {
    timer?.stop()
  }
}
