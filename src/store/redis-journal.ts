/** The journal in Redis: a hash for each process, which others take over when it is gone. */
import { randomUUID } from 'node:crypto'
import type { Cancel, Clock } from '../clock.ts'
import {
  decodeJournalEntry,
  encodeJournalEntry,
  journalEntryBytes,
  longestRouteBytes,
} from './journal-entry.ts'
import type { Reply } from './redis-connection.ts'
import type { RedisKeys } from './redis-key.ts'
import type { RedisLink } from './redis-link.ts'
import type { Journal, JournalBatch, JournalRecord, RecoveredRecord } from './store.ts'

/** What a journal is given. */
export interface RedisJournalDeps {
  readonly link: Pick<RedisLink, 'send' | 'isUp' | 'isConnected'>
  readonly keys: RedisKeys
  /** The name of this process. */
  readonly process: string
  readonly clock: Clock
  /** Notifications that are not in Redis yet and may be waited for; from there on senders wait. */
  readonly maxUnwritten: number
  /** An entry of another process cannot be read, and is lost. */
  readonly damaged: () => void
}

const sweepMs = 20
const writtenAtOnce = 512
const bytesAtOnce = 1024 * 1024
/** What may be under way; the rest waits, so that a slow Redis is not sent what it cannot take. */
const bytesUnderWay = 4 * 1024 * 1024
const settledSuffix = 's'

/**
 * Entries go out at the end of the turn, all in one command, and are kept in memory until they are
 * settled: a Redis that has lost them is given them again. Settlements follow every 20 ms.
 */
export class RedisJournal implements Journal {
  readonly #deps: RedisJournalDeps
  readonly #routes = new Map<string, Buffer>()
  readonly #hashes = new Map<string, Hash>()
  #own: Hash
  #unsettled = 0
  #unwritten = 0
  #bytesUnderWay = 0
  #due: Batch[] = []
  #dirty: Batch[] = []
  #cancelSweep: Cancel | undefined
  #planned = false
  #closed = false
  #found: RecoveredRecord[] = []
  #hear: ((record: RecoveredRecord) => void) | undefined
  #onWritten: (() => void)[] = []

  constructor(deps: RedisJournalDeps) {
    this.#deps = deps
    this.#own = this.#newHash()
  }

  get unsettled(): number {
    return this.#unsettled
  }

  get healthy(): boolean {
    return this.#unwritten < this.#deps.maxUnwritten
  }

