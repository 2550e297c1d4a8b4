/** The event log of a process with its own store: applies each event at once. */
import type { Clock } from '../timing/clock.ts'
import { EventListeners } from './event-listeners.ts'
import type { EventLog, LoggedEvent } from './store.ts'

export class LocalEventLog implements EventLog {
  readonly isShared = false
  readonly #clock: Pick<Clock, 'now'>
  readonly #listeners = new EventListeners()
  readonly #due: { readonly route: string; readonly event: unknown }[] = []
  #position = 0
  #applying = false

  constructor(clock: Pick<Clock, 'now'>) {
    this.#clock = clock
  }

  listen(route: string, apply: (event: LoggedEvent) => void): () => void {
    return this.#listeners.add(route, apply)
  }

  append(route: string, event: unknown): void {
    this.#due.push({ route, event })
    if (!this.#applying) this.#applyDue()
  }

  /** An event that a listener appends is applied after the current one. */
  #applyDue(): void {
    this.#applying = true
    try {
      for (let next = this.#due.shift(); next !== undefined; next = this.#due.shift())
        this.#apply(next.route, next.event)
    } finally {
      this.#applying = false
    }
  }

  #apply(route: string, event: unknown): void {
    const logged = { event, position: ++this.#position, atMs: this.#clock.now(), own: true }
    for (const apply of this.#listeners.of(route) ?? []) apply(logged)
  }
}
