/** Keeps the feedback lists in memory, and in LMDB for the next process. */
import { setImmediate } from 'node:timers/promises'
import { checkFeedbackEntry, FeedbackLists, tuplesOf, type FeedbackEntry } from './feedback.ts'
import type { Writer } from './lmdb-writer.ts'
import type { FeedbackHold, FeedbackStore } from './store.ts'

/** Timestamps by route and token. Writes happen in a transaction of the writer. */
export interface FeedbackTable {
  getRange(): Iterable<{ readonly key: FeedbackKey; readonly value: Buffer }>
  put(key: FeedbackKey, value: Buffer): unknown
  remove(key: FeedbackKey): unknown
}

/** The route's name and the token in hexadecimal. */
export type FeedbackKey = [route: string, token: string]

const forgottenAtOnce = 500

export class LmdbFeedback implements FeedbackStore {
  readonly #table: FeedbackTable
  readonly #writer: Pick<Writer, 'writeSoon'>
  readonly #lists = new FeedbackLists()
  /** Entries that a reader has. */
  readonly #held = new Set<FeedbackEntry>()

  /** @throws {RangeError} if an entry on the disk is malformed */
  constructor(table: FeedbackTable, writer: Pick<Writer, 'writeSoon'>) {
    this.#table = table
    this.#writer = writer
    for (const { key, value } of table.getRange()) this.#lists.add(...key, value.readUInt32LE(0))
  }

  add(route: string, token: string, timestamp: number): void {
    checkFeedbackEntry(route, timestamp)
    if (this.#lists.add(route, token, timestamp)) this.#save(route, token)
  }

  drop(route: string, token: string): void {
    if (this.#lists.delete(route, token)) this.#save(route, token)
  }

  hold(route: string): Promise<FeedbackHold> {
    const entries = this.#lists.entries(route).filter((entry) => !this.#held.has(entry))
    for (const entry of entries) this.#held.add(entry)
    const release = (): void => {
      for (const entry of entries) this.#held.delete(entry)
    }
    const forget = async (): Promise<void> => {
      await this.#forget(route, entries)
      release()
    }
    return Promise.resolve({ tuples: tuplesOf(entries), forget, release })
  }

  count(route: string): number {
    return this.#lists.count(route)
  }

  /** Removes a few entries at a time, so that a long list does not block the event loop. */
  async #forget(route: string, entries: readonly FeedbackEntry[]): Promise<void> {
    for (let first = 0; first < entries.length; first += forgottenAtOnce) {
      if (first > 0) await setImmediate()
      for (const { token, timestamp } of entries.slice(first, first + forgottenAtOnce))
        if (this.#lists.timestampOf(route, token) === timestamp) this.drop(route, token)
    }
  }

  /** Writes the state that the token has when the transaction runs. */
  #save(route: string, token: string): void {
    this.#writer.writeSoon({
      bytes: 4,
      write: () => {
        const timestamp = this.#lists.timestampOf(route, token)
        const bytes = Buffer.alloc(4)
        bytes.writeUInt32LE(timestamp ?? 0)
        if (timestamp === undefined) this.#table.remove([route, token])
        else this.#table.put([route, token], bytes)
      },
    })
  }
}
