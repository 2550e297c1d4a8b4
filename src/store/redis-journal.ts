/** The journal in Redis: a hash for each process, which another process claims when its owner dies. */
import { randomUUID } from 'node:crypto'
import type { Clock } from '../timing/clock.ts'
import { JournalEntryEncoder } from './journal-entry.ts'
import { SettlementSweep } from './journal.ts'
import { readHash, type Reply } from './redis-connection.ts'
import {
  JournalHash,
  RedisBatch,
  settledField,
  type BatchWriter,
  type Changes,
} from './redis-journal-hash.ts'
import type { RedisKeys } from './redis-key.ts'
import type { RedisLink } from './redis-link.ts'
import type { Journal, JournalBatch, JournalRecord, RecoveredRecord } from './store.ts'

export interface RedisJournalDeps {
  readonly link: Pick<RedisLink, 'send' | 'isUp' | 'isConnected'>
  readonly keys: RedisKeys
  readonly clock: Clock
  /** Notifications that may wait in memory for Redis. Above it the proxy stops reading from senders. */
  readonly maxUnwritten: number
  /** An entry of another process is malformed, and its notifications are lost. */
  readonly damaged: () => void
}

const writtenAtOnce = 512
const readAtOnce = 200
const bytesAtOnce = 1024 * 1024
/** Bytes in commands without an answer. Above it, changes wait, so that a slow Redis is not flooded. */
const bytesUnderWay = 4 * 1024 * 1024

/**
 * Sends entries at the end of each turn of the event loop, in one command. Keeps them in memory until
 * they are settled: if Redis loses them, they are written again. Sends settlements every 20 ms.
 */
export class RedisJournal implements Journal, BatchWriter {
  readonly #deps: RedisJournalDeps
  readonly #encoder = new JournalEntryEncoder()
  readonly #sweep: SettlementSweep
  readonly #hashes = new Map<string, JournalHash>()
  #own: JournalHash
  readonly #due = new Set<RedisBatch>()
  #unwritten = 0
  #bytesUnderWay = 0
  #isClosed = false
  #found: RecoveredRecord[] = []
  #take: ((record: RecoveredRecord) => void) | undefined
  #onWritten: (() => void)[] = []

  constructor(deps: RedisJournalDeps) {
    this.#deps = deps
    this.#sweep = new SettlementSweep(deps.clock)
    this.#own = this.#newHash()
  }

  get unsettled(): number {
    return this.#sweep.unsettled
  }

  get healthy(): boolean {
    return this.#unwritten < this.#deps.maxUnwritten
  }

