/** A journal by the bytes of its entries, for a process that keeps it for others. */
import type { FeedbackTuple } from '../binary/feedback-tuple.ts'
import type { FeedbackStore, Journal, JournalBatch, Store } from './store.ts'

/** Owned, unsettled notifications of other processes. */
export interface EntryJournal {
  /** Takes what another process has encoded, see journal-entry.ts; durable within the turn. */
  putEntry(entry: Buffer): EntryBatch
  /** What an earlier process left unsettled, oldest first; once, instead of `recover`. */
  leftBehind(): readonly EntryBatch[]
}

/** What one {@link EntryJournal.putEntry} took. */
export interface EntryBatch extends JournalBatch {
  /** Records not settled. */
  readonly remaining: number
  /** Those are settled whose bits are set; see SettledBits in journal.ts. */
  settledAs(bits: Buffer): void
  settledAll(): void
  /** What of it somebody else has to know to go on with it; undefined when all is settled. */
  rest(): EntryRest | undefined
}

/** An entry that is not settled, and what of it is all the same. */
export interface EntryRest {
  readonly entry: Buffer
  readonly settled: Buffer | undefined
}

/** A store that this process has to itself, and may keep for others. */
export interface EmbeddedStore extends Store {
  readonly journal: Journal & EntryJournal
  readonly feedback: FeedbackStore & {
    /** All entries, route by route. */
    lists(): Iterable<readonly [route: string, tuples: readonly FeedbackTuple[]]>
  }
}
