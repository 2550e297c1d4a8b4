/** The chronicle in Redis: a stream that every process appends to, and reads on a connection of its own. */
import type { Cancel, Clock } from '../clock.ts'
import type { Reply } from './redis-connection.ts'
import type { RedisKeys } from './redis-key.ts'
import type { RedisLink } from './redis-link.ts'
import type { Chronicle, Told } from './store.ts'

/** What a chronicle is given. */
export interface RedisChronicleDeps {
  /** Appends. */
  readonly link: Pick<RedisLink, 'send' | 'isUp'>
  /** Waits for what is appended. */
  readonly ear: Pick<RedisLink, 'send' | 'isUp' | 'isConnected'>
  readonly keys: RedisKeys
  /** The name of this process. */
  readonly process: string
  readonly clock: Clock
}

/** An event of this process that has not come back yet. */
interface Pending {
  readonly number: number
  readonly route: string
  readonly event: unknown
  readonly atMs: number
  /** Nobody waits for it any more. */
  isTold: boolean
  cancel: Cancel | undefined
}

/** What the stream keeps, and a process that starts hears of. */
const memoryMs = 120_000
const longestStream = 100_000
/** As long as the link waits before it is down: until then others may have been heard first. */
const patienceMs = 3000
const readAtOnce = 500
const blockMs = 1000
/** Events in one millisecond that a position can tell apart. */
const positionsPerMs = 4096

/**
 * What does not come back within 3 s, or cannot be appended, is heard by this process alone, and
 * passed over when it comes after all; the others hear it when they can.
 */
export class RedisChronicle implements Chronicle {
  readonly #deps: RedisChronicleDeps
  readonly #listeners = new Map<string, (told: Told) => void>()
  /** Of routes that nobody listens to yet. */
  #unheard: { readonly route: string; readonly told: Told }[] = []
  readonly #pending = new Map<number, Pending>()
  /** The last number of each process, so that what was appended twice is heard once. */
  readonly #latest = new Map<string, number>()
  #number = 0
  #position = 0
  #id: string | undefined
  #aheadMs = 0
  #closed = false
  readonly #due: (() => void)[] = []
  #telling = false

  constructor(deps: RedisChronicleDeps) {
    this.#deps = deps
  }

  listen(route: string, hear: (told: Told) => void): void {
    this.#listeners.set(route, hear)
    const missed = this.#unheard.filter((one) => one.route === route)
    this.#unheard = this.#unheard.filter((one) => one.route !== route)
    for (const { told } of missed) this.#tell(route, told)
  }

  append(route: string, event: unknown): void {
    const { link, ear, clock } = this.#deps
    const number = ++this.#number
    const atMs = clock.now()
    const pending: Pending = { number, route, event, atMs, isTold: false, cancel: undefined }
    this.#pending.set(number, pending)
    if (!link.isUp || !ear.isUp) {
      this.#tellAlone(pending)
      return
    }
    void this.#send(pending)
    pending.cancel = clock.after(patienceMs, () => {
      this.#tellAlone(pending)
    })
  }

