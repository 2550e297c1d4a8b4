/** The journal in LMDB: one entry for each read, removed when all its records are settled. */
import type { Database } from 'lmdb'
import type { Clock } from '../timing/clock.ts'
import { JournalEntryEncoder, recordCount } from './journal-entry.ts'
import { Batch, BatchJournal, type BatchOwner } from './batch-journal.ts'
import type { Change, Writer } from './lmdb-writer.ts'
import type { Journal, JournalBatch, JournalRecord } from './store.ts'

/** Only a {@link Change} may write to them. */
export interface JournalTables {
  /** See journal-entry.ts. */
  readonly entries: Database<Buffer, number>
  /** The settled records of an entry, see Batch in journal.ts. */
  readonly settled: Database<Buffer, number>
}

/** An entry survives `kill -9` when `put` returns. DeliverySettler are written by the next sweep. */
export class LmdbJournal extends BatchJournal<LmdbBatch> implements Journal {
  readonly #tables: JournalTables
  readonly #writer: Writer
  readonly #encoder = new JournalEntryEncoder()
  #lastKey = 0

  /** @throws {RangeError} if an entry on the disk is malformed */
  constructor(tables: JournalTables, writer: Writer, clock: Clock) {
    super(clock)
    this.#tables = tables
    this.#writer = writer
    for (const { key, value } of tables.entries.getRange()) {
      const bits = tables.settled.get(key)
      this.restore(new LmdbBatch(this, tables, key, recordCount(value), undefined, bits), value)
      this.#lastKey = key
    }
  }

  get healthy(): boolean {
    return this.#writer.healthy
  }

  put(route: string, records: readonly JournalRecord[]): JournalBatch {
    const entry = this.#encoder.encode(route, records)
    const batch = new LmdbBatch(this, this.#tables, ++this.#lastKey, records.length, entry)
    this.add(batch)
    this.#writer.write(batch)
    batch.ownEntry()
    return batch
  }

  flush(): Promise<void> {
    this.sweep()
    return this.#writer.flush()
  }

  protected override queue(batch: LmdbBatch): void {
    this.#writer.writeSoon(batch)
  }
}

class LmdbBatch extends Batch implements Change {
  readonly #tables: JournalTables
  readonly #key: number
  /** Undefined once it is on the disk. */
  #entry: Buffer | undefined
  #hasSettledOnDisk: boolean

  constructor(
    journal: BatchOwner,
    tables: JournalTables,
    key: number,
    count: number,
    entry: Buffer | undefined,
    bits?: Buffer,
  ) {
    super(journal, count, bits)
    this.#tables = tables
    this.#key = key
    this.#entry = entry
    this.#hasSettledOnDisk = bits !== undefined
  }

  get bytes(): number {
    return this.remaining === 0 ? 0 : (this.#entry?.length ?? 0) + this.count
  }

  write(): void {
    const { entries, settled } = this.#tables
    if (this.remaining > 0) {
      if (this.#entry !== undefined) entries.putSync(this.#key, this.#entry)
      if (this.bits === undefined) return
      settled.putSync(this.#key, this.bits)
      this.#hasSettledOnDisk = true
    } else if (this.#entry === undefined) {
      entries.removeSync(this.#key)
      if (this.#hasSettledOnDisk) settled.removeSync(this.#key)
    }
  }

  committed(): void {
    if (this.remaining > 0) this.#entry = undefined
  }

  /** Copies an entry that is not written yet, before the encoder overwrites its bytes. */
  ownEntry(): void {
    this.#entry &&= Buffer.from(this.#entry)
  }
}
