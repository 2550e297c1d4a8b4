/** The interfaces of a store: what the proxy keeps over a restart. */
import type { FeedbackTuple } from '../binary/feedback-tuple.ts'
import type { Notification } from '../binary/notification.ts'

/** A notification that the proxy owns. */
export interface JournalRecord {
  /** UUID, the same in every attempt; ASCII, 255 bytes at most. */
  readonly apnsId: string
  /** Time of arrival, ms since the epoch. */
  readonly receivedAtMs: number
  readonly notification: Notification
}

/** The records of one {@link Journal.put}. */
export interface JournalBatch {
  /** Marks the record at `index` as settled. A second call has no effect. */
  settled(index: number): void
}

/** A record that an earlier or dead process left unsettled. */
export interface RecoveredRecord {
  readonly route: string
  readonly record: JournalRecord
  readonly settled: () => void
}

/** Owned, unsettled notifications, which outlive the process. */
export interface Journal {
  /** Adds the notifications of one read, as one entry. Returns at once; {@link flush} waits. */
  put(route: string, records: readonly JournalRecord[]): JournalBatch
  /** Unsettled records, including those of earlier processes. */
  readonly unsettled: number
  /**
   * False while writing fails, for example on a full disk: the gateway must then stop reading from
   * senders. The journal keeps its records in memory and writes them when it can.
   */
  readonly healthy: boolean
  /** The records that an earlier process left unsettled, oldest first. Call once, before `put`. */
  recover(): Iterable<RecoveredRecord>
  /** Receives from now on the records of other processes that die while this one runs. */
  claimed(receive: (record: RecoveredRecord) => void): void
  /** Resolves when all puts and settlements so far are durable. */
  flush(): Promise<void>
}

/** Tokens that APNs has reported as unregistered, until a sender has read them. */
export interface FeedbackStore {
  /**
   * Keeps the latest timestamp of a token.
   * @param route its name, 255 bytes at most
   * @param token hexadecimal
   * @param timestamp UNIX seconds, a uint32
   * @throws {RangeError} for milliseconds and other impossible values
   */
  add(route: string, token: string, timestamp: number): void
  /** Removes a token after a delivery to it. Called for every delivery; cheap without an entry. */
  drop(route: string, token: string): void
  /**
   * Takes all entries of a route that no other reader has, in any process, oldest first. Takes none
   * if the store is unreachable.
   */
  hold(route: string): Promise<FeedbackHold>
  /** The number of entries of a route, including held ones. */
  count(route: string): number
}

/** The entries of a feedback list that one reader has. End it with `forget` or `release`. */
export interface FeedbackHold {
  readonly tuples: readonly FeedbackTuple[]
  /** The sender has read the entries: removes them, except tokens with a later timestamp. */
  forget(): Promise<void>
  /** The sender has not read the entries: the next reader gets them. */
  release(): void
}

/** Events in one order for all processes that share a store. */
export interface EventLog {
  /** Whether other processes apply the events too. */
  readonly isShared: boolean
  /**
   * Applies every event of a route in order, including own ones. Call before its first `append`. Each
   * listener of a route applies what is appended while it listens, as if it were a process.
   * @returns ends it
   */
  listen(route: string, apply: (event: LoggedEvent) => void): () => void
  /**
   * Appends an event, which all processes apply in order. A process with its own store applies it
   * before this returns, unless it is applying another one.
   * @param event plain JSON
   */
  append(route: string, event: unknown): void
}

export interface LoggedEvent {
  readonly event: unknown
  /** Increases with every event of a route; the same in all processes. */
  readonly position: number
  /** Time of the append, ms on the clock of this process. */
  readonly atMs: number
  /** Whether this process appended it. */
  readonly own: boolean
}

export interface StoredToken {
  /** A provider token; a secret. */
  readonly jwt: string
  /** Ms since the epoch. */
  readonly issuedAtMs: number
}

/** Shares the provider token of each signing key among all processes. */
export interface ProviderTokenStore {
  /**
   * @param name of the key
   * @returns the stored token if it was issued after `sinceMs`. Otherwise stores and returns `own`.
   * Returns `own` too if the store is unreachable.
   */
  agree(name: string, own: StoredToken, sinceMs: number): Promise<StoredToken>
}

/** Remembers with which set-up of a route APNs has accepted a notification. */
export interface ProofStore {
  /** Whether `setup` is what was last kept for the route; false if the store is unreachable. */
  has(route: string, setup: string): Promise<boolean>
  keep(route: string, setup: string): void
}

/** A token that a sender may have read as invalid or gone, and may have deleted because of that. */
export interface ToldRecord {
  /** When it was written to the sender, ms since the epoch. */
  readonly atMs: number
  /** `error-response`: status 8. `feedback`: a tuple of the feedback service. */
  readonly kind: 'error-response' | 'feedback'
  readonly route: string
  /** Hex SHA-256 of its public key. */
  readonly sender: string
  readonly address?: string | undefined
  /** Hexadecimal. */
  readonly token: string
  readonly reason: string
  readonly apnsId?: string | undefined
  readonly identifier?: number | undefined
  /** Of a feedback tuple; UNIX seconds. */
  readonly timestamp?: number | undefined
}

/** From `sinceMs` to just before `untilMs`, ms since the epoch. */
export interface ToldRange {
  readonly sinceMs: number
  readonly untilMs: number
}

/** The tokens that senders were told of, so that a list that a sender has purged can be restored. */
export interface ToldStore {
  /** Returns at once. Is written at the end of the turn of the event loop, with other changes. */
  add(record: ToldRecord): void
  /** What is written, the oldest first. Reads a part at a time. */
  read(range: ToldRange): AsyncIterable<ToldRecord>
}

export interface Store {
  readonly journal: Journal
  readonly proofs: ProofStore
  readonly feedback: FeedbackStore
  readonly told: ToldStore
  readonly eventLog: EventLog
  /** Absent if no other process can share the store. */
  readonly tokens?: ProviderTokenStore
  /** Whether writes succeed. While they fail, {@link Journal.healthy} tells when reading must stop. */
  readonly isReachable: boolean
  /** Its size on this machine's disk; undefined if it is elsewhere. */
  readonly bytes: number | undefined
  /** Writes pending changes if possible, then closes; later calls do nothing. */
  close(): Promise<void>
}

/** The fault of a data directory; the cure. */
const explanations = {
  'in-use':
    'is in use by another proxy; stop that proxy, or choose another dataDirectory (without --config: --data-directory)',
  'not-a-directory': 'is not a directory; remove that file, or choose another dataDirectory',
  'no-permission':
    'is not writable by this user; change its owner, or choose another dataDirectory',
  'no-room': 'is on a full disk; free some space, or choose another dataDirectory',
  foreign:
    'has a data.mdb of another program; move that file away, or choose another dataDirectory',
  newer: 'was written by a newer version; run that version, or choose another dataDirectory',
  damaged:
    'has a damaged data.mdb; restore it from a backup, or move it away and lose unsettled notifications',
  unusable: 'cannot be used; choose another dataDirectory',
} as const

/** The store cannot be opened, and its directory is unchanged. Radius: the process. */
export class StoreError extends Error {
  override readonly name = 'StoreError'
  readonly code: keyof typeof explanations
  readonly directory: string

  /** @param detail more about the fault */
  constructor(code: StoreError['code'], directory: string, detail?: string) {
    const found = detail === undefined ? '' : ` (${detail})`
    super(`The data directory ${directory} ${explanations[code]}${found}`)
    this.code = code
    this.directory = directory
  }
}
