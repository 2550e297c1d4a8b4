/** The feedback lists in Redis, and what this process has to know of them. */
import { randomUUID } from 'node:crypto'
import type { FeedbackTuple } from '../binary/feedback-tuple.ts'
import type { Cancel, Clock } from '../clock.ts'
import { checkFeedbackEntry } from './feedback-entry.ts'
import type { Reply } from './redis-connection.ts'
import type { RedisKeys } from './redis-key.ts'
import type { RedisLink } from './redis-link.ts'
import { addScript, dropScript, holdScript, releaseScript } from './redis-script.ts'
import type { EventLog, FeedbackHold, FeedbackStore } from './store.ts'

/** What feedback is given. */
export interface RedisFeedbackDeps {
  readonly link: Pick<RedisLink, 'send' | 'isUp'>
  readonly keys: RedisKeys
  readonly eventLog: EventLog
  readonly clock: Clock
}

/** Under this name processes tell each other of new entries; routes cannot be called so. */
const ownRoute = ''
/** A reader whose process has died has its entries for so long. */
const holdMs = 120_000
const renewMs = 30_000
const atOnce = 500
const pageSize = 2000

interface Conclusion {
  readonly route: string
  readonly reader: string
  readonly read: boolean
}

interface Entry {
  readonly token: string
  readonly timestamp: number
}

/**
 * Each process knows which tokens have an entry, or had one lately: a delivery to any other costs
 * Redis nothing. What it knows is never too little: entries are told through the event log.
 */
export class RedisFeedback implements FeedbackStore {
  readonly #deps: RedisFeedbackDeps
  readonly #routes = new Map<string, Map<string, number>>()
  /** What Redis has not been told, or has not confirmed: a timestamp, or undefined for a drop. */
  #due = new Map<string, Map<string, number | undefined>>()
  /** What is to become of holds that have ended. */
  #concluded: Conclusion[] = []
  readonly #renewals = new Set<Cancel>()
  #planned = false
  #closed = false

  constructor(deps: RedisFeedbackDeps) {
    this.#deps = deps
    deps.eventLog.listen(ownRoute, ({ event, own }) => {
      const [route, entries] = event as [string, [string, number][]]
      if (!own) for (const [token, timestamp] of entries) this.#keep(route, token, timestamp)
    })
  }

  add(route: string, token: string, timestamp: number): void {
    checkFeedbackEntry(route, timestamp)
    const known = this.#routes.get(route)?.get(token)
    if (known !== undefined && known >= timestamp) return
    this.#keep(route, token, timestamp)
    this.#note(route, token, timestamp)
  }

