/** The event log of a process with its own store: applies each event at once. */
import type { Clock } from '../timing/clock.ts'
import { EventLogListeners } from './event-log-listeners.ts'
import type { EventLog, LoggedEvent } from './store.ts'

export class LocalEventLog implements EventLog {
  readonly isShared = false
  readonly #clock: Pick<Clock, 'now'>
  readonly #listeners = new EventLogListeners()
  #position = 0

  constructor(clock: Pick<Clock, 'now'>) {
    this.#clock = clock
  }

  listen(route: string, apply: (event: LoggedEvent) => void): () => void {
    return this.#listeners.add(route, apply)
  }

  append(route: string, event: unknown): void {
    const logged = { event, position: ++this.#position, atMs: this.#clock.now(), own: true }
    this.#listeners.apply({ route, logged })
  }
}
