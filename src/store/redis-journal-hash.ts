/** A hash in Redis with the entries of a journal, as the process that owns it knows it. */
import { recordCount } from './journal-entry.ts'
import { Batch, type SettlementSweep } from './journal.ts'

/** What it costs beside its bytes to have a field under way. */
const fieldBytes = 64

/** The journal that a batch belongs to. */
export interface BatchWriter {
  /** Writes it at the end of the turn, or when Redis is back. */
  writeSoon(batch: RedisBatch): void
  /** So many more of it are settled. */
  settled(batch: RedisBatch, count: number): void
}

/** A hash in Redis, as its owner knows it. */
export class JournalHash {
  readonly name: string
  /** What is not settled, by its number, which is also its field. */
  readonly batches = new Map<number, RedisBatch>()
  /** What Redis has when all that was sent has arrived. */
  fields = new Set<string>()
  lastNumber = 0

  constructor(name: string) {
    this.name = name
  }

  get size(): number {
    return this.fields.size
  }
}

/** Arguments of commands for one hash. */
export interface Changes {
  readonly put: (string | Buffer)[]
  readonly remove: string[]
}

/** The field that says which records of an entry are settled. */
export function settledField(number: number): string {
  return `${number}s`
}

/** A batch whose fields are in one hash, and in another once its process was taken for dead. */
export class RedisBatch extends Batch {
  /** Redis has confirmed it once. */
  isWritten = false
  hash: JournalHash
  number: number
  readonly #journal: BatchWriter
  readonly #entry: Buffer

  constructor(
    journal: BatchWriter,
    sweep: SettlementSweep,
    hash: JournalHash,
    entry: Buffer,
    number = 0,
  ) {
    super(sweep, recordCount(entry))
    this.#journal = journal
    this.#entry = entry
    this.hash = hash
    this.number = number
  }

  /** Redis has it, once all that was sent has arrived. */
  get isInRedis(): boolean {
    return this.hash.fields.has(String(this.number))
  }

  /** About what it takes to write it. */
  get bytes(): number {
    return fieldBytes + (this.remaining === 0 || this.isInRedis ? 0 : this.#entry.length)
  }

  queue(): void {
    this.#journal.writeSoon(this)
  }

  override settled(index: number): void {
    const before = this.remaining
    super.settled(index)
    if (this.remaining < before) this.#journal.settled(this, before - this.remaining)
  }

  moveTo(hash: JournalHash): void {
    this.hash = hash
    this.number = ++hash.lastNumber
    hash.batches.set(this.number, this)
  }

  /** Adds what is true by now. */
  write({ put, remove }: Changes): void {
    const { fields } = this.hash
    const names = [String(this.number), settledField(this.number)] as const
    this.isQueued = false
    if (this.remaining === 0) {
      remove.push(...names.filter((name) => fields.delete(name)))
      return
    }
    if (!this.isInRedis) put.push(names[0], this.#entry)
    // A copy: it may be settled further before it has gone out.
    if (this.bits !== undefined) put.push(names[1], Buffer.from(this.bits))
    fields.add(names[0])
    if (this.bits !== undefined) fields.add(names[1])
  }
}
