/** The parts that the journals of all stores share: batches, their settled bits, recovery, the sweep. */
import { Timer } from '../timing/timer.ts'
import type { Clock } from '../timing/clock.ts'
import { decodeJournalEntry } from './journal-entry.ts'
import type { JournalBatch, RecoveredRecord } from './store.ts'

/** After `kill -9`, the next process sends the notifications again that were settled within this time. */
const sweepMs = 20

/**
 * One entry, from its put until all its records are settled. Bit `index & 7` of byte `index >> 3`
 * says whether the record at `index` is settled.
 */
export class Batch implements JournalBatch {
  /** Records of the entry. */
  readonly count: number
  /** Unsettled records. */
  remaining: number
  /** Undefined while no record is settled. */
  bits: Buffer | undefined
  readonly #owner: BatchOwner

  constructor(owner: BatchOwner, count: number, bits?: Buffer) {
    this.#owner = owner
    this.count = count
    this.remaining = count
    const known = Math.min(count, 8 * (bits?.length ?? 0))
    for (let index = 0; index < known; index++) if (isSet(bits, index)) this.#add(index)
  }

  settled(index: number): void {
    if (index < 0 || index >= this.count || isSet(this.bits, index)) return
    this.#add(index)
    this.#owner.settled(this, 1)
  }

  /** The unsettled records of the entry. @throws {RangeError} if its bytes are not an entry */
  recovered(entry: Buffer): readonly RecoveredRecord[] {
    const { route, records } = decodeJournalEntry(entry)
    return records.flatMap((record, index) =>
      isSet(this.bits, index) ? [] : { route, record, settled: this.settled.bind(this, index) },
    )
  }

  #add(index: number): void {
    this.bits ??= Buffer.alloc((this.count + 7) >> 3)
    this.bits[index >> 3] = (this.bits[index >> 3] ?? 0) | (1 << (index & 7))
    this.remaining--
  }
}

function isSet(bits: Buffer | undefined, index: number): boolean {
  return ((bits?.[index >> 3] ?? 0) & (1 << (index & 7))) !== 0
}

export interface BatchOwner {
  /** @param count records of the batch that were settled since the last call */
  settled(batch: Batch, count: number): void
}

/**
 * A journal made of batches. Counts unsettled records, keeps what earlier processes left until it is
 * recovered, and every 20 ms writes the batches in which records were settled.
 */
export abstract class BatchJournal<OwnBatch extends Batch> {
  readonly #timer: Timer
  #unsettled = 0
  /** Batches with settlements that are not queued yet. */
  readonly #dirty = new Set<OwnBatch>()
  #found: RecoveredRecord[] = []
  #receive: ((record: RecoveredRecord) => void) | undefined
  protected isClosed = false

  constructor(clock: Clock) {
    this.#timer = new Timer(clock, sweepMs, () => this.sweep())
  }

  get unsettled(): number {
    return this.#unsettled
  }

  *recover(): Iterable<RecoveredRecord> {
    yield* this.#found.splice(0)
  }

  claimed(receive: (record: RecoveredRecord) => void): void {
    this.#receive = receive
    for (const record of this.#found.splice(0)) receive(record)
  }

  /** Sweeps a last time; sets no more timers. */
  close(): void {
    this.sweep()
    this.isClosed = true
  }

  settled(batch: OwnBatch, count: number): void {
    this.#unsettled -= count
    if (this.isClosed) return
    this.#dirty.add(batch)
    this.#timer.start()
  }

  /** Gives a batch to the writer of the store. */
  protected abstract queue(batch: OwnBatch): void

  protected add({ remaining }: OwnBatch): void {
    this.#unsettled += remaining
  }

  /** Adds a batch that an earlier process left. @throws {RangeError} if the entry is malformed */
  protected restore(batch: OwnBatch, entry: Buffer): void {
    const records = batch.recovered(entry)
    this.add(batch)
    if (batch.remaining === 0) this.settled(batch, 0)
    for (const record of records)
      if (this.#receive === undefined) this.#found.push(record)
      else this.#receive(record)
  }

  /** Sweeps now. */
  protected sweep(): void {
    this.#timer.stop()
    for (const batch of this.#dirty) this.queue(batch)
    this.#dirty.clear()
  }
}
