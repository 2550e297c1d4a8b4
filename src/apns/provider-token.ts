/** The provider tokens of the signing keys, renewed before they expire. */
import { createHash, createPublicKey, type KeyObject } from 'node:crypto'
import type { Cancel, Clock } from '../timing/clock.ts'

/** The signing key, and the team that the token authenticates. */
export interface ProviderTokenKey {
  readonly privateKey: KeyObject
  /** 10 characters. */
  readonly keyId: string
  /** 10 characters. */
  readonly teamId: string
}

/** The token of the `authorization` header, without `bearer`; a secret. */
export interface SignedToken {
  readonly jwt: string
  /** Milliseconds since the epoch. */
  readonly issuedAtMs: number
}

/** Makes all processes with the same key use one token. */
export interface TokenExchange {
  /**
   * @param name of the key
   * @returns the shared token if it was issued after `sinceMs`; else `own`, which is then shared
   */
  agree(name: string, own: SignedToken, sinceMs: number): Promise<SignedToken>
}

/** For a single process with the key. */
export const localExchange: TokenExchange = { agree: (_name, own) => Promise.resolve(own) }

/**
 * APNs accepts a token for an hour, and a new token only every 20 minutes.
 * — source: Apple, "Establishing a token-based connection to APNs"
 */
const renewAfterMs = 50 * 60_000
const retryAfterMs = 10_000
const minRenewalMs = 20 * 60_000

/** One per team and key: APNs answers several tokens with TooManyProviderTokenUpdates. */
export class ProviderToken {
  readonly #key: ProviderTokenKey
  readonly #clock: Clock
  readonly #exchange: TokenExchange
  #authorization = ''
  #issuedAt = -Infinity
  #stopped = false
  #cancel: Cancel | undefined

  constructor(key: ProviderTokenKey, clock: Clock, exchange = localExchange) {
    this.#key = key
    this.#clock = clock
    this.#exchange = exchange
  }

  /** The value of the `authorization` header; a secret. */
  get authorization(): string {
    return this.#authorization
  }

  /** Signs the first token; renews it every 50 minutes until {@link stop}. */
  async start(): Promise<void> {
    await this.#renew(renewAfterMs)
  }

  stop(): void {
    this.#stopped = true
    this.#cancel?.()
  }

  /**
   * Whether the session opened at `openedAtMs` has used only this token, issued less than 20
   * minutes ago. If APNs reports that it has expired, the clocks disagree, and a new token would
   * not help.
   */
  isFreshSince(openedAtMs: number): boolean {
    return this.#issuedAt <= openedAtMs && this.#clock.now() - this.#issuedAt < minRenewalMs
  }

  /** Handles ExpiredProviderToken: renews the token, unless it is younger than 20 minutes. */
  async reportExpired(): Promise<void> {
    if (this.#clock.now() - this.#issuedAt >= minRenewalMs) await this.#renew(minRenewalMs)
  }

  /** Replaces the token by one issued less than `ageMs` ago, by this process or another. */
  async #renew(ageMs: number): Promise<void> {
    const now = this.#clock.now()
    this.#issuedAt = now
    this.#renewIn(retryAfterMs)
    const own = await this.#sign(now)
    const { jwt, issuedAtMs } = await this.#exchange.agree(nameOf(this.#key), own, now - ageMs)
    this.#issuedAt = issuedAtMs
    this.#authorization = `bearer ${jwt}`
    this.#renewIn(issuedAtMs + renewAfterMs - this.#clock.now())
  }

  /** Header `alg`, `kid`; claims `iss`, `iat`. APNs is known to reject some tokens with `typ`. */
  async #sign(issuedAtMs: number): Promise<SignedToken> {
    const { teamId, keyId, privateKey } = this.#key
    // Loaded on demand: a route with a push certificate does not need its 46 files.
    const { SignJWT } = await import('jose')
    const jwt = await new SignJWT({ iss: teamId, iat: Math.floor(issuedAtMs / 1000) })
      .setProtectedHeader({ alg: 'ES256', kid: keyId })
      .sign(privateKey)
    return { jwt, issuedAtMs }
  }

  #renewIn(ms: number): void {
    this.#cancel?.()
    if (this.#stopped) return
    this.#cancel = this.#clock.after(ms, () => {
      this.#renew(renewAfterMs).catch(() => {
        // The next attempt is already scheduled.
      })
    })
  }
}

/** Identifies the key without revealing it. */
function nameOf({ teamId, keyId, privateKey }: ProviderTokenKey): string {
  const publicKey = createPublicKey(privateKey).export({ type: 'spki', format: 'der' })
  return `${teamId}:${keyId}:${createHash('sha256').update(publicKey).digest('hex').slice(0, 32)}`
}

/**
 * One token for each key, shared by all routes that use the key: Apple counts new tokens by team and
 * key, not by topic. — source: Apple, "Establishing a token-based connection to APNs"
 */
export class KeyRing {
  readonly #clock: Clock
  readonly #exchange: TokenExchange
  /** By the name of the key. */
  readonly #tokens = new Map<string, ProviderToken>()

  constructor(clock: Clock, exchange = localExchange) {
    this.#clock = clock
    this.#exchange = exchange
  }

  /**
   * The signed token of a key.
   * @throws when signing or the exchange fails; the next call tries again
   */
  async tokenOf(key: ProviderTokenKey): Promise<ProviderToken> {
    const name = nameOf(key)
    const known = this.#tokens.get(name)
    if (known !== undefined) return known
    const token = new ProviderToken(key, this.#clock, this.#exchange)
    this.#tokens.set(name, token)
    try {
      await token.start()
    } catch (error) {
      token.stop()
      if (this.#tokens.get(name) === token) this.#tokens.delete(name)
      throw error
    }
    return token
  }

  /** Stops renewing the tokens of all other keys. */
  keep(keys: readonly ProviderTokenKey[]): void {
    const kept = new Set(keys.map(nameOf))
    for (const [name, token] of this.#tokens) {
      if (kept.has(name)) continue
      token.stop()
      this.#tokens.delete(name)
    }
  }
}
