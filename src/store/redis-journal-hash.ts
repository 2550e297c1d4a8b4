/** The owner's view of a hash in Redis that has the entries of a journal. */
import { recordCount } from './journal-entry.ts'
import { Batch, type SettlementSweep } from './journal.ts'

/** Estimated overhead of a field in a command, bytes. */
const fieldBytes = 64

export interface BatchWriter {
  /** Writes a batch at the end of this turn of the event loop, or when Redis is back. */
  writeSoon(batch: RedisBatch): void
  /** @param count records of the batch that were settled since the last call */
  settled(batch: RedisBatch, count: number): void
}

export class JournalHash {
  readonly name: string
  /** Unsettled batches by number, which is also the field. */
  readonly batches = new Map<number, RedisBatch>()
  /** The fields that Redis has once it has run all commands sent. */
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

/** The field with the settled bits of an entry. */
export function settledField(number: number): string {
  return `${number}s`
}

/** A batch in a hash. It moves to a new hash if another process has claimed the old one. */
export class RedisBatch extends Batch {
  /** Redis has confirmed the entry at least once. */
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

  /** Redis has the entry once it has run all commands sent. */
  get isInRedis(): boolean {
    return this.hash.fields.has(String(this.number))
  }

  /** Estimated bytes of the commands that write it. */
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

  /** Adds the commands' arguments for the present state. */
  write({ put, remove }: Changes): void {
    const { fields } = this.hash
    const names = [String(this.number), settledField(this.number)] as const
    this.isQueued = false
    if (this.remaining === 0) {
      remove.push(...names.filter((name) => fields.delete(name)))
      return
    }
    if (!this.isInRedis) put.push(names[0], this.#entry)
    // A copy: more records may be settled before the command is sent.
    if (this.bits !== undefined) put.push(names[1], Buffer.from(this.bits))
    fields.add(names[0])
    if (this.bits !== undefined) fields.add(names[1])
  }
}
