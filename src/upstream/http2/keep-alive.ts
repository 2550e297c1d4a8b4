/** Decides at each tick whether the peer is still alive; no socket, no clock. */
import type { SessionTimes } from '../session.ts'

/** `wait`: no decision yet. `quiet`: send a PING. `gone`: close the session. */
export type Verdict = 'wait' | 'present' | 'quiet' | 'gone'

/** All times are milliseconds since the epoch. */
export class KeepAlive {
  readonly #times: SessionTimes
  readonly #tickMs: number
  /** Time of the last received bytes. */
  receivedAtMs: number
  /** Time of an unanswered PING. */
  pingSentAtMs: number | undefined
  #checkedAtMs: number
  #skipped = false

  /** @param tickMs the interval of {@link check} */
  constructor(times: SessionTimes, tickMs: number, nowMs: number) {
    this.#times = times
    this.#tickMs = tickMs
    this.receivedAtMs = this.#checkedAtMs = nowMs
  }

  /** @param connectingSinceMs undefined once the peer has sent its SETTINGS */
  check(nowMs: number, connectingSinceMs: number | undefined): Verdict {
    if (this.#skip(nowMs)) return 'wait'
    const { connectTimeoutMs, pingTimeoutMs, pingIntervalMs } = this.#times
    if (connectingSinceMs !== undefined)
      return nowMs - connectingSinceMs >= connectTimeoutMs ? 'gone' : 'wait'
    if (this.pingSentAtMs !== undefined)
      return nowMs - this.pingSentAtMs >= pingTimeoutMs ? 'gone' : 'wait'
    return nowMs - this.receivedAtMs >= pingIntervalMs ? 'quiet' : 'present'
  }

  /**
   * Skips a late tick: this process was busy, and reads received answers before the next tick.
   * Never skips two ticks in a row, so that a process that is always busy still closes dead
   * sessions.
   */
  #skip(nowMs: number): boolean {
    const isLate = nowMs - this.#checkedAtMs > 2 * this.#tickMs
    this.#checkedAtMs = nowMs
    this.#skipped = isLate && !this.#skipped
    return this.#skipped
  }
}
