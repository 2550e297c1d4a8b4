/** The journal in LMDB: one entry for what one read brought, gone when all in it is settled. */
import type { Cancel, Clock } from '../clock.ts'
import {
  decodeJournalEntry,
  encodeJournalEntry,
  journalEntryBytes,
  recordCount,
  RouteNames,
} from './journal-entry.ts'
import type { Change, Writer } from './lmdb-writer.ts'
import { SettledBits } from './settled-bits.ts'
import type { Journal, JournalBatch, JournalRecord, RecoveredRecord } from './store.ts'

/** Numbered values, as a table of an LMDB file keeps them. Writes take part in a {@link Change}. */
export interface NumberedTable {
  getRange(): Iterable<{ readonly key: number; readonly value: Buffer }>
  get(key: number): Buffer | undefined
  put(key: number, value: Buffer): unknown
  remove(key: number): unknown
}

/** Where a journal keeps its entries. */
export interface JournalTables {
  /** See journal-entry.ts. */
  readonly entries: NumberedTable
  /** Which records of an entry are settled: bit `index & 7` of byte `index >> 3`. */
  readonly settled: NumberedTable
}

const sweepMs = 20

/**
 * Settlements are noted by a sweep every 20 ms that touches only batches where there are some. A
 * process that is killed therefore sends again, at the most, what was settled since.
 */
export class LmdbJournal implements Journal {
  readonly #tables: JournalTables
  readonly #writer: Writer
  readonly #clock: Clock
  readonly #names = new RouteNames()
  readonly #recovered: Batch[]
  #lastKey = 0
  #unsettled = 0
  #dirty: Batch[] = []
  #cancelSweep: Cancel | undefined
  #closed = false

  /** @throws {RangeError} when an entry on the disk cannot be read */
  constructor(tables: JournalTables, writer: Writer, clock: Clock) {
    this.#tables = tables
    this.#writer = writer
    this.#clock = clock
    this.#recovered = Array.from(tables.entries.getRange(), ({ key, value }) =>
      this.#load(key, value),
    )
  }

  get unsettled(): number {
    return this.#unsettled
  }

  get healthy(): boolean {
    return this.#writer.healthy
  }

  put(route: string, records: readonly JournalRecord[]): JournalBatch {
    const name = this.#names.encode(route)
    const batch = this.#add(encodeJournalEntry(name, records, journalEntryBytes(name, records)))
    this.#writer.write(batch)
    return batch
  }

  *recover(): Iterable<RecoveredRecord> {
    for (const batch of this.#recovered.splice(0)) yield* batch.unsettled()
  }

  /** Nobody else has this store. */
  claimed(): void {
    // What is left behind waits for the next start.
  }

  flush(): Promise<void> {
    this.#sweep()
    return this.#writer.flush()
  }

  /** Hands the last settlements to the writer and sets no timer any more. */
  close(): void {
    this.#closed = true
    this.#sweep()
  }

  /** @internal for the batches */
  settledOne(): void {
    this.#unsettled--
  }

  /** @internal for the batches */
  soil(batch: Batch): void {
    if (this.#closed) return
    this.#dirty.push(batch)
    this.#cancelSweep ??= this.#clock.after(sweepMs, () => {
      this.#sweep()
    })
  }

  #sweep(): void {
    this.#cancelSweep?.()
    this.#cancelSweep = undefined
    for (const batch of this.#dirty.splice(0)) this.#writer.writeSoon(batch)
  }

  #add(entry: Buffer): Batch {
    const batch = new Batch(this, this.#tables, ++this.#lastKey, entry)
    this.#unsettled += batch.remaining
    return batch
  }

  #load(key: number, value: Buffer): Batch {
    decodeJournalEntry(value)
    const batch = new Batch(this, this.#tables, key, value)
    batch.load(this.#tables.settled.get(key))
    this.#lastKey = key
    this.#unsettled += batch.remaining
    if (batch.remaining === 0) this.#writer.writeSoon(batch)
    return batch
  }
}

/** A class for speed: one for each read from a sender. */
class Batch implements JournalBatch, Change {
  readonly #journal: LmdbJournal
  readonly #tables: JournalTables
  readonly #key: number
  readonly #entryBytes: number
  readonly #count: number
  readonly #settled: SettledBits
  /** Let go of once it is on the disk. */
  #entry: Buffer | undefined
  #state: 'none' | 'under way' | 'stored' = 'none'
  #settledStored = false
  #queued = false

  constructor(journal: LmdbJournal, tables: JournalTables, key: number, entry: Buffer) {
    this.#journal = journal
    this.#tables = tables
    this.#key = key
    this.#entry = entry
    this.#entryBytes = entry.length
    this.#count = recordCount(entry)
    this.#settled = new SettledBits(this.#count)
  }

  get bytes(): number {
    if (this.remaining === 0) return 0
    return this.#state === 'stored' ? this.#count : this.#entryBytes + this.#count
  }

  get remaining(): number {
    return this.#settled.remaining
  }

  settled(index: number): void {
    if (!this.#settled.add(index)) return
    this.#journal.settledOne()
    if (this.#mayQueue()) this.#journal.soil(this)
  }

  write(): void {
    const { entries, settled } = this.#tables
    const { bits } = this.#settled
    this.#queued = false
    if (this.remaining > 0) {
      if (this.#entry !== undefined) {
        this.#state = 'under way'
        entries.put(this.#key, this.#entry)
      }
      if (bits !== undefined) settled.put(this.#key, bits)
      this.#settledStored = bits !== undefined
    } else if (this.#state === 'stored') {
      entries.remove(this.#key)
      if (this.#settledStored) settled.remove(this.#key)
    }
  }

  committed(): void {
    if (this.#state === 'under way') this.#stored()
  }

  /** It is on the disk, with these settled. */
  load(settled: Buffer | undefined): void {
    this.#stored()
    this.#settledStored = settled !== undefined
    if (settled !== undefined) this.#settled.merge(settled)
  }

  /** What is left of it, decoded. */
  *unsettled(): Iterable<RecoveredRecord> {
    if (this.remaining === 0) return
    const entry = this.#entry ?? Buffer.from(this.#tables.entries.get(this.#key) ?? [])
    const { route, records } = decodeJournalEntry(entry)
    for (const [index, record] of records.entries())
      if (!this.#settled.has(index))
        yield {
          route,
          record,
          settled: () => {
            this.settled(index)
          },
        }
  }

  #stored(): void {
    this.#state = 'stored'
    this.#entry = undefined
  }

  /** What is not written yet will be with all that is settled by then. */
  #mayQueue(): boolean {
    if (this.#queued || this.#state === 'none') return false
    this.#queued = true
    return true
  }
}
