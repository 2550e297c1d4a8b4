/** The provider tokens of all processes that share a Redis: the first that signs one signs for all. */
import type { RedisKeys } from './redis-key.ts'
import type { RedisLink } from './redis-link.ts'
import { tokenScript } from './redis-script.ts'
import type { StoredToken, TokenStore } from './store.ts'

/** Apple takes a token for an hour. */
const keptMs = 60 * 60_000

/** See {@link TokenStore}. */
export class RedisTokens implements TokenStore {
  readonly #link: Pick<RedisLink, 'send'>
  readonly #keys: RedisKeys

  constructor(link: Pick<RedisLink, 'send'>, keys: RedisKeys) {
    this.#link = link
    this.#keys = keys
  }

  async agree(name: string, own: StoredToken, sinceMs: number): Promise<StoredToken> {
    const times = [own.issuedAtMs, sinceMs, keptMs].map((ms) => String(Math.floor(ms)))
    try {
      const args = ['EVAL', tokenScript, '1', this.#keys.providerToken(name), own.jwt, ...times]
      const [issuedAtMs, jwt = ''] = String(await this.#link.send(args)).split(' ')
      return { jwt, issuedAtMs: Number(issuedAtMs) }
    } catch {
      return own
    }
  }
}
