/** Connections that wait until their sender has closed the ones with an error response (D3). */
import type { Cancel, Clock } from '../timing/clock.ts'
import type { ConnectionState } from './connection-state.ts'

interface HeldBack {
  /** Ids of reported connections that the sender has not closed. */
  readonly unfinished: Set<string>
  readonly cancel: Cancel
}

/** A resend must not overtake the overrun that it repeats. The wait has this limit, ms. */
const holdBackMs = 500

/** One for each route. */
export class HeldBackConnections {
  readonly #clock: Clock
  readonly #heldBack = new Map<ConnectionState, HeldBack>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /**
   * Admits a connection as soon as the others are finished, or at once if there are none.
   * @param unfinished ids of connections that the sender has not closed
   */
  add(connection: ConnectionState, unfinished: readonly string[]): void {
    if (unfinished.length === 0) {
      this.#admit(connection)
      return
    }
    const cancel = this.#clock.after(holdBackMs, () => {
      this.#admit(connection)
    })
    this.#heldBack.set(connection, { unfinished: new Set(unfinished), cancel })
  }

  /** The sender has closed a reported connection, or its report was withdrawn. */
  finished(id: string): void {
    for (const [connection, { unfinished }] of this.#heldBack)
      if (unfinished.delete(id) && unfinished.size === 0) this.#admit(connection)
  }

  #admit(connection: ConnectionState): void {
    this.#heldBack.get(connection)?.cancel()
    this.#heldBack.delete(connection)
    connection.isAdmitted = true
    connection.owner.attend()
  }
}
