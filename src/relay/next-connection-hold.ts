/** Connections that wait until their sender has closed the ones with an error response (D3). */
import { afterReading } from '../timing/timer.ts'
import type { Cancel, Clock } from '../timing/clock.ts'
import type { ConnectionState } from './connection-state.ts'

interface Waiting {
  /** Ids of reported connections that the sender has not closed. */
  readonly unfinished: Set<string>
  readonly sinceMs: number
  cancel: Cancel | undefined
}

/** A sender that has written nothing on a reported connection for this long has finished there, ms. */
const quietMs = 500
/** The longest that a connection waits, ms. */
const mostMs = 10_000

/** One for each route. */
export class NextConnectionHold {
  readonly #clock: Clock
  readonly #lastArrivedAtMs: (id: string) => number
  readonly #waiting = new Map<ConnectionState, Waiting>()

  /** @param lastArrivedAtMs when the last notification arrived on a reported connection */
  constructor(clock: Clock, lastArrivedAtMs: (id: string) => number) {
    this.#clock = clock
    this.#lastArrivedAtMs = lastArrivedAtMs
  }

  /**
   * Admits a connection as soon as the others are finished, or at once if there are none. A resend
   * must not overtake the notification that it repeats.
   * @param unfinished ids of connections that the sender has not closed
   */
  add(connection: ConnectionState, unfinished: readonly string[]): void {
    if (unfinished.length === 0) {
      this.#admit(connection)
      return
    }
    const sinceMs = this.#clock.now()
    const waiting = { unfinished: new Set(unfinished), sinceMs, cancel: undefined }
    this.#waiting.set(connection, waiting)
    this.#wait(connection, waiting, quietMs)
  }

  /** The sender has closed a reported connection, or its report was withdrawn. */
  finished(id: string): void {
    for (const [connection, { unfinished }] of this.#waiting)
      if (unfinished.delete(id) && unfinished.size === 0) this.#admit(connection)
  }

  #wait(connection: ConnectionState, waiting: Waiting, ms: number): void {
    waiting.cancel = afterReading(this.#clock, ms, () => this.#admitWhenQuiet(connection, waiting))
  }

  #admitWhenQuiet(connection: ConnectionState, waiting: Waiting): void {
    const lastArrivedAtMs = Math.max(...[...waiting.unfinished].map(this.#lastArrivedAtMs))
    const atMs = Math.min(lastArrivedAtMs + quietMs, waiting.sinceMs + mostMs)
    const leftMs = atMs - this.#clock.now()
    if (leftMs > 0) this.#wait(connection, waiting, leftMs)
    else this.#admit(connection)
  }

  #admit(connection: ConnectionState): void {
    this.#waiting.get(connection)?.cancel?.()
    this.#waiting.delete(connection)
    connection.isAdmitted = true
    connection.owner.attend()
  }
}
