/** Connections that wait until the sender has closed those with an error response (delivery contract, D3). */
import type { Cancel, Clock } from '../timing/clock.ts'
import type { ConnectionState } from './connection-state.ts'

interface HeldBack {
  /** Ids of reported connections that the sender has not closed. */
  readonly unfinished: Set<string>
  readonly cancel: Cancel
}

/** A resend must not overtake the overrun that it repeats; after so long it is read all the same. */
const holdBackMs = 500

/** One for each route. */
export class HeldBackConnections {
  readonly #clock: Clock
  readonly #heldBack = new Map<ConnectionState, HeldBack>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /**
   * Admits a connection once all others are finished.
   * @param unfinished their ids
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

  /** A connection is no longer waited for. */
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
