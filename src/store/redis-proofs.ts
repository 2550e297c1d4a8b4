/** Set-ups of routes with which APNs has accepted a notification, for all processes of one Redis. */
import type { RedisKeys } from './redis-key.ts'
import type { RedisLink } from './redis-link.ts'
import type { ProofStore } from './store.ts'

export class RedisProofs implements ProofStore {
  readonly #link: Pick<RedisLink, 'try'>
  readonly #keys: RedisKeys

  constructor(link: Pick<RedisLink, 'try'>, keys: RedisKeys) {
    this.#link = link
    this.#keys = keys
  }

  async has(route: string, setup: string): Promise<boolean> {
    const kept = await this.#link.try(['HGET', this.#keys.proofs, route])
    return kept !== undefined && kept !== null && String(kept) === setup
  }

  keep(route: string, setup: string): void {
    void this.#link.try(['HSET', this.#keys.proofs, route, setup])
  }
}
