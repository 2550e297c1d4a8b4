/** The list of told tokens in Redis: one stream for all processes, bounded by age and number. */
import type { Clock } from '../timing/clock.ts'
import type { RedisConnection, Reply } from './redis-dialler.ts'
import type { RedisKeys } from './redis-key.ts'
import type { RedisLink } from './redis-link.ts'
import type { ToldRange, ToldRecord, ToldStore } from './store.ts'
import { mostUnwritten, outdatedUpTo, parseTold, type ToldLimits } from './told.ts'

export interface RedisToldDeps {
  readonly link: Pick<RedisLink, 'send' | 'try' | 'isUp'>
  readonly keys: RedisKeys
  readonly limits: ToldLimits
  readonly clock: Clock
}

const writtenAtOnce = 500
const readAtOnce = 1000
/** How far the clock of Redis may be behind those of the proxies. */
const clockDifferenceMs = 3_600_000

/** KEYS told; ARGV limit of the entries, then new ones. → their number. */
const addScript = `
for i = 2, #ARGV do redis.call('XADD', KEYS[1], '*', 'e', ARGV[i]) end
redis.call('XTRIM', KEYS[1], 'MAXLEN', ARGV[1])
return #ARGV - 1`

/** Keeps in memory what Redis has not confirmed. A failure costs other parts nothing. */
export class RedisTold implements ToldStore {
  readonly #deps: RedisToldDeps
  readonly #key: string
  #unwritten: string[] = []
  #writing: Promise<void> | undefined

  constructor(deps: RedisToldDeps) {
    this.#deps = deps
    this.#key = deps.keys('told')
  }

  add(record: ToldRecord): void {
    if (this.#deps.limits.keepDays === 0) return
    if (this.#unwritten.length === 0)
      setImmediate(() => {
        void this.flush()
      })
    this.#unwritten.push(JSON.stringify(record))
    if (this.#unwritten.length > mostUnwritten) this.#unwritten.shift()
  }

  read(range: ToldRange): AsyncIterable<ToldRecord> {
    return readToldStream(this.#deps.link, this.#key, range)
  }

  /** Writes what is unwritten, unless Redis refuses. */
  flush(): Promise<void> {
    this.#writing ??= this.#write().finally(() => {
      this.#writing = undefined
    })
    return this.#writing
  }

  /** Removes what is too old, and writes what could not be written before. */
  tidy(): void {
    const { link, limits, clock } = this.#deps
    const oldest = String(outdatedUpTo(limits, clock.now()))
    void link.try(['XTRIM', this.#key, 'MINID', oldest])
    void this.flush()
  }

  async #write(): Promise<void> {
    const { link, limits } = this.#deps
    let hasFailed = false
    while (this.#unwritten.length > 0 && link.isUp && !hasFailed) {
      const due = this.#unwritten.splice(0, writtenAtOnce)
      const args = ['EVAL', addScript, '1', this.#key, String(limits.maxEntries), ...due]
      hasFailed = (await link.try(args)) === undefined
      if (hasFailed) this.#unwritten.unshift(...due)
    }
  }
}

/** Reads the stream in pages. @throws the error of Redis */
export async function* readToldStream(
  connection: Pick<RedisConnection, 'send'>,
  key: string,
  range: ToldRange,
): AsyncGenerator<ToldRecord, void> {
  let from = String(Math.max(0, Math.floor(range.sinceMs) - clockDifferenceMs))
  for (let size = readAtOnce; size === readAtOnce;) {
    const page = ['XRANGE', key, from, '+', 'COUNT', String(readAtOnce)]
    const entries = (await connection.send(page)) as readonly [Reply, readonly Reply[]][]
    size = entries.length
    for (const [id, [, text]] of entries) {
      from = `(${String(id)}`
      const record = parseTold(String(text), range)
      if (record !== undefined) yield record
    }
  }
}
