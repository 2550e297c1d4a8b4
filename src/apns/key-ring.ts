/** The provider tokens in use: one for each signing key, shared by all routes that use the key. */
import type { Clock } from '../timing/clock.ts'
import {
  localExchange,
  ProviderToken,
  type ProviderTokenKey,
  type TokenExchange,
} from './provider-token.ts'

/**
 * Apple counts new tokens by team and key, not by topic, so routes with the same key share one.
 * — source: Apple, "Establishing a token-based connection to APNs"
 */
export class KeyRing {
  readonly #clock: Clock
  readonly #exchange: TokenExchange
  #tokens: { readonly key: ProviderTokenKey; readonly token: ProviderToken }[] = []

  constructor(clock: Clock, exchange = localExchange) {
    this.#clock = clock
    this.#exchange = exchange
  }

  /**
   * The signed token of a key.
   * @throws when signing or the exchange fails; the next call tries again
   */
  async tokenOf(key: ProviderTokenKey): Promise<ProviderToken> {
    const known = this.#tokens.find((entry) => isSame(entry.key, key))
    if (known !== undefined) return known.token
    const token = new ProviderToken(key, this.#clock, this.#exchange)
    this.#tokens.push({ key, token })
    try {
      await token.start()
    } catch (error) {
      token.stop()
      this.#tokens = this.#tokens.filter((entry) => entry.token !== token)
      throw error
    }
    return token
  }

  /** Stops renewing the tokens of all other keys. */
  keep(keys: readonly ProviderTokenKey[]): void {
    const isKept = ({ key }: { key: ProviderTokenKey }): boolean =>
      keys.some((kept) => isSame(kept, key))
    for (const entry of this.#tokens) if (!isKept(entry)) entry.token.stop()
    this.#tokens = this.#tokens.filter(isKept)
  }
}

function isSame(one: ProviderTokenKey, other: ProviderTokenKey): boolean {
  return (
    one.keyId === other.keyId &&
    one.teamId === other.teamId &&
    one.privateKey.equals(other.privateKey)
  )
}
