/** What the proxy keeps over a restart, as interfaces: nothing here says how it is kept. */
import type { FeedbackTuple } from '../binary/feedback-tuple.ts'
import type { Notification } from '../binary/notification.ts'

/** A notification that the gateway owns. */
export interface JournalRecord {
  /** UUID that it bears in every attempt; ASCII, 255 bytes at most. */
  readonly apnsId: string
  /** When its bytes arrived, ms since the epoch. */
  readonly receivedAtMs: number
  readonly notification: Notification
}

/** What one {@link Journal.put} took. */
export interface JournalBatch {
  /** The record at `index` of what was put is settled; saying so again changes nothing. */
  settled(index: number): void
}

/** A record that another process, which is gone, left unsettled. */
export interface RecoveredRecord {
  readonly route: string
  readonly record: JournalRecord
  readonly settled: () => void
}

/** Owned, unsettled notifications, kept so that they outlive the process. */
export interface Journal {
  /** Takes what one read brought, as one entry; returns at once, durable a moment later. */
  put(route: string, records: readonly JournalRecord[]): JournalBatch
  /** Records put, or left by an earlier process, and not settled. */
  readonly unsettled: number
  /**
   * False while writing fails, as on a full disk: whoever reads from senders must stop. What was
   * put is kept in memory and written when there is room.
   */
  readonly healthy: boolean
  /** What an earlier process left unsettled, oldest first; once, before the first put. */
  recover(): Iterable<RecoveredRecord>
  /** Hears, from now on, what other processes leave that end while this one runs. */
  claimed(hear: (record: RecoveredRecord) => void): void
  /** Resolves when all puts and settlements so far are durable. */
  flush(): Promise<void>
}

/** Tokens that APNs has called unregistered, until a sender has read of them. */
export interface FeedbackStore {
  /**
   * The latest timestamp of a token wins.
   * @param route its name, 255 bytes at most
   * @param token hexadecimal
   * @param timestamp UNIX seconds, a uint32
   * @throws {RangeError} for milliseconds and other impossible values
   */
  add(route: string, token: string, timestamp: number): void
  /** The token was delivered to again. Called for every delivery: free while a route has no entries. */
  drop(route: string, token: string): void
  /**
   * Takes all entries of a route that no other reader has, in whatever process, the oldest entry
   * first. None where the store cannot be reached.
   */
  hold(route: string): Promise<FeedbackHold>
  /** How many entries a route has, with those that are held. */
  count(route: string): number
}

/** Entries of a feedback list in the hands of one reader; it ends with one of the two verbs. */
export interface FeedbackHold {
  readonly tuples: readonly FeedbackTuple[]
  /** They have been read: removes them, but for tokens that have a later timestamp by now. */
  forget(): Promise<void>
  /** They have not: the next reader is given them. */
  release(): void
}

/** Events in one order for all processes that share a store. */
export interface EventLog {
  /**
   * Applies every event of a route in order, the own ones too; set before its first append. Each
   * listener of a route applies all that is appended while it listens, as if it were a process.
   * @returns ends it
   */
  listen(route: string, apply: (event: LoggedEvent) => void): () => void
  /**
   * Appends an event, which all processes apply in its turn. One process with a store of its own
   * applies it before this returns, unless it is applying another just then.
   * @param event plain JSON
   */
  append(route: string, event: unknown): void
}

/** One event, as it is applied. */
export interface LoggedEvent {
  readonly event: unknown
  /** Rises with every event of a route; the same for all processes. */
  readonly position: number
  /** When it was appended, ms of this process's clock. */
  readonly atMs: number
  /** Whether this process appended it. */
  readonly own: boolean
}

/** A provider token, and when it was issued, ms since the epoch; a secret. */
export interface StoredToken {
  readonly jwt: string
  readonly issuedAtMs: number
}

/** Keeps the provider token of each signing key for all processes. */
export interface TokenStore {
  /**
   * @param name of the key
   * @returns what was issued after `sinceMs` and kept, or else `own`, which is kept; that too where
   * the store cannot be reached
   */
  agree(name: string, own: StoredToken, sinceMs: number): Promise<StoredToken>
}

/** All that is kept. */
export interface Store {
  readonly journal: Journal
  readonly feedback: FeedbackStore
  readonly eventLog: EventLog
  /** Only where other processes send with the same keys. */
  readonly tokens?: TokenStore
  /** Whether what is written arrives. While it does not, {@link Journal.healthy} says how long. */
  readonly isReachable: boolean
  /** What it takes on the disk; undefined where it is not on this machine's. */
  readonly bytes: number | undefined
  /** Writes what is not written yet, if that is possible, and lets go; later calls do nothing. */
  close(): Promise<void>
}

/** What is wrong with a data directory, and what to do about it. */
const explanations = {
  'in-use':
    'is in use by another proxy; stop that one, or choose another dataDirectory (without --config: --data-directory)',
  'not-a-directory': 'is not a directory; remove that file, or choose another dataDirectory',
  'no-permission': 'may not be written by this user; change its owner, or choose another',
  'no-room': 'is on a full disk; make room, or choose another dataDirectory',
  foreign:
    'holds a data.mdb that this proxy did not write; move it away, or choose another dataDirectory',
  newer: 'was written by a newer version; run that one, or choose another dataDirectory',
  damaged:
    'holds a damaged data.mdb; restore it from a backup, or move it away and lose what was unsettled',
  unusable: 'cannot be used; choose another dataDirectory',
} as const

/** The store cannot be opened, and nothing in its directory was changed. Radius: the process. */
export class StoreError extends Error {
  override readonly name = 'StoreError'
  readonly code: keyof typeof explanations
  readonly directory: string

  /** @param detail what exactly was found, where that helps */
  constructor(code: StoreError['code'], directory: string, detail?: string) {
    const found = detail === undefined ? '' : ` (${detail})`
    super(`The data directory ${directory} ${explanations[code]}${found}`)
    this.code = code
    this.directory = directory
  }
}
