/** The feedback lists in Redis, with a copy in memory. */
import { randomUUID } from 'node:crypto'
import { z } from 'zod'
import type { Cancel, Clock } from '../timing/clock.ts'
import {
  checkFeedbackEntry,
  FeedbackLists,
  isTimestamp,
  tuplesOf,
  type FeedbackEntry,
} from './feedback.ts'
import { readHash, type Reply } from './redis-dialler.ts'
import type { RedisKeys } from './redis-key.ts'
import type { RedisLink } from './redis-link.ts'
import type { EventLog, FeedbackHold, FeedbackStore } from './store.ts'
import { every } from '../timing/timer.ts'

export interface RedisFeedbackDeps {
  readonly link: Pick<RedisLink, 'send' | 'isUp'>
  readonly keys: RedisKeys
  readonly eventLog: EventLog
  readonly clock: Clock
  /** Another process or program wrote something malformed, which is ignored. */
  readonly damaged: () => void
}

/** The event that announces new entries: a route, its tokens and their timestamps. */
const announcement = z.tuple([
  z.string(),
  z.array(z.tuple([z.string(), z.number().refine(isTimestamp)])),
])

/** The route name under which processes log new entries. No route of an operator has it. */
const ownRoute = ''
/** After this time, the entries of a reader whose process has died are given to another. */
const holdMs = 120_000
const renewMs = 30_000
const writtenAtOnce = 500
const readAtOnce = 2000

/**
 * KEYS feedback, readers, routes with feedback; ARGV prefix of the keys of held entries, route, then
 * tokens and timestamps in turn. An empty timestamp removes the token. No reader keeps an older entry.
 */
const saveScript = `
local readers = redis.call('ZRANGE', KEYS[2], 0, -1)
for i = 3, #ARGV, 2 do
  local known = redis.call('HGET', KEYS[1], ARGV[i])
  if ARGV[i + 1] == '' then
    redis.call('HDEL', KEYS[1], ARGV[i])
  elseif not known or tonumber(known) < tonumber(ARGV[i + 1]) then
    redis.call('SADD', KEYS[3], ARGV[2])
    redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1])
  end
  for _, reader in ipairs(readers) do redis.call('HDEL', ARGV[1] .. reader, ARGV[i]) end
end`

/**
 * KEYS feedback, readers; ARGV prefix of the keys of held entries, reader, ms. Takes back the entries
 * of expired readers, then gives all entries to the reader for that time.
 */
const holdScript = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
for _, late in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], 0, now)) do
  local entries = redis.call('HGETALL', ARGV[1] .. late)
  for i = 1, #entries, 2 do redis.call('HSET', KEYS[1], entries[i], entries[i + 1]) end
  redis.call('DEL', ARGV[1] .. late)
  redis.call('ZREM', KEYS[2], late)
end
if redis.call('EXISTS', KEYS[1]) == 1 then
  redis.call('RENAME', KEYS[1], ARGV[1] .. ARGV[2])
  redis.call('ZADD', KEYS[2], now + ARGV[3], ARGV[2])
