/** The journal in Redis: a hash for each process, which another process claims when its owner dies. */
import { randomUUID } from 'node:crypto'
import type { Clock } from '../timing/clock.ts'
import { JournalEntryEncoder } from './journal-entry.ts'
import { BatchJournal } from './batch-journal.ts'
import { readHash } from './redis-dialler.ts'
import { JournalHash, RedisBatch, settledField } from './redis-journal-hash.ts'
import type { RedisKeys } from './redis-key.ts'
import type { RedisLink } from './redis-link.ts'
import type { Journal, JournalBatch, JournalRecord } from './store.ts'

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
const maxBytesUnderWay = 4 * 1024 * 1024

/**
 * Sends entries at the end of each turn of the event loop, in one command. Keeps them in memory until
 * they are settled: if Redis loses them, they are written again. Sends settlements every 20 ms.
 */
export class RedisJournal extends BatchJournal<RedisBatch> implements Journal {
  readonly #deps: RedisJournalDeps
  readonly #encoder = new JournalEntryEncoder()
  readonly #hashes = new Set<JournalHash>()
  #own: JournalHash
  readonly #due = new Set<RedisBatch>()
  #unwritten = 0
  #bytesUnderWay = 0
  #onWritten: (() => void)[] = []

  constructor(deps: RedisJournalDeps) {
    super(deps.clock)
    this.#deps = deps
    this.#own = this.#newHash()
  }

  get healthy(): boolean {
    return this.#unwritten < this.#deps.maxUnwritten
  }

  put(route: string, records: readonly JournalRecord[]): JournalBatch {
    const entry = Buffer.from(this.#encoder.encode(route, records))
    const batch = new RedisBatch(this, this.#own, entry)
    if (batch.remaining === 0) return batch
    this.add(batch)
    this.#unwritten += batch.remaining
    this.queue(batch)
    return batch
  }

  override settled(batch: RedisBatch, count: number): void {
    super.settled(batch, count)
    if (!batch.isWritten) this.#unwritten -= count
    if (batch.remaining === 0) batch.hash.batches.delete(batch.number)
  }

  async flush(): Promise<void> {
    this.sweep()
    if (this.isClosed || this.#hasWrittenAll) return
    await new Promise<void>((resolve) => this.#onWritten.push(resolve))
  }

  override close(): void {
    super.close()
    for (const resolve of this.#onWritten.splice(0)) resolve()
  }

  /** The hashes whose ownership {@link RedisLease} has to keep. */
  get hashes(): readonly JournalHash[] {
    return [...this.#hashes]
  }

  /** Drops claimed hashes that are empty. @returns their names */
  dropFinished(): readonly string[] {
    const finished = this.hashes.filter(
      (hash) => hash !== this.#own && hash.batches.size === 0 && hash.fields.size === 0,
    )
    for (const hash of finished) this.#hashes.delete(hash)
    return finished.map(({ name }) => name)
  }

  /** Removes settled entries. A full Redis accepts removals only, so they come first. */
  async makeRoom(): Promise<void> {
    for (const hash of this.#hashes) await this.#removeStrays(hash)
  }

  /**
   * Compares the fields in Redis with the entries in memory, removes settled entries and writes missing
   * ones. Writes the entries of hashes that another process has claimed into a new hash.
   */
  async resume(lost: ReadonlySet<string>): Promise<void> {
    for (const hash of this.hashes) if (lost.has(hash.name)) this.#move(hash)
    for (const hash of this.#hashes) {
      const found = (await this.#deps.link.send(['HKEYS', hash.key])) as readonly Buffer[]
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
    const fields = await readHash(link, keys(`journal:${name}`), readAtOnce)
    const hash = this.#newHash(name)
    hash.fields = new Set(fields.keys())
    const numbers = [...fields.keys()].filter((field) => !field.endsWith('s')).map(Number)
    for (const number of numbers.sort((one, other) => one - other))
      try {
        const entry = fields.get(String(number))
        if (entry === undefined) throw new RangeError('not the number of an entry')
        const bits = fields.get(settledField(number))
        this.restore(new RedisBatch(this, hash, entry, number, bits), entry)
      } catch (error) {
        if (!(error instanceof RangeError)) throw error
        this.#deps.damaged()
      }
  }

  /** Writes queued batches, unless too much is under way. */
  write(maxBytes = maxBytesUnderWay): void {
    if (!this.#deps.link.isUp || this.isClosed) return
    while (this.#due.size > 0 && this.#bytesUnderWay < maxBytes) void this.#writeSome()
    if (this.#hasWrittenAll) for (const resolve of this.#onWritten.splice(0)) resolve()
  }

  /** Writes all queued batches, before a command that refers to them. */
  writeAll(): void {
    this.write(Infinity)
  }

  protected override add(batch: RedisBatch): void {
    super.add(batch)
    if (batch.remaining > 0) batch.hash.batches.set(batch.number, batch)
  }

  /** While the link is down this queues nothing: {@link resume} finds the batch. */
  protected override queue(batch: RedisBatch): void {
    if (this.isClosed || !this.#deps.link.isConnected) return
    this.#due.add(batch)
    if (this.#due.size > 1) return
    setImmediate(() => this.write())
  }

  get #hasWrittenAll(): boolean {
    return this.#deps.link.isUp && this.#due.size === 0 && this.#bytesUnderWay === 0
  }

  async #writeSome(): Promise<void> {
    const batches: RedisBatch[] = []
    let bytes = 0
    for (const batch of this.#due) {
      if (bytes >= bytesAtOnce || batches.length >= writtenAtOnce) break
      this.#due.delete(batch)
      batches.push(batch)
      bytes += batch.bytes
      batch.write()
    }
    this.#bytesUnderWay += bytes
    try {
      const commands = this.hashes.flatMap((hash) => hash.takeCommands())
      await Promise.all(commands.map((args) => this.#deps.link.send(args)))
      for (const batch of batches) this.#written(batch)
    } catch {
      // The link is down, and resume() repeats the write.
    } finally {
      this.#bytesUnderWay -= bytes
      this.write()
    }
  }

  /** Redis has confirmed the batch, for the first time or again. */
  #written(batch: RedisBatch): void {
    if (!batch.isWritten) this.#unwritten -= batch.remaining
    batch.isWritten = true
  }

  async #removeStrays({ key, fields, batches }: JournalHash): Promise<void> {
    const strays = [...fields].filter((field) => !batches.has(parseInt(field)))
    for (const field of strays) fields.delete(field)
    for (let at = 0; at < strays.length; at += writtenAtOnce)
      await this.#deps.link.send(['HDEL', key, ...strays.slice(at, at + writtenAtOnce)])
  }

  #move(hash: JournalHash): void {
    this.#hashes.delete(hash)
    // The hash belongs to another process, so nothing in it may be removed.
    hash.fields.clear()
    if (hash === this.#own) this.#own = this.#newHash()
    for (const batch of hash.batches.values()) batch.moveTo(this.#own)
  }

  #newHash(name = `${this.#deps.clock.now()}-${randomUUID()}`): JournalHash {
    const hash = new JournalHash(name, this.#deps.keys(`journal:${name}`))
    this.#hashes.add(hash)
    return hash
  }
}