  put(route: string, records: readonly JournalRecord[]): JournalBatch {
    const entry = Buffer.from(this.#encoder.encode(route, records))
    const batch = new RedisBatch(this, this.#sweep, this.#own, entry)
    if (batch.remaining === 0) return batch
    batch.moveTo(this.#own)
    this.#sweep.add(batch)
    this.#unwritten += batch.remaining
    this.writeSoon(batch)
    return batch
  }

  *recover(): Iterable<RecoveredRecord> {
    yield* this.#found.splice(0)
  }

  claimed(take: (record: RecoveredRecord) => void): void {
    this.#take = take
    for (const record of this.#found.splice(0)) take(record)
  }

  async flush(): Promise<void> {
    this.#sweep.run()
    if (this.#isClosed || this.#isWritten) return
    await new Promise<void>((resolve) => this.#onWritten.push(resolve))
  }

  /** Sets no more timers. */
  close(): void {
    this.#sweep.close()
    this.#isClosed = true
    for (const resolve of this.#onWritten.splice(0)) resolve()
  }

  /** The hashes whose ownership {@link RedisLease} has to keep. */
  get hashes(): readonly Pick<JournalHash, 'name' | 'size'>[] {
    return [...this.#hashes.values()]
  }

  /** Drops one claimed hash that is empty. @returns its name */
  dropFinished(): string | undefined {
    for (const hash of this.#hashes.values()) {
      if (hash === this.#own || hash.batches.size > 0 || hash.size > 0) continue
      this.#hashes.delete(hash.name)
      return hash.name
    }
    return undefined
  }

  /** Removes settled entries. A full Redis accepts removals only, so they come first. */
  async makeRoom(): Promise<void> {
    for (const hash of this.#hashes.values()) await this.#removeStrays(hash)
  }

  /**
   * Compares the fields in Redis with the entries in memory, removes settled entries and writes missing
   * ones. Writes the entries of hashes that another process has claimed into a new hash.
   */
  async resume(isOwned: (name: string) => boolean): Promise<void> {
    for (const hash of [...this.#hashes.values()]) if (!isOwned(hash.name)) this.#move(hash)
    for (const hash of this.#hashes.values()) {
      const { keys, link } = this.#deps
      const found = (await link.send(['HKEYS', keys.journal(hash.name)])) as readonly Buffer[]
      hash.fields = new Set(found.map(String))
      for (const batch of hash.batches.values()) {
        if (batch.isInRedis) this.#written(batch)
        if (!batch.isInRedis || batch.bits !== undefined) this.#due.add(batch)
      }
      await this.#removeStrays(hash)
    }
  }

  /** Reads the hash of a dead process: for {@link claimed}, or before that for {@link recover}. */
  async load(name: string): Promise<void> {
    const { keys, link } = this.#deps
    const fields = await readHash(link, keys.journal(name), readAtOnce)
    const hash = new JournalHash(name)
    hash.fields = new Set(fields.keys())
    this.#hashes.set(name, hash)
    const numbers = [...fields.keys()].filter((field) => !field.endsWith('s')).map(Number)
    for (const number of numbers.sort((one, other) => one - other))
      try {
        for (const record of this.#load(hash, number, fields))
          if (this.#take === undefined) this.#found.push(record)
          else this.#take(record)
      } catch (error) {
        if (!(error instanceof RangeError)) throw error
        this.#deps.damaged()
      }
  }

  /** Writes queued batches, as many as may be under way. */
  write(): void {
    if (!this.#deps.link.isUp || this.#isClosed) return
    while (this.#due.size > 0 && this.#bytesUnderWay < bytesUnderWay)
      void this.#writeSome(this.#takeDue())
    if (this.#isWritten) for (const resolve of this.#onWritten.splice(0)) resolve()
  }

  /** Writes all queued batches, before a command that refers to them. */
  writeAll(): void {
    if (!this.#deps.link.isUp || this.#isClosed) return
    while (this.#due.size > 0) void this.#writeSome(this.#takeDue())
  }

  /** @internal for the batches. While the link is down this queues nothing: {@link resume} finds it. */
  writeSoon(batch: RedisBatch): void {
    batch.isQueued = !this.#isClosed && this.#deps.link.isConnected
    if (!batch.isQueued) return
    this.#due.add(batch)
    if (this.#due.size > 1) return
    setImmediate(() => {
      this.write()
    })
  }

  /** @internal for the batches */
  settled(batch: RedisBatch, count: number): void {
    if (!batch.isWritten) this.#unwritten -= count
    if (batch.remaining === 0) batch.hash.batches.delete(batch.number)
  }

  get #isWritten(): boolean {
    return this.#deps.link.isUp && this.#due.size === 0 && this.#bytesUnderWay === 0
  }

  #takeDue(): readonly RedisBatch[] {
    const some: RedisBatch[] = []
    let bytes = 0
    for (const batch of this.#due) {
      if (bytes >= bytesAtOnce || some.length >= writtenAtOnce) break
      this.#due.delete(batch)
      some.push(batch)
      bytes += batch.bytes
    }
    return some
  }

  async #writeSome(batches: readonly RedisBatch[]): Promise<void> {
    const changes = new Map<JournalHash, Changes>()
    let bytes = 0
    for (const batch of batches) {
      const { hash } = batch
      const some = changes.get(hash) ?? { put: [], remove: [] }
      changes.set(hash, some)
      bytes += batch.bytes
      batch.write(some)
    }
    this.#bytesUnderWay += bytes
    try {
      await Promise.all(Array.from(changes, (change) => this.#send(...change)))
      for (const batch of batches) this.#written(batch)
    } catch {
      // The link is down, and resume() repeats the write.
    } finally {
      this.#bytesUnderWay -= bytes
      this.write()
    }
  }

  async #send({ name }: JournalHash, { put, remove }: Changes): Promise<Reply[]> {
    const { keys, link } = this.#deps
    const sent: Promise<Reply>[] = []
    if (put.length > 0) sent.push(link.send(['HSET', keys.journal(name), ...put]))
    if (remove.length > 0) sent.push(link.send(['HDEL', keys.journal(name), ...remove]))
    return Promise.all(sent)
  }

  /** Redis has confirmed the batch, for the first time or again. */
  #written(batch: RedisBatch): void {
    if (!batch.isWritten) this.#unwritten -= batch.remaining
    batch.isWritten = true
  }

  async #removeStrays({ name, fields, batches }: JournalHash): Promise<void> {
    const { keys, link } = this.#deps
    const strays = [...fields].filter((field) => !batches.has(parseInt(field)))
    for (const field of strays) fields.delete(field)
    for (let at = 0; at < strays.length; at += writtenAtOnce)
      await link.send(['HDEL', keys.journal(name), ...strays.slice(at, at + writtenAtOnce)])
  }

  #move(hash: JournalHash): void {
    this.#hashes.delete(hash.name)
    // The hash belongs to another process, so nothing in it may be removed.
    hash.fields.clear()
    if (hash === this.#own) this.#own = this.#newHash()
    for (const batch of hash.batches.values()) batch.moveTo(this.#own)
  }

  #newHash(): JournalHash {
    const hash = new JournalHash(`${this.#deps.clock.now()}-${randomUUID()}`)
    this.#hashes.set(hash.name, hash)
    return hash
  }

  #load(
    hash: JournalHash,
    number: number,
    fields: ReadonlyMap<string, Buffer>,
  ): readonly RecoveredRecord[] {
    const entry = fields.get(String(number))
    if (entry === undefined) throw new RangeError('not the number of an entry')
    const batch = new RedisBatch(this, this.#sweep, hash, entry, number)
    batch.merge(fields.get(settledField(number)))
    const records = batch.recovered(entry)
    batch.isWritten = true
    this.#sweep.add(batch)
    if (batch.remaining > 0) hash.batches.set(number, batch)
    else this.#sweep.settled(batch, 0)
    return records
  }
}
