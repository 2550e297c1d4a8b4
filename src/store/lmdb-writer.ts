/** Writes changes to LMDB in synchronous transactions, and retries those that fail. */
import type { Clock } from '../timing/clock.ts'
import type { StoreEvent } from './store-event.ts'
import { Timer } from '../timing/timer.ts'

/** A change to write. `write` runs inside the transaction, so it writes the state of that moment. */
export interface Change {
  /** Upper limit of the bytes that {@link write} puts; 0 if it only removes. */
  readonly bytes: number
  /** Called inside a transaction, and again each time one fails. */
  write(): void
  /** The last written state is durable. */
  committed?(): void
}

/** Writes changes in one transaction. @throws if it wrote none of them */
export type Commit = (changes: readonly Change[]) => void

export interface WriterDeps {
  readonly commit: Commit
  /** For a few changes that only remove: may use the reserved room. */
  readonly commitRemovals: Commit
  readonly clock: Clock
  readonly emit: (event: StoreEvent) => void
}

const retryMs = 1000
/** Each change may copy its own pages, so one transaction of many would claim too much room. */
const changesAtOnce = 64
const removalsAtOnce = 16

/**
 * Because no transaction waits for the disk, each takes 15 to 60 µs, little compared with the
 * notifications of one read. With asynchronous writes, a crash could lose decoded notifications.
 */
export class Writer {
  readonly #deps: WriterDeps
  readonly #due = new Set<Change>()
  readonly #soon: Timer
  readonly #retry: Timer
  #healthy = true
  #closed = false

  constructor(deps: WriterDeps) {
    this.#deps = deps
    this.#soon = new Timer(deps.clock, 0, () => {
      if (this.#healthy) this.#commit()
    })
    this.#retry = new Timer(deps.clock, retryMs, () => this.#commit())
  }

  /** False from a failed write to the next that succeeds. */
  get healthy(): boolean {
    return this.#healthy
  }

  /** Writes a change now, with all queued ones. */
  write(change: Change): void {
    if (this.#closed) return
    this.#due.add(change)
    if (this.#healthy) this.#commit()
  }

  /** Writes a change at the end of this turn of the event loop, together with other changes. */
  writeSoon(change: Change): void {
    if (this.#closed) return
    this.#due.add(change)
    this.#soon.start()
  }

  /** Resolves when all changes queued so far are durable. */
  flush(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#closed) resolve()
      this.write({
        bytes: 1,
        // Only its place in the queue matters.
        write: () => undefined,
        committed: resolve,
      })
    })
  }

  /** Tries the queued changes a last time, and accepts no more. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#soon.stop()
    this.#retry.stop()
    this.#commit()
  }

  #commit(): void {
    if (this.#due.size === 0) return
    try {
      this.#write(this.#deps.commit, [...this.#due], changesAtOnce)
    } catch (error) {
      this.#relieve()
      if (this.#due.size > 0) {
        this.#fail(error instanceof Error ? error : new Error(String(error)))
        return
      }
    }
    if (this.#healthy) return
    this.#healthy = true
    this.#deps.emit({ event: 'journal.recovered-writing' })
  }

  /** Writes removals alone: a journal that has filled the disk must be able to shrink. */
  #relieve(): void {
    const removals = [...this.#due].filter(({ bytes }) => bytes === 0)
    try {
      this.#write(this.#deps.commitRemovals, removals, removalsAtOnce)
    } catch {
      // The removals stay queued with the other changes, whose error is reported.
    }
  }

  /** @throws at the first transaction that fails; its changes and later ones stay queued */
  #write(commit: Commit, changes: readonly Change[], atOnce: number): void {
    for (let at = 0; at < changes.length; at += atOnce) {
      const some = changes.slice(at, at + atOnce)
      commit(some)
      for (const change of some) this.#due.delete(change)
      for (const change of some) change.committed?.()
    }
  }

  #fail(error: Error): void {
    if (!this.#closed) this.#retry.start()
    if (!this.#healthy) return
    this.#healthy = false
    this.#deps.emit({ event: 'journal.failed', error })
  }
}
