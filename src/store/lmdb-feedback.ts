/** The feedback lists: kept in memory, and in LMDB for the next process. */
import { setImmediate } from 'node:timers/promises'
import type { FeedbackTuple } from '../binary/feedback-tuple.ts'
import { checkFeedbackEntry } from './feedback-entry.ts'
import type { Writer } from './lmdb-writer.ts'
import type { FeedbackHold, FeedbackStore } from './store.ts'

/** Timestamps under route and token. Writes take part in a transaction of the writer. */
export interface FeedbackTable {
  getRange(): Iterable<{ readonly key: FeedbackKey; readonly value: Buffer }>
  put(key: FeedbackKey, value: Buffer): unknown
  remove(key: FeedbackKey): unknown
}

/** The route's name and the token in hexadecimal. */
export type FeedbackKey = [route: string, token: string]

const forgottenAtOnce = 500

/** See {@link FeedbackStore}. */
export class LmdbFeedback implements FeedbackStore {
  readonly #table: FeedbackTable
  readonly #writer: Pick<Writer, 'writeSoon'>
  readonly #routes = new Map<string, Map<string, number>>()
  /** What is with a reader just now, by route. */
  readonly #held = new Map<string, Set<string>>()

  /** @throws {RangeError} when an entry on the disk cannot be read */
  constructor(table: FeedbackTable, writer: Pick<Writer, 'writeSoon'>) {
    this.#table = table
    this.#writer = writer
    for (const { key, value } of table.getRange()) this.#keep(...key, value.readUInt32LE(0))
  }

  add(route: string, token: string, timestamp: number): void {
    checkFeedbackEntry(route, timestamp)
    const known = this.#routes.get(route)?.get(token)
    if (known !== undefined && known >= timestamp) return
    this.#keep(route, token, timestamp)
    this.#save(route, token)
  }

  drop(route: string, token: string): void {
    const tokens = this.#routes.get(route)
    if (tokens === undefined || !tokens.delete(token)) return
    if (tokens.size === 0) this.#routes.delete(route)
    this.#save(route, token)
  }

  hold(route: string): Promise<FeedbackHold> {
    const held = this.#held.get(route) ?? new Set<string>()
    this.#held.set(route, held)
    const names: string[] = []
    const tuples: FeedbackTuple[] = []
    for (const [token, timestamp] of this.#routes.get(route) ?? []) {
      const name = `${timestamp} ${token}`
      if (held.has(name)) continue
      held.add(name)
      names.push(name)
      tuples.push({ timestamp, token: Buffer.from(token, 'hex') })
    }
    const release = (): void => {
      for (const name of names) held.delete(name)
    }
    const forget = async (): Promise<void> => {
      await this.#forget(route, tuples)
      release()
    }
    return Promise.resolve({ tuples, forget, release })
  }

  count(route: string): number {
    return this.#routes.get(route)?.size ?? 0
  }

  /** A few at a time: a long list must not hold up all that the process has to do. */
  async #forget(route: string, tuples: readonly FeedbackTuple[]): Promise<void> {
    for (let first = 0; first < tuples.length; first += forgottenAtOnce) {
      if (first > 0) await setImmediate()
      for (const { token, timestamp } of tuples.slice(first, first + forgottenAtOnce)) {
        const hex = token.toString('hex')
        if (this.#routes.get(route)?.get(hex) === timestamp) this.drop(route, hex)
      }
    }
  }

  #keep(route: string, token: string, timestamp: number): void {
    const tokens = this.#routes.get(route)
    if (tokens === undefined) this.#routes.set(route, new Map([[token, timestamp]]))
    else tokens.set(token, timestamp)
  }

  /** Writes whatever is true of the token when the transaction comes. */
  #save(route: string, token: string): void {
    this.#writer.writeSoon({
      bytes: 4,
      write: () => {
        const timestamp = this.#routes.get(route)?.get(token)
        if (timestamp === undefined) this.#table.remove([route, token])
        else this.#table.put([route, token], encodeTimestamp(timestamp))
      },
      committed: () => {
        // Memory has been right all along.
      },
    })
  }
}

function encodeTimestamp(timestamp: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(timestamp)
  return bytes
}
