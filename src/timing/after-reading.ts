/** A timer that lets the sockets be read first. */
import type { Cancel, Clock } from './clock.ts'

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
