/** The journal of a worker: entries are encoded here, and go to the process that keeps the store. */
import type { Cancel, Clock } from '../clock.ts'
import { decodeJournalEntry, JournalEntryEncoder } from './journal-entry.ts'
import type { Outbox } from './outbox.ts'
import { SettledBits } from './journal.ts'
import type { Journal, JournalBatch, JournalRecord, RecoveredRecord } from './store.ts'

const sweepMs = 20

/** Settlements are told by a sweep every 20 ms, as those of an embedded store are written. */
export class WorkerJournal implements Journal {
  /** False while the other process cannot write. */
  keeperIsHealthy = true
  readonly #outbox: Outbox
  readonly #clock: Clock
  readonly #encoder = new JournalEntryEncoder()
  readonly #flushes = new Map<number, () => void>()
  #hear: ((record: RecoveredRecord) => void) | undefined
  #lastKey = 0
  #lastFlush = 0
  #unsettled = 0
  #dirty: Batch[] = []
  #cancelSweep: Cancel | undefined
  #isClosed = false

  constructor(outbox: Outbox, clock: Clock) {
    this.#outbox = outbox
    this.#clock = clock
  }

  get unsettled(): number {
    return this.#unsettled
  }

  get healthy(): boolean {
    return this.keeperIsHealthy && !this.#outbox.channel.isFull
  }

  put(route: string, records: readonly JournalRecord[]): JournalBatch {
    const entry = Buffer.from(this.#encoder.encode(route, records))
    const batch = this.#add(++this.#lastKey, records.length)
    this.#outbox.add({ kind: 'put', key: this.#lastKey, entry })
    return batch
  }

  /** Whatever was left behind is claimed, by one worker or another. */
  recover(): Iterable<RecoveredRecord> {
    return []
  }

  claimed(hear: (record: RecoveredRecord) => void): void {
    this.#hear = hear
    this.#outbox.add({ kind: 'claim' })
  }

  flush(): Promise<void> {
    this.#sweep()
    return new Promise((resolve) => {
      if (this.#isClosed) resolve()
      this.#flushes.set(++this.#lastFlush, resolve)
      this.#outbox.add({ kind: 'flush', id: this.#lastFlush })
    })
  }

  /** Tells the last settlements. */
  close(): void {
    this.#sweep()
    this.#isClosed = true
  }

  flushed(id: number): void {
    this.#flushes.get(id)?.()
    this.#flushes.delete(id)
  }

  claim(key: number, entry: Buffer, settled: Buffer | undefined): void {
    const { route, records } = decodeJournalEntry(entry)
    const batch = this.#add(key, records.length, settled)
    for (const [index, record] of records.entries())
      if (!batch.bits.has(index))
        this.#hear?.({
          route,
          record,
          settled: () => {
            batch.settled(index)
          },
        })
  }

  /** @internal for the batches */
  settledOne(): void {
    this.#unsettled--
  }

  /** @internal for the batches */
  soil(batch: Batch): void {
    if (this.#isClosed) return
    this.#dirty.push(batch)
    this.#cancelSweep ??= this.#clock.after(sweepMs, () => {
      this.#sweep()
    })
  }

  #add(key: number, count: number, settled?: Buffer): Batch {
    const batch = new Batch(this, key, count)
    if (settled !== undefined) batch.bits.merge(settled)
    this.#unsettled += batch.bits.remaining
    return batch
  }

  #sweep(): void {
    this.#cancelSweep?.()
    this.#cancelSweep = undefined
    const keys: number[] = []
    for (const batch of this.#dirty.splice(0)) {
      batch.isDirty = false
      const { remaining, bits } = batch.bits
      if (remaining === 0) keys.push(batch.key)
      else if (bits !== undefined)
        this.#outbox.add({ kind: 'settled-partly', key: batch.key, bits: Buffer.from(bits) })
    }
    if (keys.length > 0) this.#outbox.add({ kind: 'settled', keys })
  }
}

/** A class for speed: one for each read from a sender. */
class Batch implements JournalBatch {
  readonly key: number
  readonly bits: SettledBits
  isDirty = false
  readonly #journal: WorkerJournal

  constructor(journal: WorkerJournal, key: number, count: number) {
    this.#journal = journal
    this.key = key
    this.bits = new SettledBits(count)
  }

  settled(index: number): void {
    if (!this.bits.add(index)) return
    this.#journal.settledOne()
    if (this.isDirty) return
    this.isDirty = true
    this.#journal.soil(this)
  }
}