  put(route: string, records: readonly JournalRecord[]): JournalBatch {
    const encodedRoute = this.#encoded(route)
    const bytes = journalEntryBytes(encodedRoute, records)
    const entry = encodeJournalEntry(encodedRoute, records, bytes)
    const batch = new Batch(this, this.#own, entry, records.length)
    if (records.length === 0) return batch
    this.#unsettled += records.length
    this.#unwritten += records.length
    this.#writeSoon(batch)
    return batch
  }

  *recover(): Iterable<RecoveredRecord> {
    yield* this.#found.splice(0)
  }

  claimed(hear: (record: RecoveredRecord) => void): void {
    this.#hear = hear
    for (const record of this.#found.splice(0)) hear(record)
  }

  async flush(): Promise<void> {
    this.#sweep()
    if (this.#closed || this.#isWritten) return
    await new Promise<void>((resolve) => this.#onWritten.push(resolve))
  }

  /** Sets no timer any more. */
  close(): void {
    this.#cancelSweep?.()
    this.#closed = true
    for (const resolve of this.#onWritten.splice(0)) resolve()
  }

  /** What it has in Redis, for who looks after its ownership. */
  get hashes(): readonly JournalHash[] {
    return [...this.#hashes.values()]
  }

  /** Lets go of what another process left, once it is empty. @returns its name */
  dropFinished(): string | undefined {
    for (const hash of this.#hashes.values()) {
      if (hash === this.#own || hash.batches.size > 0 || hash.size > 0) continue
      this.#hashes.delete(hash.name)
      return hash.name
    }
    return undefined
  }

  /** Removes what is settled: a Redis that is full takes that, and nothing else before. */
  async makeRoom(): Promise<void> {
    for (const hash of this.#hashes.values())
      await this.#removeStrays(hash, await this.#fieldsOf(hash))
  }

  /**
   * Finds out what Redis should have and has not, and removes what it should not have. What belongs
   * to another process by now is written once more as its own.
   */
  async resume(isOwned: (name: string) => boolean): Promise<void> {
    const hashes = [...this.#hashes.values()]
    for (const hash of hashes) if (!isOwned(hash.name)) this.#move(hash)
    for (const hash of this.#hashes.values()) await this.#compare(hash)
  }

  /** What another process left: heard by {@link claimed}, or kept for {@link recover}. */
  async load(name: string): Promise<void> {
    const fields = new Map<string, Buffer>()
    for (let cursor = ''; cursor !== '0';) {
      const key = this.#deps.keys.journal(name)
      const page = await this.#deps.link.send(['HSCAN', key, cursor || '0', 'COUNT', '200'])
      const [next, items] = page as readonly [Reply, readonly Buffer[]]
      cursor = String(next)
      for (let at = 0; at + 1 < items.length; at += 2)
        fields.set(String(items[at]), items[at + 1] ?? Buffer.alloc(0))
    }
    const hash = new Hash(name)
    hash.size = fields.size
    this.#hashes.set(name, hash)
    const numbers = [...fields.keys()].filter((field) => !field.endsWith(settledSuffix))
    for (const number of numbers.map(Number).sort((one, other) => one - other))
      this.#take(hash, number, fields)
  }

  /** What can be written by now. */
  write(): void {
    this.#planned = false
    if (!this.#deps.link.isUp || this.#closed) return
    while (this.#due.length > 0 && this.#bytesUnderWay < bytesUnderWay)
      void this.#writeSome(this.#takeDue())
    if (this.#isWritten) for (const resolve of this.#onWritten.splice(0)) resolve()
  }

  /** @internal for the batches */
  settledOne(isWritten: boolean): void {
    this.#unsettled--
    if (!isWritten) this.#unwritten--
  }

  /** @internal for the batches */
  soil(batch: Batch): void {
    if (this.#closed) return
    this.#dirty.push(batch)
    this.#cancelSweep ??= this.#deps.clock.after(sweepMs, () => {
      this.#sweep()
    })
  }

  get #isWritten(): boolean {
    return this.#deps.link.isUp && this.#due.length === 0 && this.#bytesUnderWay === 0
  }

  #sweep(): void {
    this.#cancelSweep?.()
    this.#cancelSweep = undefined
    for (const batch of this.#dirty.splice(0)) {
      batch.isDirty = false
      this.#writeSoon(batch)
    }
  }

  /** While Redis is away nothing queues: {@link resume} finds out what it needs. */
  #writeSoon(batch: Batch): void {
    if (this.#closed || batch.isDue || !this.#deps.link.isConnected) return
    batch.isDue = true
    this.#due.push(batch)
    if (this.#planned) return
    this.#planned = true
    setImmediate(() => {
      this.write()
    })
  }

  #takeDue(): readonly Batch[] {
    let count = 0
    for (let bytes = 0; bytes < bytesAtOnce && count < writtenAtOnce; count++) {
      const batch = this.#due[count]
      if (batch === undefined) break
      bytes += batch.bytes
    }
    return this.#due.splice(0, count)
  }

  async #writeSome(batches: readonly Batch[]): Promise<void> {
    const changes = new Map<Hash, Changes>()
    let bytes = 0
    for (const batch of batches) {
      const { hash } = batch
      const some = changes.get(hash) ?? { put: [], remove: [] }
      changes.set(hash, some)
      bytes += batch.write(some)
    }
    this.#bytesUnderWay += bytes
    try {
      await Promise.all(Array.from(changes, (change) => this.#send(...change)))
      for (const batch of batches) this.#unwritten -= batch.written()
    } catch {
      // The link is down and will resume.
    } finally {
      this.#bytesUnderWay -= bytes
      this.write()
    }
  }

  async #send(hash: Hash, { put, remove }: Changes): Promise<void> {
    const { keys, link } = this.#deps
    const key = keys.journal(hash.name)
    const puts = put.length > 0 ? link.send(['HSET', key, ...put]) : undefined
    const removals = remove.length > 0 ? link.send(['HDEL', key, ...remove]) : undefined
    await Promise.all([puts, removals])
  }

  async #compare(hash: Hash): Promise<void> {
    const found = await this.#fieldsOf(hash)
    hash.size = found.size
    // What was to be written is found anew, and what was to be removed is among the strays.
    this.#due = this.#due.filter((batch) => batch.hash !== hash)
    this.#dirty = this.#dirty.filter((batch) => batch.hash !== hash)
    for (const batch of hash.batches.values()) {
      if (batch.found(found)) this.#unwritten -= batch.written()
      batch.isDirty = false
      batch.isDue = !batch.isStored
      if (batch.isDue) this.#due.push(batch)
    }
    const removed = await this.#removeStrays(hash, found)
    hash.size -= removed
  }

  async #fieldsOf({ name }: Hash): Promise<ReadonlySet<string>> {
    const { keys, link } = this.#deps
    const fields = (await link.send(['HKEYS', keys.journal(name)])) as readonly Buffer[]
    return new Set(fields.map(String))
  }

  /** @returns how many there were */
  async #removeStrays({ name, batches }: Hash, found: ReadonlySet<string>): Promise<number> {
    const { keys, link } = this.#deps
    const key = keys.journal(name)
    const strays = [...found].filter((field) => !batches.has(parseInt(field)))
    let count = 0
    for (let at = 0; at < strays.length; at += writtenAtOnce)
      count += Number(await link.send(['HDEL', key, ...strays.slice(at, at + writtenAtOnce)]))
    return count
  }

  #move(hash: Hash): void {
    this.#hashes.delete(hash.name)
    if (hash === this.#own) this.#own = this.#newHash()
    for (const batch of hash.batches.values()) batch.moveTo(this.#own)
  }

  #newHash(): Hash {
    const hash = new Hash(`${this.#deps.clock.now()}-${randomUUID()}`)
    this.#hashes.set(hash.name, hash)
    return hash
  }

  #take(hash: Hash, number: number, fields: ReadonlyMap<string, Buffer>): void {
    const value = fields.get(String(number))
    try {
      if (value === undefined) throw new RangeError('not an entry')
      const { route, records } = decodeJournalEntry(value)
      const batch = new Batch(this, hash, value, records.length, number)
      this.#unsettled += batch.load(fields.get(`${number}${settledSuffix}`))
      for (const [index, record] of records.entries())
        if (!batch.isSettled(index)) this.#find({ route, record, settled: batch.settle(index) })
    } catch (error) {
      if (!(error instanceof RangeError)) throw error
      this.#deps.damaged()
    }
  }

  #find(record: RecoveredRecord): void {
    if (this.#hear === undefined) this.#found.push(record)
    else this.#hear(record)
  }

  #encoded(route: string): Buffer {
    let bytes = this.#routes.get(route)
    if (bytes === undefined) {
      bytes = Buffer.from(route)
      if (bytes.length > longestRouteBytes) throw new RangeError('the name of a route is too long')
      this.#routes.set(route, bytes)
    }
    return bytes
  }
}

/** A hash in Redis, as far as its owner has to know. */
export interface JournalHash {
  readonly name: string
  /** How many fields it has when all that has been sent has arrived. */
  readonly size: number
}

class Hash implements JournalHash {
  readonly name: string
  readonly batches = new Map<number, Batch>()
  size = 0
  lastNumber = 0

  constructor(name: string) {
    this.name = name
  }
}

/** Arguments of commands for one hash. */
interface Changes {
  readonly put: (string | Buffer)[]
  readonly remove: string[]
}

/** What it costs beside its bytes to have a field under way. */
const fieldBytes = 64

/** A class for speed: one for each read from a sender. */
class Batch implements JournalBatch {
  isDue = false
  isDirty = false
  hash: Hash
  readonly #journal: RedisJournal
  readonly #entry: Buffer
  readonly #count: number
  #number: number
  #remaining: number
  #settled: Buffer | undefined
  /** Whether it has been sent, so that it has to be removed. */
  #stored = false
  #settledStored = false
  #settledChanged = false
  /** Whether Redis has confirmed it once. */
  #written = false

  constructor(
    journal: RedisJournal,
    hash: Hash,
    entry: Buffer,
    count: number,
    number = ++hash.lastNumber,
  ) {
    this.#journal = journal
    this.hash = hash
    this.#entry = entry
    this.#count = count
    this.#remaining = count
    this.#number = number
    if (count > 0) hash.batches.set(number, this)
  }

  /** About what it takes to write it. */
  get bytes(): number {
    return this.#remaining === 0 || this.#stored ? fieldBytes : fieldBytes + this.#entry.length
  }

  /** Whether Redis has all that is known of it. */
  get isStored(): boolean {
    return this.#stored && !this.#settledChanged
  }

  settle(index: number): () => void {
    return () => {
      this.settled(index)
    }
  }

  settled(index: number): void {
    if (this.#remaining === 0 || index < 0 || index >= this.#count || this.isSettled(index)) return
    this.#settled ??= Buffer.alloc((this.#count + 7) >> 3)
    this.#settled[index >> 3] = (this.#settled[index >> 3] ?? 0) | (1 << (index & 7))
    this.#settledChanged = true
    this.#remaining--
    this.#journal.settledOne(this.#written)
    if (this.#remaining === 0) this.hash.batches.delete(this.#number)
    if (this.isDirty) return
    this.isDirty = true
    this.#journal.soil(this)
  }

  isSettled(index: number): boolean {
    return ((this.#settled?.[index >> 3] ?? 0) & (1 << (index & 7))) !== 0
  }

  /** Adds what is true by now, and returns about how many bytes that is. */
  write({ put, remove }: Changes): number {
    this.isDue = false
    const field = String(this.#number)
    const settledField = field + settledSuffix
    if (this.#remaining === 0) {
      if (this.#stored) remove.push(field)
      if (this.#settledStored) remove.push(settledField)
      this.hash.size -= Number(this.#stored) + Number(this.#settledStored)
      this.#stored = false
      this.#settledStored = false
      return fieldBytes
    }
    const { bytes } = this
    if (!this.#stored) {
      put.push(field, this.#entry)
      this.hash.size++
      this.#stored = true
    }
    if (this.#settled !== undefined && this.#settledChanged) {
      // A copy: it may be settled further before it has gone out.
      put.push(settledField, Buffer.from(this.#settled))
      this.hash.size += this.#settledStored ? 0 : 1
      this.#settledStored = true
      this.#settledChanged = false
    }
    return bytes
  }

  /** Redis has it. @returns how many of it are not settled yet, the first time */
  written(): number {
    if (this.#written) return 0
    this.#written = true
    return this.#remaining
  }

  /** Goes by what Redis has. @returns whether that is the entry, never mind what of it is settled */
  found(fields: ReadonlySet<string>): boolean {
    const field = String(this.#number)
    this.#stored = fields.has(field)
    this.#settledStored = fields.has(field + settledSuffix)
    // Which of its versions is there is not known.
    this.#settledChanged = this.#settled !== undefined
    return this.#stored
  }

  /** Takes what Redis has, and returns how many are left to settle. */
  load(settled: Buffer | undefined): number {
    this.#stored = true
    this.#written = true
    if (settled === undefined) return this.#remaining
    this.#settledStored = true
    this.#settled = Buffer.alloc((this.#count + 7) >> 3)
    settled.copy(this.#settled)
    for (let index = 0; index < this.#count; index++) if (this.isSettled(index)) this.#remaining--
    if (this.#remaining === 0) {
      this.hash.batches.delete(this.#number)
      this.#journal.soil(this)
    }
    return this.#remaining
  }

  moveTo(hash: Hash): void {
    this.hash = hash
    this.#number = ++hash.lastNumber
    this.#stored = false
    this.#settledStored = false
    this.#settledChanged = this.#settled !== undefined
    hash.batches.set(this.#number, this)
  }
}
