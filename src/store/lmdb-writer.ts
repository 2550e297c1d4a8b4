/** Brings changes to the disk, in transactions that are over before the next statement runs. */
import type { Clock } from '../timing/clock.ts'
import type { StoreEvent } from './store-event.ts'
import { Timer } from '../timing/timer.ts'

/** Something to be written. It is asked at the last moment, so it writes what is true by then. */
export interface Change {
  /** Upper limit of what {@link write} puts, for room on the disk; 0 when it only removes. */
  readonly bytes: number
  /** Called within a transaction, and once more for each time that one fails. */
  write(): void
  /** What was written last is durable. */
  committed?(): void
}

/** Writes changes in one transaction. @throws when nothing of it was written */
export type Commit = (changes: readonly Change[]) => void

/** What a writer is given. */
export interface WriterDeps {
  readonly commit: Commit
  /** For a few changes that only remove: may draw on room that is kept back for them. */
  readonly commitRemovals: Commit
  readonly clock: Clock
  readonly emit: (event: StoreEvent) => void
}

const retryMs = 1000
/** Each may take pages of its own, so that many at once would ask for more room than they need. */
const changesAtOnce = 64
const removalsAtOnce = 16

/**
 * See the file's first line. Without a wait for the disk a transaction takes some 15 to 60 µs, which
 * is nothing beside the notifications that one read brings; a promise would leave a gap in which a
 * crash loses what has been decoded. What fails is kept and tried again until there is room.
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
    this.#retry = new Timer(deps.clock, retryMs, () => {
      this.#commit()
    })
  }

  /** False from a failed write to the next that succeeds. */
  get healthy(): boolean {
    return this.#healthy
  }

  /** Writes a change, with all that waits. */
  write(change: Change): void {
    if (this.#closed) return
    this.#due.add(change)
    if (this.#healthy) this.#commit()
  }

  /** Writes a change within the turn, with all that come until then. */
  writeSoon(change: Change): void {
    if (this.#closed) return
    this.#due.add(change)
    this.#soon.start()
  }

  /** Resolves when all that was queued so far is durable. */
  flush(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#closed) resolve()
      this.write({
        bytes: 1,
        write: () => {
          // Only its place in the queue matters.
        },
        committed: resolve,
      })
    })
  }

  /** Tries once more what is still queued, and takes no more. */
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

  /** A journal that has filled the disk must still be able to shrink. */
  #relieve(): void {
    const removals = [...this.#due].filter(({ bytes }) => bytes === 0)
    try {
      this.#write(this.#deps.commitRemovals, removals, removalsAtOnce)
    } catch {
      // They wait with the rest, whose error is reported.
    }
  }

  /** @throws at the first transaction that fails; what is in it and behind it stays due */
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
