/** What the journals of all stores share: batches, and the sweep that has their settlements written. */
import type { Clock } from '../clock.ts'
import { decodeJournalEntry } from './journal-entry.ts'
import { SettledBits } from './settled-bits.ts'
import type { JournalBatch, RecoveredRecord } from './store.ts'
import { Timer } from './timer.ts'

/** A process that is killed sends again, at the most, what was settled within this time. */
const sweepMs = 20

/** One entry, from its put until all in it is settled. A class for speed: one for each read. */
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
