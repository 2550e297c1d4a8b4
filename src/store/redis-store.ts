/** A store in Redis or Valkey, for proxies on several machines. */
import { randomUUID } from 'node:crypto'
import { every, within } from '../timing/timer.ts'
import type { Cancel, Clock } from '../timing/clock.ts'
import { inPublic } from './redis-address.ts'
import { RedisEventLog } from './redis-event-log.ts'
import { faultOf, redisDialler, type RedisAccess } from './redis-dialler.ts'
import { RedisFeedback } from './redis-feedback.ts'
import { RedisJournal } from './redis-journal.ts'
import { redisKeys } from './redis-key.ts'
import { RedisLease } from './redis-lease.ts'
import { RedisLink } from './redis-link.ts'
import { redisProofs } from './redis-proofs.ts'
import { redisTokens } from './redis-provider-token.ts'
import { RedisTold } from './redis-told.ts'
import type { RedisStoreEvent } from './store-event.ts'
import type { ProofStore, Store, ProviderTokenStore } from './store.ts'
import type { ToldLimits } from './told.ts'

export interface RedisStoreDeps {
  readonly clock: Clock
  readonly emit: (event: RedisStoreEvent) => void
  /** Notifications that may wait in memory for Redis. */
  readonly maxUnwritten: number
  readonly told: ToldLimits
}

const tidyMs = 10_000
const farewellMs = 2000

/**
 * Waits until Redis can be reached.
 * @throws {RedisFault} if Redis refuses for a reason that a retry cannot cure
 */
export async function openRedisStore(access: RedisAccess, deps: RedisStoreDeps): Promise<Store> {
  const store = new RedisStore(access, deps)
  try {
    await store.open()
  } catch (error) {
    await store.close()
    throw error
  }
  return store
}

class RedisStore implements Store {
  readonly journal: RedisJournal
  readonly feedback: RedisFeedback
  readonly eventLog: RedisEventLog
  readonly tokens: ProviderTokenStore
  readonly proofs: ProofStore
  readonly told: RedisTold
  readonly bytes = undefined
  readonly #address: string
  readonly #deps: RedisStoreDeps
  readonly #link: RedisLink
  /** A separate connection, because reading the event log blocks it. */
  readonly #logLink: RedisLink
  readonly #lease: RedisLease
  /** Both have an effect until Redis is reached for the first time. */
  #opened: (() => void) | undefined
  #refused: ((error: Error) => void) | undefined
  #lostAtMs: number | undefined
  /** Id of the last connection: a Redis that was paused may still have commands of it to run. */
  #connectionId: string | undefined
  #cancelTidy: Cancel | undefined
  #closed: Promise<void> | undefined

  constructor(access: RedisAccess, deps: RedisStoreDeps) {
    const { clock, maxUnwritten, emit } = deps
    const lost = this.#lost.bind(this)
    const common = { open: redisDialler(access), clock, lost }
    const link = new RedisLink({
      ...common,
      resume: () => this.#resume(),
      back: () => {
        this.journal.write()
        void this.feedback.flush()
        void this.told.flush()
        this.#back()
      },
    })
    const logLink = new RedisLink({
      ...common,
      resume: () => this.eventLog.resume(),
      back: () => {
        void this.eventLog.read()
        this.#back()
      },
    })
    const damaged = (): void => emit({ event: 'store.damaged' })
    const parts = { link, clock, process: randomUUID(), keys: redisKeys(access.address.prefix) }
    this.#address = inPublic(access.address)
    this.#deps = deps
    this.#link = link
    this.#logLink = logLink
    this.journal = new RedisJournal({ ...parts, maxUnwritten, damaged })
    this.eventLog = new RedisEventLog({ ...parts, logLink, journal: this.journal, damaged })
    this.feedback = new RedisFeedback({ ...parts, eventLog: this.eventLog, damaged })
    this.told = new RedisTold({ ...parts, limits: deps.told })
    this.proofs = redisProofs(link, parts.keys)
    this.tokens = redisTokens(link, parts.keys)
    this.#lease = new RedisLease({ ...parts, journal: this.journal })
  }

  /** @throws what keeps Redis from being used, or that the store was closed meanwhile */
  open(): Promise<void> {
    this.#link.start()
    this.#logLink.start()
    this.#cancelTidy = every(this.#deps.clock, tidyMs, () => {
      this.eventLog.trim()
      this.told.tidy()
    })
    return new Promise((resolve, reject) => {
      this.#opened = resolve
      this.#refused = reject
    })
  }

  get isReachable(): boolean {
    return this.#link.isUp && this.#logLink.isUp
  }

  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  /** Kills the last connection first: none of its commands may run after those of the new one. */
  async #resume(): Promise<void> {
    const link = this.#link
    if (this.#connectionId !== undefined)
      await link.try(['CLIENT', 'KILL', 'ID', this.#connectionId])
    const id = await link.try(['CLIENT', 'ID'])
    this.#connectionId = id === undefined ? undefined : String(id)
    await this.#lease.resume()
    await this.feedback.resume()
  }

  #lost(error: Error): void {
    const fault = faultOf(error, this.#address)
    if (fault !== undefined) this.#refused?.(fault)
    if (this.#lostAtMs !== undefined || this.#closed !== undefined) return
    this.#lostAtMs = this.#deps.clock.now()
    this.#deps.emit({ event: 'store.lost', error })
  }

  #back(): void {
    if (!this.isReachable) return
    this.eventLog.appendMissed()
    this.#opened?.()
    if (this.#lostAtMs === undefined) return
    this.#deps.emit({ event: 'store.back', awayMs: this.#deps.clock.now() - this.#lostAtMs })
    this.#lostAtMs = undefined
  }

  /** Waits 2 s at most: Redis may be unreachable. */
  async #close(): Promise<void> {
    this.#refused?.(new Error('closed before Redis was reached'))
    this.#cancelTidy?.()
    await within(this.#deps.clock, farewellMs, this.#finish())
    for (const part of [this.eventLog, this.journal, this.feedback, this.#logLink, this.#link])
      part.close()
  }

  async #finish(): Promise<void> {
    if (!this.#link.isUp) return
    try {
      await Promise.all([this.journal.flush(), this.feedback.flush(), this.told.flush()])
      await this.#lease.close()
    } catch {
      // The lease expires.
    }
  }
}
