/** The chronicle of a process that shares its store with nobody: what is appended is heard at once. */
import type { Clock } from '../clock.ts'
import type { Chronicle, Told } from './store.ts'

/** See {@link Chronicle}. */
export class LocalChronicle implements Chronicle {
  readonly #clock: Pick<Clock, 'now'>
  readonly #listeners = new Map<string, (told: Told) => void>()
  readonly #due: { readonly route: string; readonly event: unknown }[] = []
  #position = 0
  #telling = false

  constructor(clock: Pick<Clock, 'now'>) {
    this.#clock = clock
  }

  listen(route: string, hear: (told: Told) => void): void {
    this.#listeners.set(route, hear)
  }

  append(route: string, event: unknown): void {
    this.#due.push({ route, event })
    if (!this.#telling) this.#tell()
  }

  /** What is appended by who hears waits for its turn, as it would anywhere else. */
  #tell(): void {
    this.#telling = true
    try {
      for (let next = this.#due.shift(); next !== undefined; next = this.#due.shift())
        this.#listeners.get(next.route)?.({
          event: next.event,
          position: ++this.#position,
          atMs: this.#clock.now(),
          own: true,
        })
    } finally {
      this.#telling = false
    }
  }
}
