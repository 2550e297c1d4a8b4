/** Brings changes to the disk: one transaction at a time, each as soon as the one before is done. */
import type { Cancel, Clock } from '../clock.ts'
import type { StoreObserver } from './store.ts'

/** Something to be written. It is asked at the last moment, so it writes what is true by then. */
export interface Change {
  /** Upper limit of what {@link write} puts, for room on the disk. */
  readonly bytes: number
  /** Called within a transaction, and once more for each time that one fails. */
  write(): void
  /** What was written last is durable. */
  committed(): void
}

/** Writes changes in one transaction; rejects when nothing of it was written. */
export type Commit = (changes: readonly Change[]) => Promise<void>

/** What a writer is given. */
export interface WriterDeps {
  readonly commit: Commit
  readonly clock: Clock
  readonly observer: StoreObserver
}

const retryMs = 1000

/** See the file's first line. What fails is kept and tried again until there is room. */
export class Writer {
  readonly #deps: WriterDeps
  #due: Change[] = []
  #underWay: Promise<void> | undefined
  #cancelRetry: Cancel | undefined
  #healthy = true
  #closed: Promise<void> | undefined

  constructor(deps: WriterDeps) {
    this.#deps = deps
  }

  /** False from a failed write to the next that succeeds. */
  get healthy(): boolean {
    return this.#healthy
  }

  /** Queues a change; it is written within the turn, with all that come until then. */
  write(change: Change): void {
    if (this.#closed !== undefined) return
    this.#due.push(change)
    if (this.#healthy) this.#wake()
  }

  /** Resolves when all that was queued so far is durable. */
  flush(): Promise<void> {
    if (this.#closed !== undefined) return this.#closed
    return new Promise((resolve) => {
      this.write({
        bytes: 0,
        write: () => {
          // Only its place in the queue matters.
        },
        committed: resolve,
      })
    })
  }

  /** Tries once more what is still queued, and takes no more. */
  close(): Promise<void> {
    this.#cancelRetry?.()
    this.#closed ??= Promise.resolve(this.#underWay).then(() => this.#commit())
    return this.#closed
  }

  #wake(): void {
    this.#underWay ??= new Promise<void>((resolve) => {
      setImmediate(() => {
        void this.#commit().then(resolve)
      })
    }).then(() => {
      this.#underWay = undefined
      if (this.#due.length > 0 && this.#healthy && this.#closed === undefined) this.#wake()
    })
  }

  async #commit(): Promise<void> {
    const changes = this.#due
    if (changes.length === 0) return
    this.#due = []
    try {
      await this.#deps.commit(changes)
    } catch (error) {
      this.#due = [...changes, ...this.#due]
      this.#fail(error instanceof Error ? error : new Error(String(error)))
      return
    }
    for (const change of changes) change.committed()
    if (this.#healthy) return
    this.#healthy = true
    this.#deps.observer.writeRecovered()
  }

  #fail(error: Error): void {
    const { clock, observer } = this.#deps
    if (this.#closed === undefined)
      this.#cancelRetry = clock.after(retryMs, () => {
        this.#wake()
      })
    if (!this.#healthy) return
    this.#healthy = false
    observer.writeFailed(error)
  }
}
