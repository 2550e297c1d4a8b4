/** Applies events in this process to the listeners of their routes, one event after another. */
import type { LoggedEvent } from './store.ts'

type Apply = (event: LoggedEvent) => void

export interface RoutedEvent {
  readonly route: string
  readonly logged: LoggedEvent
}

export class EventLogListeners {
  /** A route that was removed and put back has two listeners until the former has left. */
  readonly #byRoute = new Map<string, Set<Apply>>()
  readonly #due: RoutedEvent[] = []
  #isApplying = false

  /** @returns ends it */
  add(route: string, apply: Apply): () => void {
    const listeners = this.#byRoute.get(route) ?? new Set()
    this.#byRoute.set(route, listeners.add(apply))
    return () => listeners.delete(apply)
  }

  has(route: string): boolean {
    return (this.#byRoute.get(route)?.size ?? 0) > 0
  }

  /** An event that a listener appends is applied after the current one. */
  apply(event: RoutedEvent): void {
    this.#due.push(event)
    if (this.#isApplying) return
    this.#isApplying = true
    for (let next = this.#due.shift(); next !== undefined; next = this.#due.shift())
      for (const apply of this.#byRoute.get(next.route) ?? []) applySafely(apply, next.logged)
    this.#isApplying = false
  }
}

/** A defect of one listener must not cost the others their events. */
function applySafely(apply: Apply, event: LoggedEvent): void {
  try {
    apply(event)
  } catch (error) {
    setImmediate(() => {
      throw error
    })
  }
}
