/** What the journals of all stores share: batches, and the sweep that has their settlements written. */
import type { Clock } from '../timing/clock.ts'
import { decodeJournalEntry } from './journal-entry.ts'
import type { JournalBatch, RecoveredRecord } from './store.ts'
import { Timer } from '../timing/timer.ts'

/** A process that is killed sends again, at the most, what was settled within this time. */
const sweepMs = 20

/**
 * Which records of one entry are settled: bit `index & 7` of byte `index >> 3`. A class for speed:
 * there is one for each read from a sender.
 */
export class SettledBits {
  /** Records of the entry. */
  readonly count: number
  #remaining: number
  #bits: Buffer | undefined

  constructor(count: number) {
    this.count = count
    this.#remaining = count
  }

  /** Records that are not settled. */
  get remaining(): number {
    return this.#remaining
  }

  /** Undefined while none is settled. */
  get bits(): Buffer | undefined {
    return this.#bits
  }

  has(index: number): boolean {
    return ((this.#bits?.[index >> 3] ?? 0) & (1 << (index & 7))) !== 0
  }

  /** Whether it was not settled before, and is now. */
  add(index: number): boolean {
    if (index < 0 || index >= this.count || this.has(index)) return false
    this.#bits ??= Buffer.alloc((this.count + 7) >> 3)
    this.#bits[index >> 3] = (this.#bits[index >> 3] ?? 0) | (1 << (index & 7))
    this.#remaining--
    return true
  }

  /** Adds what `bits` say; how many were not settled before. */
  merge(bits: Buffer): number {
    const before = this.#remaining
    for (let index = 0; index < this.count; index++)
      if (((bits[index >> 3] ?? 0) & (1 << (index & 7))) !== 0) this.add(index)
    return before - this.#remaining
  }

  /** Adds all; how many were not settled before. */
  complete(): number {
    const before = this.#remaining
    this.#remaining = 0
    this.#bits = Buffer.alloc((this.count + 7) >> 3, 0xff)
    return before
  }
}

/** One entry, from its put until all in it is settled. */
export abstract class Batch extends SettledBits implements JournalBatch {
  /** It waits to be written, and will be with all that is settled by then. */
  isQueued = false
  protected readonly sweep: SettlementSweep

  /** @param count records of the entry */
  constructor(sweep: SettlementSweep, count: number) {
    super(count)
    this.sweep = sweep
  }

  /** Hands it to the writer of its store. */
  abstract queue(): void

  settled(index: number): void {
    if (this.add(index)) this.sweep.settled(this, 1)
  }

  /** Adds what was settled before this process, and what is left of the entry. */
  recovered(entry: Buffer, settled: Buffer | undefined): readonly RecoveredRecord[] {
    if (settled !== undefined) this.merge(settled)
    const { route, records } = decodeJournalEntry(entry)
    return records.flatMap((record, index) =>
      this.has(index) ? [] : { route, record, settled: this.settled.bind(this, index) },
    )
  }
}

/** Counts what is unsettled, and queues every 20 ms the batches of which something was settled. */
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

  /** Records of all batches that are not settled. */
  get unsettled(): number {
    return this.#unsettled
  }

  /** A batch was put, or found where an earlier process left it. */
  add({ remaining }: Batch): void {
    this.#unsettled += remaining
  }

  /** So many more of a batch are settled. */
  settled(batch: Batch, count: number): void {
    this.#unsettled -= count
    if (batch.isQueued || this.#isClosed) return
    batch.isQueued = true
    this.#dirty.push(batch)
    this.#timer.start()
  }

  /** Queues at once what the next sweep would. */
  run(): void {
    this.#timer.stop()
    for (const batch of this.#dirty.splice(0)) batch.queue()
  }

  /** Sweeps once more, and sets no timer any more. */
  close(): void {
    this.run()
    this.#isClosed = true
  }
}
