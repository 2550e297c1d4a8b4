/** The event log in Redis: a stream that every process appends to and reads. */
import { z } from 'zod'
import type { Cancel, Clock } from '../timing/clock.ts'
import { EventListeners } from './event-listeners.ts'
import type { Reply } from './redis-connection.ts'
import type { RedisKeys } from './redis-key.ts'
import type { RedisLink } from './redis-link.ts'
import type { EventLog, LoggedEvent } from './store.ts'

export interface RedisEventLogDeps {
  readonly link: Pick<RedisLink, 'send' | 'isUp'>
  /** A separate connection, because reading blocks it. */
  readonly logLink: Pick<RedisLink, 'send' | 'isUp' | 'isConnected'>
  readonly keys: RedisKeys
  /** The name of this process. */
  readonly process: string
  readonly clock: Clock
  /** Another program wrote something malformed, which is ignored. */
  readonly damaged: () => void
}

/** An event of this process that it has not read back yet. */
interface Pending {
  readonly number: number
  readonly route: string
  readonly event: unknown
  readonly atMs: number
  cancel: Cancel | undefined
}

interface Routed {
  readonly route: string
  readonly logged: LoggedEvent
}

/** The age of the oldest events that the stream keeps, and that a starting process reads. */
const memoryMs = 120_000
const longestStream = 100_000
/** As long as the link waits before it is down. Until then, events of others can precede this one. */
const patienceMs = 3000
const readAtOnce = 500
const blockMs = 1000
/** Events in one millisecond that have different positions. */
const positionsPerMs = 4096

/**
 * If an event cannot be appended, or is not read back within 3 s, this process applies it alone and
 * ignores it in the stream later. The other processes apply it when they read it.
 */
export class RedisEventLog implements EventLog {
  readonly #deps: RedisEventLogDeps
  readonly #listeners = new EventListeners()
  /** Of routes that nobody listens to just now. */
  #unapplied: Routed[] = []
  readonly #pending = new Map<number, Pending>()
  /** Those of them that are not applied yet: what is applied stays pending for minutes. */
  readonly #waiting = new Set<Pending>()
  /** The last number of each process, so that what was appended twice is applied once. */
  readonly #latest = new Map<string, number>()
  #number = 0
  #position = 0
  #id: string | undefined
  #aheadMs = 0
  #isClosed = false
  readonly #due: Routed[] = []
  #isApplying = false

  constructor(deps: RedisEventLogDeps) {
    this.#deps = deps
  }

  listen(route: string, apply: (event: LoggedEvent) => void): () => void {
    const end = this.#listeners.add(route, apply)
    const missed = this.#unapplied.filter((one) => one.route === route)
    this.#unapplied = this.#unapplied.filter((one) => one.route !== route)
    for (const { logged } of missed) this.#apply(route, logged)
    return end
  }

  append(route: string, event: unknown): void {
    const { link, logLink, clock } = this.#deps
    const number = ++this.#number
    const atMs = clock.now()
    const pending: Pending = { number, route, event, atMs, cancel: undefined }
    this.#pending.set(number, pending)
    this.#waiting.add(pending)
    if (!link.isUp || !logLink.isUp) {
      this.#applyAlone(pending)
      return
    }
    void this.#send(pending)
    pending.cancel = clock.after(patienceMs, () => {
      this.#applyAlone(pending)
    })
  }

