/** Bounds the time that a promise may take. */
import type { Cancel, Clock } from '../clock.ts'

/**
 * Settles like `promise`, or after `ms` milliseconds with what `late` returns or throws. Leaves no
 * timer behind; `promise` is not cancelled.
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
