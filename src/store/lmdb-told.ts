/** The list of told tokens in LMDB: in the order of time, bounded by age and number. */
import { setImmediate } from 'node:timers/promises'
import type { Database } from 'lmdb'
import type { Clock } from '../timing/clock.ts'
import { Timer } from '../timing/timer.ts'
import type { Change, Writer } from './lmdb-writer.ts'
import type { ToldRange, ToldRecord, ToldStore } from './store.ts'
import { mostUnwritten, outdatedUpTo, parseTold, type ToldLimits } from './told.ts'

/** By time in ms times {@link keysPerMs}. More records in one millisecond take the next keys. */
type ToldTable = Database<Buffer, number>

const keysPerMs = 1000
const writtenAtOnce = 1000
/** Few, so that a removal needs no more room than a {@link Change} without bytes may use. */
const removedAtOnce = 256
const readAtOnce = 1000
const checkAgeEveryMs = 3_600_000
/** Estimated bytes of a key and its place in a page. */
const keyBytes = 32

export class LmdbTold implements ToldStore, Change {
  readonly #table: ToldTable
  readonly #writer: Pick<Writer, 'writeSoon'>
  readonly #limits: ToldLimits
  readonly #clock: Clock
  readonly #nextCheck: Timer
  #unwritten: (readonly [key: number, value: Buffer])[] = []
  /** What the last {@link write} put and removed. */
  #written = 0
  #removed = 0
  #count: number
  #lastKey: number

  constructor(
    table: ToldTable,
    writer: Pick<Writer, 'writeSoon'>,
    limits: ToldLimits,
    clock: Clock,
  ) {
    this.#table = table
    this.#writer = writer
    this.#limits = limits
    this.#clock = clock
    this.#nextCheck = new Timer(clock, checkAgeEveryMs, () => writer.writeSoon(this))
    const [lastKey = 0] = table.getKeys({ reverse: true, limit: 1 })
    this.#lastKey = lastKey
    this.#count = table.getKeysCount()
    if (this.#count > 0) writer.writeSoon(this)
  }

  add(record: ToldRecord): void {
    if (this.#limits.keepDays === 0) return
    this.#lastKey = Math.max(this.#lastKey + 1, Math.floor(record.atMs * keysPerMs))
    this.#unwritten.push([this.#lastKey, Buffer.from(JSON.stringify(record))])
    if (this.#unwritten.length > mostUnwritten) this.#unwritten.shift()
    this.#writer.writeSoon(this)
  }

  read(range: ToldRange): AsyncIterable<ToldRecord> {
    return readToldTable(this.#table, range)
  }

  /** Sets no more timers. */
  close(): void {
    this.#nextCheck.stop()
  }

  /** Twice the records, because a page that is split is half empty. */
  get bytes(): number {
    const due = this.#unwritten.slice(0, writtenAtOnce)
    return due.reduce((sum, [, value]) => sum + 2 * (value.length + keyBytes), 0)
  }

  write(): void {
    const due = this.#unwritten.slice(0, writtenAtOnce)
    const outdated = this.#outdated(this.#count + due.length - this.#limits.maxEntries)
    for (const key of outdated) this.#table.removeSync(key)
    for (const [key, value] of due) this.#table.putSync(key, value)
    this.#written = due.length
    this.#removed = outdated.length
  }

  committed(): void {
    this.#unwritten.splice(0, this.#written)
    this.#count += this.#written - this.#removed
    if (this.#unwritten.length > 0 || this.#removed > 0) this.#writer.writeSoon(this)
    else if (this.#count > 0) this.#nextCheck.start()
  }

  /** The oldest keys: as many as are too many, and all that are too old. */
  #outdated(tooMany: number): readonly number[] {
    const oldest = [...this.#table.getKeys({ limit: removedAtOnce })]
    const lastKey = outdatedUpTo(this.#limits, this.#clock.now()) * keysPerMs
    return oldest.filter((key, index) => index < tooMany || key <= lastKey)
  }
}

/**
 * Reads in pages: a long transaction would keep the proxy from using pages that it has freed.
 * @param table undefined where an earlier version has kept nothing
 */
export async function* readToldTable(
  table: ToldTable | undefined,
  range: ToldRange,
): AsyncGenerator<ToldRecord, void> {
  let start = Math.max(0, Math.floor(range.sinceMs * keysPerMs))
  for (let size = readAtOnce; size === readAtOnce;) {
    const page = Array.from(
      table?.getRange({ start, limit: readAtOnce }) ?? [],
      ({ key, value }) => {
        start = key + 1
        return parseTold(value.toString(), range)
      },
    )
    size = page.length
    for (const record of page) if (record !== undefined) yield record
    await setImmediate()
  }
}
