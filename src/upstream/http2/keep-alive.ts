/** Judges once in a while whether the peer is still there; no socket, no clock. */
import type { SessionTimes } from '../session.ts'

/** `wait`: too early to say. `quiet`: send a PING. `gone`: give the peer up. */
export type Verdict = 'wait' | 'present' | 'quiet' | 'gone'

/** All times are milliseconds since the epoch. */
export class KeepAlive {
  readonly #times: SessionTimes
  readonly #tickMs: number
  /** When the peer last sent anything. */
  heardAtMs: number
  /** When a PING was sent that the peer has not answered. */
  pingSentAtMs: number | undefined
  #judgedAtMs: number
  #passedOver = false

  /** @param tickMs the interval of {@link judge} */
  constructor(times: SessionTimes, tickMs: number, nowMs: number) {
    this.#times = times
    this.#tickMs = tickMs
    this.heardAtMs = this.#judgedAtMs = nowMs
  }

  /** @param connectingSinceMs undefined once the peer has sent its SETTINGS */
  judge(nowMs: number, connectingSinceMs: number | undefined): Verdict {
    if (this.#passOver(nowMs)) return 'wait'
    const { connectTimeoutMs, pingTimeoutMs, pingIntervalMs } = this.#times
    if (connectingSinceMs !== undefined)
      return nowMs - connectingSinceMs >= connectTimeoutMs ? 'gone' : 'wait'
    if (this.pingSentAtMs !== undefined)
      return nowMs - this.pingSentAtMs >= pingTimeoutMs ? 'gone' : 'wait'
    return nowMs - this.heardAtMs >= pingIntervalMs ? 'quiet' : 'present'
  }

  /**
   * Passes over a tick that comes late: this process was busy, and the answers that lie unread are
   * read before the next tick. Never two in a row, so that a process that is always busy still judges.
   */
  #passOver(nowMs: number): boolean {
    const isLate = nowMs - this.#judgedAtMs > 2 * this.#tickMs
    this.#judgedAtMs = nowMs
    this.#passedOver = isLate && !this.#passedOver
    return this.#passedOver
  }
}
