/** The parts that the journals of all stores share: batches, and the sweep that writes settlements. */
import type { Clock } from '../timing/clock.ts'
import { decodeJournalEntry } from './journal-entry.ts'
import type { JournalBatch, RecoveredRecord } from './store.ts'
import { Timer } from '../timing/timer.ts'

/** After `kill -9`, the next process sends the notifications again that were settled within this time. */
const sweepMs = 20

/**
 * One entry, from its put until all its records are settled. Bit `index & 7` of byte `index >> 3`
 * says whether the record at `index` is settled.
 */
export abstract class Batch implements JournalBatch {
  /** Whether the writer of its store has it, to write its latest state. */
  isQueued = false
  /** Records of the entry. */
  readonly count: number
  readonly #sweep: SettlementSweep
  #remaining: number
  #bits: Buffer | undefined

  constructor(sweep: SettlementSweep, count: number) {
    this.#sweep = sweep
    this.count = count
    this.#remaining = count
  }

  /** Unsettled records. */
  get remaining(): number {
    return this.#remaining
  }

  /** Undefined while no record is settled. */
  get bits(): Buffer | undefined {
    return this.#bits
  }

  /** Gives it to the writer of its store. */
  abstract queue(): void

  settled(index: number): void {
    if (this.#add(index)) this.#sweep.settled(this, 1)
  }

  /** Adds the records that an earlier process settled. */
  merge(bits: Buffer | undefined): void {
    if (bits === undefined) return
    for (let index = 0; index < this.count; index++) if (isSet(bits, index)) this.#add(index)
  }

  /** The unsettled records of the entry. */
  recovered(entry: Buffer): readonly RecoveredRecord[] {
    const { route, records } = decodeJournalEntry(entry)
    return records.flatMap((record, index) =>
      isSet(this.#bits, index) ? [] : { route, record, settled: this.settled.bind(this, index) },
    )
  }

  /** @returns whether the record was unsettled before */
  #add(index: number): boolean {
    if (index < 0 || index >= this.count || isSet(this.#bits, index)) return false
    this.#bits ??= Buffer.alloc((this.count + 7) >> 3)
    this.#bits[index >> 3] = (this.#bits[index >> 3] ?? 0) | (1 << (index & 7))
    this.#remaining--
    return true
  }
}

function isSet(bits: Buffer | undefined, index: number): boolean {
  return ((bits?.[index >> 3] ?? 0) & (1 << (index & 7))) !== 0
}

/** Counts unsettled records. Every 20 ms, queues the batches in which records were settled. */
export class SettlementSweep {
  readonly #timer: Timer
  #unsettled = 0
  #dirty: Batch[] = []
  #isClosed = false

  constructor(clock: Clock) {
    this.#timer = new Timer(clock, sweepMs, () => {
      this.run()
    })
  }

  /** Unsettled records in all batches. */
  get unsettled(): number {
    return this.#unsettled
  }

  /** Adds a batch that was put, or that an earlier process left. */
  add({ remaining }: Batch): void {
    this.#unsettled += remaining
  }

  /** @param count records of the batch that were settled since the last call */
  settled(batch: Batch, count: number): void {
    this.#unsettled -= count
    if (batch.isQueued || this.#isClosed) return
    batch.isQueued = true
    this.#dirty.push(batch)
    this.#timer.start()
  }

  /** Sweeps now. */
  run(): void {
    this.#timer.stop()
    for (const batch of this.#dirty.splice(0)) batch.queue()
  }

  /** Sweeps a last time; sets no more timers. */
  close(): void {
    this.run()
    this.#isClosed = true
  }
}
