/** Time as an argument: the one place that reads the system's clock and sets its timers. */

/** Takes back what {@link Clock.after} promised; harmless once it has run. */
export type Cancel = () => void

/** Tells the time and calls back later. Tests pass one that they wind by hand. */
export interface Clock {
  /** Milliseconds since the UNIX epoch. */
  now(): number
  /** Calls `run` once, `ms` milliseconds from now. */
  after(ms: number, run: () => void): Cancel
}

/** The clock on the wall. Its timers do not keep the process alive: sockets do that. */
export const systemClock: Clock = wallClock({ keepsAlive: false })

/** For a process that nothing else keeps alive until its timers run. */
export const wakefulClock: Clock = wallClock({ keepsAlive: true })

function wallClock({ keepsAlive }: { readonly keepsAlive: boolean }): Clock {
  return {
    now: () => Date.now(),
    after(ms, run) {
      const timer = setTimeout(run, ms)
      if (!keepsAlive) timer.unref()
      return () => clearTimeout(timer)
    },
  }
}
