/** Where a relay puts what it owns before it sends it. */
import type { Notification } from '../binary/notification.ts'

/** One notification, as a later process needs it. */
export interface JournalEntry {
  readonly apnsId: string
  /** ms since the epoch. */
  readonly receivedAtMs: number
  readonly notification: Notification
}

/** What the journal took at one time. */
export interface JournalBatch {
  /** Nobody needs to take over the entry at an index. */
  settled(index: number): void
}

/** Of one route. */
export interface RelayJournal {
  /** As one entry, before this returns. */
  put(entries: readonly JournalEntry[]): JournalBatch
}