  /** Runs before the connection is up: reads the clock of Redis and the latest events. */
  async resume(): Promise<void> {
    const { logLink, keys, clock } = this.#deps
    const before = clock.now()
    const [seconds, micros] = (await logLink.send(['TIME'])) as readonly Reply[]
    const theirs = Number(seconds) * 1000 + Number(micros) / 1000
    this.#aheadMs = theirs - (before + clock.now()) / 2
    const range = ['XREVRANGE', keys.eventLog, '+', '-', 'COUNT', '1']
    const [last] = (await logLink.send(range)) as Entries
    // A stream that ends earlier than before is a new one.
    if (this.#id === undefined || (last && isBefore(String(last[0]), this.#id)))
      this.#id = `${Math.max(0, Math.floor(theirs) - memoryMs)}-0`
    while ((await this.#read('1')) === readAtOnce);
  }

  /** Applies events until the connection is lost. */
  async read(): Promise<void> {
    try {
      while (this.#deps.logLink.isUp && !this.#isClosed) await this.#read(String(blockMs))
    } catch {
      // The link is down and will resume.
    }
  }

  /**
   * Appends the events that could not be appended, unless they are too old. Until then `append` sends
   * nothing newer: the readers take a lower number after a higher one for a repetition.
   */
  appendMissed(): void {
    for (const pending of this.#pending.values()) void this.#send(pending)
  }

  /** Removes events that are too old. */
  trim(): void {
    const { link, keys, clock } = this.#deps
    const oldest = clock.now() - memoryMs
    const since = Math.floor(oldest + this.#aheadMs)
    if (link.isUp) void link.send(['XTRIM', keys.eventLog, 'MINID', '~', String(since)]).catch(late)
    this.#unapplied = this.#unapplied.filter(({ logged }) => logged.atMs >= oldest)
    for (const [number, { atMs }] of this.#pending) {
      if (atMs >= oldest) break
      this.#pending.delete(number)
    }
  }

  close(): void {
    this.#isClosed = true
    for (const { cancel } of this.#waiting) cancel?.()
    this.#waiting.clear()
    this.#pending.clear()
  }

  async #send({ number, route, event }: Pending): Promise<void> {
    const { link, keys, process } = this.#deps
    const text = JSON.stringify([process, number, route, event])
    const length = String(longestStream)
    await link.send(['XADD', keys.eventLog, 'MAXLEN', '~', length, '*', 'e', text]).catch(late)
  }

  /** @returns the number of events read */
  async #read(block: string): Promise<number> {
    const { logLink, keys } = this.#deps
    const from = this.#id ?? '0'
    const args = ['COUNT', String(readAtOnce), 'BLOCK', block, 'STREAMS', keys.eventLog, from]
    const streams = (await logLink.send(['XREAD', ...args])) as readonly [Reply, Entries][] | null
    const entries = streams?.[0]?.[1] ?? []
    for (const [id, fields] of entries) {
      this.#id = String(id)
      this.#received(this.#id, String(fields[1]))
    }
    return entries.length
  }

  #received(id: string, text: string): void {
    const entry = parseEntry(text)
    if (entry === undefined) {
      this.#deps.damaged()
      return
    }
    const [process, number, route, event] = entry
    if (number <= (this.#latest.get(process) ?? 0)) return
    this.#latest.set(process, number)
    const own = process === this.#deps.process
    const pending = own ? this.#pending.get(number) : undefined
    if (own) this.#pending.delete(number)
    if (own && (pending === undefined || !this.#waiting.delete(pending))) return
    pending?.cancel?.()
    const [ms, sequence] = partsOf(id)
    const position = Math.max(ms * positionsPerMs + sequence, this.#position + 1)
    this.#position = position
    this.#apply(route, { event, position, atMs: ms - this.#aheadMs, own })
  }

  /** Applies all earlier pending events first, to keep their order. */
  #applyAlone(latest: Pending): void {
    for (const pending of this.#waiting) {
      if (pending.number > latest.number) break
      this.#waiting.delete(pending)
      pending.cancel?.()
      const { route, event, atMs } = pending
      this.#apply(route, { event, position: ++this.#position, atMs, own: true })
    }
  }

  /** An event that a listener appends is applied after the current one. */
  #apply(route: string, logged: LoggedEvent): void {
    this.#due.push({ route, logged })
    if (this.#isApplying) return
    this.#isApplying = true
    for (let next = this.#due.shift(); next !== undefined; next = this.#due.shift())
      this.#applyOne(next)
    this.#isApplying = false
  }

  #applyOne(one: Routed): void {
    const listeners = this.#listeners.of(one.route)
    if (listeners === undefined) {
      this.#unapplied.push(one)
      return
    }
    for (const apply of listeners)
      try {
        apply(one.logged)
      } catch (error) {
        // A defect of one listener must not cost the others their events.
        setImmediate(() => {
          throw error
        })
      }
  }
}

type Entries = readonly (readonly [Reply, readonly Reply[]])[]

/** Process, number, route and event of an entry. */
const entryFields = z.tuple([z.string(), z.number(), z.string(), z.unknown()])

/** Undefined for a malformed entry: one must not stop all processes. */
function parseEntry(text: string): z.infer<typeof entryFields> | undefined {
  try {
    return entryFields.parse(JSON.parse(text))
  } catch {
    return undefined
  }
}

function isBefore(one: string, other: string): boolean {
  const [ms, sequence] = partsOf(one)
  const [otherMs, otherSequence] = partsOf(other)
  return ms < otherMs || (ms === otherMs && sequence < otherSequence)
}

/** The id of an entry in a stream is the clock of Redis, and a number within the millisecond. */
function partsOf(id: string): [ms: number, sequence: number] {
  const [ms = 0, sequence = 0] = id.split('-').map(Number)
  return [ms, sequence]
}

function late(): void {
  // The link is down. Pending events are appended when it is back.
}
