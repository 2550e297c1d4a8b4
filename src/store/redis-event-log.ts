/** The event log in Redis: a stream that every process appends to and reads. */
import { z } from 'zod'
import type { Clock } from '../timing/clock.ts'
import { EventLogListeners, type RoutedEvent } from './event-log-listeners.ts'
import type { Reply } from './redis-dialler.ts'
import type { RedisJournal } from './redis-journal.ts'
import type { RedisKeys } from './redis-key.ts'
import type { RedisLink } from './redis-link.ts'
import type { EventLog, LoggedEvent } from './store.ts'

export interface RedisEventLogDeps {
  readonly link: Pick<RedisLink, 'send' | 'isUp'>
  /** A separate connection, because reading blocks it. */
  readonly logLink: Pick<RedisLink, 'send' | 'isUp' | 'isConnected'>
  readonly journal: Pick<RedisJournal, 'writeAll'>
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
  readonly isShared = true
  readonly #deps: RedisEventLogDeps
  readonly #listeners = new EventLogListeners()
  /** Of routes that nobody listens to just now. */
  #unapplied: RoutedEvent[] = []
  /** Those that are applied alone stay for minutes, for the other processes. */
  readonly #pending = new Map<number, Pending>()
  /** The last number of each process, so that what was appended twice is applied once. */
  readonly #latest = new Map<string, number>()
  #number = 0
  /** All own events up to this number are applied. */
  #applied = 0
  #position = 0
  #id: string | undefined
  #aheadMs = 0
  #isClosed = false

  constructor(deps: RedisEventLogDeps) {
    this.#deps = deps
  }

  listen(route: string, apply: (event: LoggedEvent) => void): () => void {
    const end = this.#listeners.add(route, apply)
    for (const event of this.#unapplied.splice(0)) this.#apply(event)
    return end
  }

  append(route: string, event: unknown): void {
    const { link, logLink, clock } = this.#deps
    const number = ++this.#number
    const pending: Pending = { number, route, event, atMs: clock.now() }
    this.#pending.set(number, pending)
    if (!link.isUp || !logLink.isUp) {
      this.#applyAlone(number)
      return
    }
    void this.#send(pending)
    clock.after(patienceMs, () => this.#applyAlone(number))
  }

  /** Runs before the connection is up: reads the clock of Redis and the latest events. */
  async resume(): Promise<void> {
    const { logLink, keys, clock } = this.#deps
    const before = clock.now()
    const [seconds, micros] = (await logLink.send(['TIME'])) as readonly Reply[]
    const theirs = Number(seconds) * 1000 + Number(micros) / 1000
    this.#aheadMs = theirs - (before + clock.now()) / 2
    const range = ['XREVRANGE', keys('event-log'), '+', '-', 'COUNT', '1']
    const [last] = (await logLink.send(range)) as Entries
    // A stream that ends earlier than before is a new one.
    if (this.#id === undefined || (last && positionOf(String(last[0])) < positionOf(this.#id)))
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
    if (link.isUp)
      void link.send(['XTRIM', keys('event-log'), 'MINID', '~', String(since)]).catch(late)
    this.#unapplied = this.#unapplied.filter(({ logged }) => logged.atMs >= oldest)
    for (const [number, { atMs }] of this.#pending) {
      // One that is not applied yet is somebody's turn to wait for.
      if (atMs >= oldest || number > this.#applied) break
      this.#pending.delete(number)
    }
  }

  close(): void {
    this.#isClosed = true
    this.#pending.clear()
  }

  /** If this process is killed, no event that others read may refer to what the journal lacks. */
  async #send({ number, route, event }: Pending): Promise<void> {
    const { link, journal, keys, process } = this.#deps
    journal.writeAll()
    const text = JSON.stringify([process, number, route, event])
    const length = String(longestStream)
    await link.send(['XADD', keys('event-log'), 'MAXLEN', '~', length, '*', 'e', text]).catch(late)
  }

  /** @returns the number of events read */
  async #read(block: string): Promise<number> {
    const { logLink, keys } = this.#deps
    const from = this.#id ?? '0'
    const args = ['COUNT', String(readAtOnce), 'BLOCK', block, 'STREAMS', keys('event-log'), from]
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
    if (own) {
      this.#applyAlone(number - 1)
      this.#pending.delete(number)
      if (number <= this.#applied) return
      this.#applied = number
    }
    this.#position = Math.max(positionOf(id), this.#position + 1)
    const atMs = parseInt(id) - this.#aheadMs
    this.#apply({ route, logged: { event, position: this.#position, atMs, own } })
  }

  /** Applies own events up to a number, in their order. */
  #applyAlone(latest: number): void {
    while (this.#applied < latest) {
      const pending = this.#pending.get(++this.#applied)
      if (pending === undefined) continue
      const { route, event, atMs } = pending
      this.#apply({ route, logged: { event, position: ++this.#position, atMs, own: true } })
    }
  }

  #apply(event: RoutedEvent): void {
    if (this.#listeners.has(event.route)) this.#listeners.apply(event)
    else this.#unapplied.push(event)
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

/** The id of an entry in a stream is the clock of Redis, and a number within the millisecond. */
function positionOf(id: string): number {
  const [ms = 0, sequence = 0] = id.split('-').map(Number)
  return ms * positionsPerMs + sequence
}

function late(): void {
  // The link is down. Pending events are appended when it is back.
}
