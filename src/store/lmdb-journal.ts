/** The journal in LMDB: one entry for what one read brought, gone when all in it is settled. */
import type { Cancel, Clock } from '../clock.ts'
import {
  decodeJournalEntry,
  encodeJournalEntry,
  journalEntryBytes,
  longestRouteBytes,
} from './journal-entry.ts'
import type { Change, Writer } from './lmdb-writer.ts'
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
  readonly #routes = new Map<string, Buffer>()
  #recovered: Batch[]
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
    const batch = new Batch(this, ++this.#lastKey, this.#encoded(route), records, this.#tables)
    this.#unsettled += records.length
    this.#writer.write(batch)
    return batch
  }

  *recover(): Iterable<RecoveredRecord> {
    const batches = this.#recovered
    this.#recovered = []
    for (const batch of batches) yield* batch.unsettled()
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

  #load(key: number, value: Buffer): Batch {
    const { route, records } = decodeJournalEntry(value)
    const bits = this.#tables.settled.get(key)
    const batch = new Batch(this, key, this.#encoded(route), records, this.#tables)
    this.#lastKey = key
    const left = batch.load(bits)
    this.#unsettled += left
    if (left === 0) this.#writer.writeSoon(batch)
    return batch
  }

  #encoded(route: string): Buffer {
    let bytes = this.#routes.get(route)
    if (bytes === undefined) {
      bytes = Buffer.from(route)
      if (bytes.length > longestRouteBytes) throw new RangeError(`the name of a route is too long`)
      this.#routes.set(route, bytes)
    }
    return bytes
  }
}

/** A class for speed: one for each read from a sender. */
class Batch implements JournalBatch, Change {
  readonly #journal: LmdbJournal
  readonly #tables: JournalTables
  readonly #key: number
  readonly #route: Buffer
  readonly #count: number
  readonly #entryBytes: number
  /** Let go of once they are on the disk. */
  #records: readonly JournalRecord[]
  #remaining: number
  #settled: Buffer | undefined
  #entry: 'none' | 'under way' | 'stored' = 'none'
  #settledStored = false
  #dirty = false

  constructor(
    journal: LmdbJournal,
    key: number,
    route: Buffer,
    records: readonly JournalRecord[],
    tables: JournalTables,
  ) {
    this.#journal = journal
    this.#key = key
    this.#route = route
    this.#records = records
    this.#tables = tables
    this.#count = records.length
    this.#remaining = records.length
    this.#entryBytes = journalEntryBytes(route, records)
  }

  get bytes(): number {
    if (this.#remaining === 0) return 0
    return this.#entry === 'stored' ? this.#count : this.#entryBytes + this.#count
  }

  settled(index: number): void {
    if (this.#remaining === 0 || index < 0 || index >= this.#count) return
    this.#settled ??= Buffer.alloc((this.#count + 7) >> 3)
    const bits = this.#settled[index >> 3] ?? 0
    const bit = 1 << (index & 7)
    if ((bits & bit) !== 0) return
    this.#settled[index >> 3] = bits | bit
    this.#remaining--
    this.#journal.settledOne()
    if (this.#dirty || this.#entry === 'none') return
    this.#dirty = true
    this.#journal.soil(this)
  }

  write(): void {
    const { entries, settled } = this.#tables
    this.#dirty = false
    if (this.#remaining > 0) {
      if (this.#entry !== 'stored') this.#put()
      if (this.#settled !== undefined) settled.put(this.#key, this.#settled)
      this.#settledStored = this.#settled !== undefined
    } else if (this.#entry === 'stored') {
      entries.remove(this.#key)
      if (this.#settledStored) settled.remove(this.#key)
    }
  }

  committed(): void {
    if (this.#entry !== 'under way') return
    this.#entry = 'stored'
    this.#records = []
  }

  /** Takes what the disk says, and returns how many are left to settle. */
  load(settled: Buffer | undefined): number {
    this.#entry = 'stored'
    this.#settledStored = settled !== undefined
    if (settled !== undefined) {
      this.#settled = Buffer.alloc((this.#count + 7) >> 3)
      settled.copy(this.#settled)
      this.#remaining = this.#records.filter((_, index) => !this.#isSettled(index)).length
    }
    return this.#remaining
  }

  /** What is left of a batch that was loaded; its records are let go of on the way. */
  *unsettled(): Iterable<RecoveredRecord> {
    const route = this.#route.toString()
    const records = this.#records
    this.#records = []
    for (const [index, record] of records.entries())
      if (!this.#isSettled(index))
        yield {
          route,
          record,
          settled: () => {
            this.settled(index)
          },
        }
  }

  #isSettled(index: number): boolean {
    return ((this.#settled?.[index >> 3] ?? 0) & (1 << (index & 7))) !== 0
  }

  #put(): void {
    this.#entry = 'under way'
    const entry = encodeJournalEntry(this.#route, this.#records, this.#entryBytes)
    this.#tables.entries.put(this.#key, entry)
  }
}