end`

/**
 * Each process has a copy of all entries, so a delivery to a token without an entry sends nothing to
 * Redis. The copy has every entry, because processes announce new ones in the event log.
 */
export class RedisFeedback implements FeedbackStore {
  readonly #deps: RedisFeedbackDeps
  #lists = new FeedbackLists()
  /** By route, the tokens whose last change Redis has not confirmed. */
  #due = new Map<string, Set<string>>()
  /** Commands that end holds and that Redis has not confirmed. */
  #concluded: (readonly string[])[] = []
  readonly #renewals = new Set<Cancel>()
  /** Filled by {@link resume}: what other processes announce meanwhile belongs into it too. */
  #resuming: FeedbackLists | undefined
  #isClosed = false

  constructor(deps: RedisFeedbackDeps) {
    this.#deps = deps
    deps.eventLog.listen(ownRoute, ({ event, own }) => {
      if (own) return
      const [route, entries] = announcement.safeParse(event).data ?? []
      if (route === undefined || entries === undefined) deps.damaged()
      else
        for (const lists of [this.#lists, this.#resuming])
          for (const [token, timestamp] of entries) lists?.add(route, token, timestamp)
    })
  }

  add(route: string, token: string, timestamp: number): void {
    checkFeedbackEntry(route, timestamp)
    if (this.#lists.add(route, token, timestamp)) this.#writeSoon(route, token)
  }

  drop(route: string, token: string): void {
    if (this.#lists.delete(route, token)) this.#writeSoon(route, token)
  }

  async hold(route: string): Promise<FeedbackHold> {
    const { link, keys } = this.#deps
    const reader = randomUUID()
    try {
      const written = this.#write()
      await link.send(this.#script(holdScript, route, reader, String(holdMs)))
      await written
      return this.#holdOf(route, reader, await this.#entriesAt(keys(`held:${reader}`)))
    } catch {
      return { tuples: [], forget: () => Promise.resolve(), release: () => undefined }
    }
  }

  count(route: string): number {
    return this.#lists.count(route)
  }

  /** Reads all entries from Redis, then applies the unconfirmed changes. */
  async resume(): Promise<void> {
    const { link, keys } = this.#deps
    const lists = new FeedbackLists()
    this.#resuming = lists
    const routes = (await link.send(['SMEMBERS', keys('feedback-routes')])) as readonly Reply[]
    for (const name of routes.map(String)) {
      const readers = await link.send(['ZRANGE', keys(`readers:${name}`), '0', '-1'])
      const held = (readers as readonly Reply[]).map((reader) => keys(`held:${String(reader)}`))
      for (const key of [keys(`feedback:${name}`), ...held])
        for (const { token, timestamp } of await this.#entriesAt(key))
          lists.add(name, token, timestamp)
    }
    for (const [route, tokens] of this.#due)
      for (const token of tokens) {
        const timestamp = this.#lists.timestampOf(route, token)
        if (timestamp === undefined) lists.delete(route, token)
        else lists.add(route, token, timestamp)
      }
    this.#lists = lists
  }

  /** Writes all changes, unless the link is down. */
  async flush(): Promise<void> {
    while (this.#deps.link.isUp && !this.#isClosed && this.#due.size + this.#concluded.length > 0)
      await this.#write()
  }

  /** Sets no more timers. */
  close(): void {
    this.#isClosed = true
    for (const cancel of this.#renewals) cancel()
  }

  #holdOf(route: string, reader: string, entries: readonly FeedbackEntry[]): FeedbackHold {
    const { link, keys, clock } = this.#deps
    const cancel = every(clock, renewMs, () => {
      const more = ['ZINCRBY', keys(`readers:${route}`), String(renewMs), reader]
      // While the link is down, the hold expires, or is concluded when the link is back.
      link.send(more).catch(() => undefined)
    })
    this.#renewals.add(cancel)
    if (this.#isClosed) cancel()
    const conclude = (...commands: (readonly string[])[]): Promise<void> => {
      cancel()
      this.#renewals.delete(cancel)
      this.#concluded.push(...commands)
      return this.#write()
    }
    return {
      tuples: tuplesOf(entries),
      forget: () => {
        for (const { token, timestamp } of entries)
          if (this.#lists.timestampOf(route, token) === timestamp) this.#lists.delete(route, token)
        return conclude(
          ['UNLINK', keys(`held:${reader}`)],
          ['ZREM', keys(`readers:${route}`), reader],
        )
      },
      release: () => {
        // The hold has expired, so the next reader takes the entries back.
        void conclude(['ZADD', keys(`readers:${route}`), 'XX', '0', reader])
      },
    }
  }

  #writeSoon(route: string, token: string): void {
    if (this.#isClosed) return
    if (this.#due.size === 0)
      setImmediate(() => {
        void this.#write()
      })
    this.#due.set(route, (this.#due.get(route) ?? new Set()).add(token))
  }

  /** Keeps what fails for the next write. */
  async #write(): Promise<void> {
    const { link } = this.#deps
    if (!link.isUp) return
    const [due, concluded] = [this.#due, this.#concluded]
    this.#due = new Map()
    this.#concluded = []
    try {
      await Promise.all([
        ...Array.from(due, ([route, tokens]) => this.#save(route, [...tokens])),
        ...concluded.map((command) => link.send(command)),
      ])
    } catch {
      this.#concluded.unshift(...concluded)
      for (const [route, tokens] of due)
        this.#due.set(route, new Set([...tokens, ...(this.#due.get(route) ?? [])]))
    }
  }

  /** Writes the present state of tokens, and tells the other processes of new entries. */
  async #save(route: string, tokens: readonly string[]): Promise<void> {
    const { link, eventLog } = this.#deps
    const sent: Promise<Reply>[] = []
    for (let at = 0; at < tokens.length; at += writtenAtOnce) {
      const some = tokens
        .slice(at, at + writtenAtOnce)
        .map((token) => [token, this.#lists.timestampOf(route, token)] as const)
      const args = some.flatMap(([token, timestamp]) => [token, String(timestamp ?? '')])
      sent.push(link.send(this.#script(saveScript, route, route, ...args)))
      const added = some.filter(([, timestamp]) => timestamp !== undefined)
      if (added.length > 0) eventLog.append(ownRoute, [route, added])
    }
    await Promise.all(sent)
  }

  #script(script: string, route: string, ...args: readonly string[]): readonly string[] {
    const { keys } = this.#deps
    const names = [keys(`feedback:${route}`), keys(`readers:${route}`), keys('feedback-routes')]
    return ['EVAL', script, '3', ...names, keys('held:'), ...args]
  }

  /** The entries of a hash. What is no timestamp counts as damage. */
  async #entriesAt(key: string): Promise<readonly FeedbackEntry[]> {
    const fields = await readHash(this.#deps.link, key, readAtOnce)
    const all = Array.from(fields, ([token, value]) => ({ token, timestamp: Number(value) }))
    const entries = all.filter(({ timestamp }) => isTimestamp(timestamp))
    if (entries.length < all.length) this.#deps.damaged()
    return entries
  }
}