  drop(route: string, token: string): void {
    if (this.#routes.get(route)?.delete(token) === true) this.#note(route, token, undefined)
  }

  async hold(route: string): Promise<FeedbackHold> {
    const { link, keys } = this.#deps
    const reader = randomUUID()
    try {
      const written = this.#write()
      const names = [keys.feedback(route), keys.readers(route), keys.held('')]
      await link.send(['EVAL', holdScript, '2', ...names, reader, String(holdMs)])
      await written
      return this.#holdOf(route, reader, await this.#entriesAt(keys.held(reader)))
    } catch {
      return { tuples: [], forget: () => Promise.resolve(), release: () => undefined }
    }
  }

  count(route: string): number {
    return this.#routes.get(route)?.size ?? 0
  }

  /** Learns what there is. */
  async resume(): Promise<void> {
    const { link, keys } = this.#deps
    const routes = (await link.send(['SMEMBERS', keys.feedbackRoutes])) as readonly Reply[]
    this.#routes.clear()
    for (const name of routes.map(String)) {
      const readers = await link.send(['ZRANGE', keys.readers(name), '0', '-1'])
      const held = (readers as readonly Reply[]).map((reader) => keys.held(String(reader)))
      for (const key of [keys.feedback(name), ...held])
        for (const { token, timestamp } of await this.#entriesAt(key))
          this.#keep(name, token, timestamp)
    }
    for (const [route, tokens] of this.#due)
      for (const [token, timestamp] of tokens)
        if (timestamp === undefined) this.#routes.get(route)?.delete(token)
        else this.#keep(route, token, timestamp)
  }

  /** Writes what is due, as soon as that is possible. */
  async flush(): Promise<void> {
    while (this.#deps.link.isUp && !this.#closed && this.#due.size + this.#concluded.length > 0)
      await this.#write()
  }

  /** Sets no timer any more. */
  close(): void {
    this.#closed = true
    for (const cancel of this.#renewals) cancel()
  }

  #holdOf(route: string, reader: string, entries: readonly Entry[]): FeedbackHold {
    const tuples = entries.map(({ token, timestamp }): FeedbackTuple => ({
      timestamp,
      token: Buffer.from(token, 'hex'),
    }))
    const stop = this.#keepHolding(route, reader)
    const conclude = (read: boolean): Promise<void> => {
      stop()
      this.#concluded.push({ route, reader, read })
      return this.#write()
    }
    return {
      tuples,
      forget: () => {
        const tokens = this.#routes.get(route)
        for (const { token, timestamp } of entries)
          if (tokens?.get(token) === timestamp) tokens.delete(token)
        return conclude(true)
      },
      release: () => {
        void conclude(false)
      },
    }
  }

  #keepHolding(route: string, reader: string): Cancel {
    const { link, keys, clock } = this.#deps
    let cancel: Cancel = () => undefined
    const stop = (): void => {
      cancel()
      this.#renewals.delete(stop)
    }
    const plan = (): void => {
      cancel = clock.after(renewMs, () => {
        const more = ['ZINCRBY', keys.readers(route), String(renewMs), reader]
        link.send(more).catch(late)
        plan()
      })
    }
    if (this.#closed) return stop
    this.#renewals.add(stop)
    plan()
    return stop
  }

  #keep(route: string, token: string, timestamp: number): void {
    const tokens = this.#routes.get(route) ?? new Map<string, number>()
    this.#routes.set(route, tokens)
    tokens.set(token, Math.max(timestamp, tokens.get(token) ?? 0))
  }

  #note(route: string, token: string, timestamp: number | undefined): void {
    if (this.#closed) return
    const tokens = this.#due.get(route) ?? new Map<string, number | undefined>()
    this.#due.set(route, tokens)
    tokens.set(token, timestamp)
    if (this.#planned) return
    this.#planned = true
    setImmediate(() => {
      this.#planned = false
      void this.#write()
    })
  }

  /** What fails is due again, unless something newer is. */
  async #write(): Promise<void> {
    if (!this.#deps.link.isUp) return
    const due = this.#due
    const concluded = this.#concluded
    this.#due = new Map()
    this.#concluded = []
    try {
      await Promise.all([
        ...Array.from(due, ([route, tokens]) => this.#writeRoute(route, tokens)),
        ...concluded.map((one) => this.#conclude(one)),
      ])
    } catch {
      this.#concluded.unshift(...concluded)
      for (const [route, tokens] of due)
        this.#due.set(route, new Map([...tokens, ...(this.#due.get(route) ?? [])]))
    }
  }

  async #writeRoute(route: string, tokens: ReadonlyMap<string, number | undefined>): Promise<void> {
    const { link, keys, eventLog } = this.#deps
    const [feedback, readers] = [keys.feedback(route), keys.readers(route)]
    const sent: Promise<Reply>[] = []
    for (const some of pieces([...tokens])) {
      const added = some.flatMap(([token, timestamp]): [string, number][] =>
        timestamp === undefined ? [] : [[token, timestamp]],
      )
      const dropped = some.flatMap(([token, timestamp]) => (timestamp === undefined ? [token] : []))
      if (dropped.length > 0)
        sent.push(
          link.send(['EVAL', dropScript, '2', feedback, readers, keys.held(''), ...dropped]),
        )
      if (added.length === 0) continue
      const names = [feedback, keys.feedbackRoutes, route]
      sent.push(link.send(['EVAL', addScript, '2', ...names, ...added.flat().map(String)]))
      eventLog.append(ownRoute, [route, added])
    }
    await Promise.all(sent)
  }

  async #conclude({ route, reader, read }: Conclusion): Promise<void> {
    const { link, keys } = this.#deps
    const [feedback, readers] = [keys.feedback(route), keys.readers(route)]
    if (read)
      await Promise.all([
        link.send(['UNLINK', keys.held(reader)]),
        link.send(['ZREM', readers, reader]),
      ])
    else await link.send(['EVAL', releaseScript, '2', feedback, readers, keys.held(''), reader])
  }

  /** In pages: a long list must not hold up all that the process has to do. */
  async #entriesAt(key: string): Promise<readonly Entry[]> {
    const entries = new Map<string, number>()
    for (let cursor = ''; cursor !== '0';) {
      const args = ['HSCAN', key, cursor || '0', 'COUNT', String(pageSize)]
      const [next, items] = (await this.#deps.link.send(args)) as readonly [Reply, readonly Reply[]]
      cursor = String(next)
      for (let at = 0; at < items.length; at += 2)
        entries.set(String(items[at]), Number(items[at + 1]))
    }
    return Array.from(entries, ([token, timestamp]) => ({ token, timestamp }))
  }
}

function pieces<T>(list: readonly T[]): readonly (readonly T[])[] {
  return Array.from({ length: Math.ceil(list.length / atOnce) }, (_, index) =>
    list.slice(index * atOnce, (index + 1) * atOnce),
  )
}

function late(): void {
  // The link is down; the hold ends by itself, or is concluded when it is back.
}
