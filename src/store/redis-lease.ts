/** The lease of this process in Redis, and the journals that it owns and claims. */
import type { Clock } from '../timing/clock.ts'
import type { Reply } from './redis-dialler.ts'
import type { RedisJournal } from './redis-journal.ts'
import type { RedisKeys } from './redis-key.ts'
import type { RedisLink } from './redis-link.ts'
import { Timer } from '../timing/timer.ts'

export interface RedisLeaseDeps {
  readonly link: Pick<RedisLink, 'send' | 'isUp' | 'resume'>
  readonly keys: RedisKeys
  /** The name of this process. */
  readonly process: string
  readonly journal: RedisJournal
  readonly clock: Clock
}

const leaseMs = 10_000
const renewMs = 2000
/** After a longer pause between renewals, the connection was not steady. */
const gapMs = 5000

/** KEYS journals, lease of the owner; ARGV journal, owner, process. → 1 if the process owns it now. */
const claimScript = `
if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then return 0 end
if redis.call('EXISTS', KEYS[2]) == 1 then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
return 1`

/**
 * If a process has not renewed its lease for 10 s, the others regard it as dead, and the first one
 * that notices claims its journals. A process that had no steady connection itself for 10 s claims
 * nothing: probably Redis was unreachable, and the others are about to reconnect.
 */
export class RedisLease {
  readonly #deps: RedisLeaseDeps
  readonly #nextBeat: Timer
  #steadySinceMs = Infinity
  #renewedAtMs = -Infinity
  #isClaiming = false
  #isClosed = false

  constructor(deps: RedisLeaseDeps) {
    this.#deps = deps
    this.#nextBeat = new Timer(deps.clock, renewMs, () => {
      this.#nextBeat.start()
      void this.#beat()
    })
  }

  /** Takes the lease, then makes Redis and the journals in memory agree. */
  async resume(): Promise<void> {
    const { link, keys, process, journal } = this.#deps
    const names = journal.hashes.map(({ name }) => name)
    await journal.makeRoom()
    this.#renewedAtMs = -Infinity
    await this.#renew()
    await Promise.all(names.map((name) => link.send(['HSETNX', keys('journals'), name, process])))
    const owners = await this.#owners()
    const lost = new Set(names.filter((name) => owners.get(name) !== process))
    await journal.resume(lost)
    if (lost.size > 0) return this.resume()
    await this.#claim(await this.#owners())
    if (!this.#isClosed) this.#nextBeat.start()
  }

  /** Releases the journals: others can claim unsettled notifications at once. */
  async close(): Promise<void> {
    const { link, keys, process, journal } = this.#deps
    this.#isClosed = true
    this.#nextBeat.stop()
    if (!link.isUp) return
    const commands = journal.hashes.map(({ name, fields }) =>
      fields.size === 0
        ? link.send(['HDEL', keys('journals'), name])
        : link.send(['HSET', keys('journals'), name, '']),
    )
    await Promise.all([...commands, link.send(['DEL', keys(`alive:${process}`)])])
  }

  async #beat(): Promise<void> {
    const { link, keys, journal } = this.#deps
    if (!link.isUp) return
    try {
      const { hashes } = journal
      const expected = hashes.map(({ fields }) => fields.size)
      const [wasAlive, owners, ...sizes] = await Promise.all([
        this.#renew(),
        this.#owners(),
        ...hashes.map(({ key }) => link.send(['HLEN', key])),
      ])
      if (!wasAlive || sizes.some((size, index) => size !== expected[index])) {
        await link.resume()
        return
      }
      await this.#claim(owners)
      const finished = journal.dropFinished()
      if (finished.length > 0) await link.send(['HDEL', keys('journals'), ...finished])
    } catch {
      // The link is down, and resume() runs when it is back.
    }
  }

  /** @returns whether the lease had not expired */
  async #renew(): Promise<boolean> {
    const { link, keys, process, clock } = this.#deps
    const key = keys(`alive:${process}`)
    const last = await link.send(['SET', key, '1', 'PX', String(leaseMs), 'GET'])
    const now = clock.now()
    if (now - this.#renewedAtMs > gapMs) this.#steadySinceMs = now
    this.#renewedAtMs = now
    return last !== null
  }

  async #owners(): Promise<ReadonlyMap<string, string>> {
    const { link, keys } = this.#deps
    const fields = (await link.send(['HGETALL', keys('journals')])) as readonly Reply[]
    const owners = new Map<string, string>()
    for (let at = 0; at < fields.length; at += 2)
      owners.set(String(fields[at]), String(fields[at + 1]))
    return owners
  }

  /** Claims the oldest first. Beats go on meanwhile, so a flag prevents reading a journal twice. */
  async #claim(owners: ReadonlyMap<string, string>): Promise<void> {
    const { process, journal, clock } = this.#deps
    if (this.#isClaiming) return
    this.#isClaiming = true
    try {
      const known = new Set(journal.hashes.map(({ name }) => name))
      const isSteady = clock.now() - this.#steadySinceMs >= leaseMs
      for (const [name, owner] of [...owners].sort()) {
        if (known.has(name)) continue
        const mayClaim = owner === '' || isSteady
        if (owner === process || (mayClaim && (await this.#win(name, owner))))
          await journal.load(name)
      }
    } finally {
      this.#isClaiming = false
    }
  }

  /** Claims the journal of a process whose lease has expired, or that released it. */
  async #win(name: string, owner: string): Promise<boolean> {
    const { link, keys, process } = this.#deps
    const args = [keys('journals'), keys(`alive:${owner}`), name, owner, process]
    return (await link.send(['EVAL', claimScript, '2', ...args])) === 1
  }
}
