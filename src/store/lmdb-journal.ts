/** The journal in LMDB: one entry for each read, removed when all its records are settled. */
import type { Clock } from '../timing/clock.ts'
import { decodeJournalEntry, JournalEntryEncoder } from './journal-entry.ts'
import { Batch, SettlementSweep } from './journal.ts'
import type { Change, Writer } from './lmdb-writer.ts'
import type { Journal, JournalBatch, JournalRecord, RecoveredRecord } from './store.ts'

/** A table of numbered values in an LMDB file. Only a {@link Change} may write to it. */
export interface NumberedTable {
  getRange(): Iterable<{ readonly key: number; readonly value: Buffer }>
  get(key: number): Buffer | undefined
  put(key: number, value: Buffer): unknown
  remove(key: number): unknown
}

export interface JournalTables {
  /** See journal-entry.ts. */
  readonly entries: NumberedTable
  /** The settled records of an entry, see Batch in journal.ts. */
  readonly settled: NumberedTable
}

interface Parts {
  readonly tables: JournalTables
  readonly writer: Writer
  readonly sweep: SettlementSweep
}

/** An entry survives `kill -9` when `put` returns. Settlements are written by the next sweep. */
export class LmdbJournal implements Journal {
  readonly #parts: Parts
  readonly #encoder = new JournalEntryEncoder()
  readonly #recovered: LmdbBatch[]
  #lastKey = 0

  /** @throws {RangeError} if an entry on the disk is malformed */
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
    const { sweep, writer } = this.#parts
    const entry = this.#encoder.encode(route, records)
    const batch = new LmdbBatch(this.#parts, ++this.#lastKey, records.length, entry)
    sweep.add(batch)
    writer.write(batch)
    batch.ownEntry()
    return batch
  }

  *recover(): Iterable<RecoveredRecord> {
    for (const batch of this.#recovered.splice(0)) yield* batch.unsettled()
  }

  claimed(): void {
    // No other process has this store.
  }

  flush(): Promise<void> {
    this.#parts.sweep.run()
    return this.#parts.writer.flush()
  }

  /** Queues the last settlements; sets no more timers. */
  close(): void {
    this.#parts.sweep.close()
  }

  #found(key: number, value: Buffer): LmdbBatch {
    const { tables, sweep } = this.#parts
    const count = decodeJournalEntry(value).records.length
    const batch = new LmdbBatch(this.#parts, key, count)
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

  constructor(parts: Parts, key: number, count: number, entry?: Buffer) {
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

  /** Copies an entry that is not written yet, before the encoder overwrites its bytes. */
  ownEntry(): void {
    this.#entry &&= Buffer.from(this.#entry)
  }

  load(settled: Buffer | undefined): void {
    this.#hasSettledOnDisk = settled !== undefined
    this.merge(settled)
  }

  unsettled(): readonly RecoveredRecord[] {
    if (this.remaining === 0) return []
    return this.recovered(Buffer.from(this.#parts.tables.entries.get(this.#key) ?? []))
  }
}
