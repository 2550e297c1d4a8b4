/** Who applies the events of each route in this process. */
import type { LoggedEvent } from './store.ts'

type Apply = (event: LoggedEvent) => void

/** A route that was removed and put back has two listeners until the former has left. */
export class EventListeners {
  readonly #byRoute = new Map<string, Set<Apply>>()

  /** @returns ends it */
  add(route: string, apply: Apply): () => void {
    const listeners = this.#byRoute.get(route) ?? new Set()
    this.#byRoute.set(route, listeners.add(apply))
    return () => {
      listeners.delete(apply)
      if (listeners.size === 0 && this.#byRoute.get(route) === listeners)
        this.#byRoute.delete(route)
    }
  }

  /** Undefined where nobody listens. */
  of(route: string): Iterable<Apply> | undefined {
    return this.#byRoute.get(route)
  }
}
