/** A hash in Redis that has the entries of a journal, as the process that owns it sees it. */
import { recordCount } from './journal-entry.ts'
import { Batch, type BatchOwner } from './batch-journal.ts'

/** Estimated overhead of a field in a command, bytes. */
const fieldBytes = 64

export class JournalHash {
  readonly name: string
  /** Its key in Redis. */
  readonly key: string
  /** Unsettled batches by number, which is also the field. */
  readonly batches = new Map<number, RedisBatch>()
  /** The fields that Redis has once it has run all commands sent. */
  fields = new Set<string>()
  lastNumber = 0
  #put: (string | Buffer)[] = []
  #remove: string[] = []

  constructor(name: string, key: string) {
    this.name = name
    this.key = key
  }

  /** Adds a field to the next command. */
  put(field: string, value: Buffer): void {
    this.fields.add(field)
    this.#put.push(field, value)
  }

  remove(field: string): void {
    if (this.fields.delete(field)) this.#remove.push(field)
  }

  /** The commands that put and remove fields, to be sent now. */
  takeCommands(): readonly (string | Buffer)[][] {
    const commands = [
      ['HSET', this.key, ...this.#put],
      ['HDEL', this.key, ...this.#remove],
    ]
    this.#put = []
    this.#remove = []
    return commands.filter(({ length }) => length > 2)
  }
}

/** The field with the settled bits of an entry. */
export function settledField(number: number): string {
  return `${number}s`
}

/** A batch in a hash. It moves to a new hash if another process has claimed the old one. */
export class RedisBatch extends Batch {
  hash: JournalHash
  number: number
  /** Redis has confirmed the entry at least once. */
  isWritten: boolean
  readonly #entry: Buffer

  constructor(
    journal: BatchOwner,
    hash: JournalHash,
    entry: Buffer,
    number = ++hash.lastNumber,
    bits?: Buffer,
  ) {
    super(journal, recordCount(entry), bits)
    this.#entry = entry
    this.hash = hash
    this.number = number
    this.isWritten = this.isInRedis
  }

  /** Redis has the entry once it has run all commands sent. */
  get isInRedis(): boolean {
    return this.hash.fields.has(String(this.number))
  }

  /** Estimated bytes of the commands that write it. */
  get bytes(): number {
    return fieldBytes + (this.remaining === 0 || this.isInRedis ? 0 : this.#entry.length)
  }

  moveTo(hash: JournalHash): void {
    this.hash = hash
    this.number = ++hash.lastNumber
    hash.batches.set(this.number, this)
  }

  /** Adds its present state to the next commands of its hash. */
  write(): void {
    const { hash, number, bits } = this
    if (this.remaining === 0) {
      hash.remove(String(number))
      hash.remove(settledField(number))
      return
    }
    if (!this.isInRedis) hash.put(String(number), this.#entry)
    // A copy: more records may be settled before the command is sent.
    if (bits !== undefined) hash.put(settledField(number), Buffer.from(bits))
  }
}
