/** The journal in LMDB: one entry for what one read brought, gone when all in it is settled. */
import type { Clock } from '../timing/clock.ts'
import { decodeJournalEntry, JournalEntryEncoder, recordCount } from './journal-entry.ts'
import { Batch, SettlementSweep } from './journal.ts'
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
  /** Which records of an entry are settled, see SettledBits in journal.ts. */
  readonly settled: NumberedTable
}

interface Parts {
  readonly tables: JournalTables
  readonly writer: Writer
  readonly sweep: SettlementSweep
}

/** An entry is on the disk when `put` returns; settlements follow with the next sweep. */
export class LmdbJournal implements Journal {
  readonly #parts: Parts
  readonly #encoder = new JournalEntryEncoder()
  readonly #recovered: LmdbBatch[]
  #lastKey = 0

  /** @throws {RangeError} when an entry on the disk cannot be read */
  constructor(tables: JournalTables, writer: Writer, clock: Clock) {
    this.#parts = { tables, writer, sweep: new SettlementSweep(clock) }
    this.#recovered = Array.from(tables.entries.getRange(), ({ key, value }) =>
      this.#found(key, value),
    )
  }

  get unsettled(): number {
    return this.#parts.sweep.unsettled
  }

  get healthy(): boolean {
    return this.#parts.writer.healthy
  }

  put(route: string, records: readonly JournalRecord[]): JournalBatch {
    const batch = this.#add(this.#encoder.encode(route, records))
    this.#parts.writer.write(batch)
    batch.ownEntry()
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
    this.#parts.sweep.run()
    return this.#parts.writer.flush()
  }

  /** Hands the last settlements to the writer and sets no timer any more. */
  close(): void {
    this.#parts.sweep.close()
  }

  #add(entry: Buffer): LmdbBatch {
    const batch = new LmdbBatch(this.#parts, ++this.#lastKey, recordCount(entry), entry)
    this.#parts.sweep.add(batch)
    return batch
  }

  #found(key: number, value: Buffer): LmdbBatch {
    const { tables, sweep } = this.#parts
    const count = decodeJournalEntry(value).records.length
    const batch = new LmdbBatch(this.#parts, key, count, undefined)
    batch.load(tables.settled.get(key))
    this.#lastKey = key
    sweep.add(batch)
    if (batch.remaining === 0) sweep.settled(batch, 0)
    return batch
  }
}

class LmdbBatch extends Batch implements Change {
  readonly #parts: Parts
  readonly #key: number
  /** Undefined once it is on the disk. */
  #entry: Buffer | undefined
  #hasSettledOnDisk = false

  constructor(parts: Parts, key: number, count: number, entry: Buffer | undefined) {
    super(parts.sweep, count)
    this.#parts = parts
    this.#key = key
    this.#entry = entry
    this.isQueued = entry !== undefined
  }

  get bytes(): number {
    return this.remaining === 0 ? 0 : (this.#entry?.length ?? 0) + this.count
  }

  queue(): void {
    this.#parts.writer.writeSoon(this)
  }

  write(): void {
    const { entries, settled } = this.#parts.tables
    this.isQueued = false
    if (this.remaining > 0) {
      if (this.#entry !== undefined) entries.put(this.#key, this.#entry)
      if (this.bits === undefined) return
      settled.put(this.#key, this.bits)
      this.#hasSettledOnDisk = true
    } else if (this.#entry === undefined) {
      entries.remove(this.#key)
      if (this.#hasSettledOnDisk) settled.remove(this.#key)
    }
  }

  committed(): void {
    if (this.remaining > 0) this.#entry = undefined
  }

  /** What could not be written yet must outlive the bytes that it was encoded into. */
  ownEntry(): void {
    this.#entry &&= Buffer.from(this.#entry)
  }

  load(settled: Buffer | undefined): void {
    this.#hasSettledOnDisk = settled !== undefined
    if (settled !== undefined) this.merge(settled)
  }

  unsettled(): readonly RecoveredRecord[] {
    if (this.remaining === 0) return []
    const entry = this.#entry ?? Buffer.from(this.#parts.tables.entries.get(this.#key) ?? [])
    return this.recovered(entry, undefined)
  }
}
