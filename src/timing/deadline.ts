/** Limits the time to wait for a promise. */
import type { Cancel, Clock } from '../clock.ts'

/**
 * Settles like `promise`, or after `ms` milliseconds with the result of `late`, which may throw.
 * Cancels its timer, but not `promise`.
 */
export async function within<T>(
  clock: Clock,
  ms: number,
  promise: Promise<T>,
  late: () => T,
): Promise<T> {
  let cancel: Cancel | undefined
  const timeIsUp = new Promise<void>((resolve) => {
    cancel = clock.after(ms, resolve)
  })
  try {
    return await Promise.race([promise, timeIsUp.then(late)])
  } finally {
    cancel?.()
  }
}