  /** Before the ear is up: learns the time of Redis, and what has been said lately. */
  async resume(): Promise<void> {
    const { ear, keys, clock } = this.#deps
    const before = clock.now()
    const [seconds, micros] = (await ear.send(['TIME'])) as readonly Reply[]
    const theirs = Number(seconds) * 1000 + Number(micros) / 1000
    this.#aheadMs = theirs - (before + clock.now()) / 2
    const last = (await ear.send(['XREVRANGE', keys.chronicle, '+', '-', 'COUNT', '1'])) as Entries
    const top = last[0] === undefined ? undefined : String(last[0][0])
    // A stream that ends earlier than it did is another one.
    if (this.#id === undefined || (top !== undefined && isBefore(top, this.#id)))
      this.#id = `${Math.max(0, Math.floor(theirs) - memoryMs)}-0`
    while ((await this.#read('1')) === readAtOnce);
  }

  /** Hears until the ear is down. */
  async hear(): Promise<void> {
    try {
      while (this.#deps.ear.isUp && !this.#closed) await this.#read(String(blockMs))
    } catch {
      // The link is down and will resume.
    }
  }

  /**
   * Appends what could not be appended, as far as it is not too old to matter. Nothing newer is
   * before that, with half of the way up: what is heard behind it would be taken for a repetition.
   */
  appendMissed(): void {
    for (const pending of this.#pending.values()) void this.#send(pending)
  }

  /** Forgets what no process needs any more; now and then. */
  trim(): void {
    const { link, keys, clock } = this.#deps
    const oldest = clock.now() - memoryMs
    const since = Math.floor(oldest + this.#aheadMs)
    if (link.isUp)
      void link.send(['XTRIM', keys.chronicle, 'MINID', '~', String(since)]).catch(late)
    this.#unheard = this.#unheard.filter(({ told }) => told.atMs >= oldest)
    for (const [number, { atMs }] of this.#pending) {
      if (atMs >= oldest) break
      this.#pending.delete(number)
    }
  }

  close(): void {
    this.#closed = true
    for (const { cancel } of this.#pending.values()) cancel?.()
    this.#pending.clear()
  }

  async #send({ number, route, event }: Pending): Promise<void> {
    const { link, keys, process } = this.#deps
    const text = JSON.stringify([process, number, route, event])
    const length = String(longestStream)
    await link.send(['XADD', keys.chronicle, 'MAXLEN', '~', length, '*', 'e', text]).catch(late)
  }

  /** @returns how many came */
  async #read(block: string): Promise<number> {
    const { ear, keys } = this.#deps
    const from = this.#id ?? '0'
    const args = ['COUNT', String(readAtOnce), 'BLOCK', block, 'STREAMS', keys.chronicle, from]
    const streams = (await ear.send(['XREAD', ...args])) as readonly [Reply, Entries][] | null
    const entries = streams?.[0]?.[1] ?? []
    for (const [id, fields] of entries) {
      this.#id = String(id)
      this.#hearOne(this.#id, String(fields[1]))
    }
    return entries.length
  }

  #hearOne(id: string, text: string): void {
    const entry = parseEntry(text)
    if (entry === undefined) return
    const { process, number, route, event } = entry
    if (number <= (this.#latest.get(process) ?? 0)) return
    this.#latest.set(process, number)
    const own = process === this.#deps.process
    const pending = own ? this.#pending.get(number) : undefined
    if (own) this.#pending.delete(number)
    pending?.cancel?.()
    if (own && pending?.isTold !== false) return
    const [ms = 0, sequence = 0] = id.split('-').map(Number)
    const position = Math.max(ms * positionsPerMs + sequence, this.#position + 1)
    this.#position = position
    this.#tell(route, { event, position, atMs: ms - this.#aheadMs, own })
  }

  /** With all that were appended before it: they would not come in order any more. */
  #tellAlone(latest: Pending): void {
    for (const pending of this.#pending.values()) {
      if (pending.number > latest.number) break
      if (pending.isTold) continue
      pending.isTold = true
      pending.cancel?.()
      const { route, event, atMs } = pending
      this.#tell(route, { event, position: ++this.#position, atMs, own: true })
    }
  }

  /** What is appended by who hears waits for its turn, even where it is heard at once. */
  #tell(route: string, told: Told): void {
    const hear = this.#listeners.get(route)
    if (hear === undefined) {
      this.#unheard.push({ route, told })
      return
    }
    this.#due.push(() => {
      hear(told)
    })
    if (this.#telling) return
    this.#telling = true
    for (let next = this.#due.shift(); next !== undefined; next = this.#due.shift())
      try {
        next()
      } catch (error) {
        // A defect of one who hears must not cost the others their events.
        setImmediate(() => {
          throw error
        })
      }
    this.#telling = false
  }
}

type Entries = readonly (readonly [Reply, readonly Reply[]])[]

/** What no proxy has written is passed over: one bad entry must not make all deaf. */
function parseEntry(
  text: string,
): { process: string; number: number; route: string; event: unknown } | undefined {
  try {
    const [process, number, route, event] = JSON.parse(text) as unknown[]
    if (typeof process !== 'string' || typeof number !== 'number' || typeof route !== 'string')
      return undefined
    return { process, number, route, event }
  } catch {
    return undefined
  }
}

function isBefore(one: string, other: string): boolean {
  const [ms = 0, sequence = 0] = one.split('-').map(Number)
  const [otherMs = 0, otherSequence = 0] = other.split('-').map(Number)
  return ms < otherMs || (ms === otherMs && sequence < otherSequence)
}

function late(): void {
  // The link is down; what is pending is appended when it is back.
}
