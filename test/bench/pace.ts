/** Does something at an even rate. */
import { setTimeout as pause } from 'node:timers/promises'

/** A timer that is late is made up for at once, so the rate holds. */
export async function pace(
  perSecond: number,
  count: number,
  act: (n: number) => void,
): Promise<void> {
  const startMs = performance.now()
  for (let n = 0; n < count;) {
    const due = Math.min(count, Math.floor(((performance.now() - startMs) / 1000) * perSecond))
    while (n < due) act(n++)
    await pause(1)
  }
}
