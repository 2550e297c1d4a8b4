/** The provider token that stands for a signing key: made once, shared, renewed in time. */
import { createHash, createPublicKey, type KeyObject } from 'node:crypto'
import type { Cancel, Clock } from '../timing/clock.ts'

/** What a token is signed with, and whom it speaks for. */
export interface ProviderTokenKey {
  readonly privateKey: KeyObject
  /** 10 characters. */
  readonly keyId: string
  /** 10 characters. */
  readonly teamId: string
}

/** A token as it stands in the `authorization` header, without `bearer`; a secret. */
export interface SignedToken {
  readonly jwt: string
  /** ms since the epoch. */
  readonly issuedAtMs: number
}

/** Where the processes that send with the same key agree upon one token. */
export interface TokenExchange {
  /**
   * @param name of the key
   * @returns the one that all use, or else `own`, which all use from now on if none was issued since
   */
  agree(name: string, own: SignedToken, sinceMs: number): Promise<SignedToken>
}

/** Nobody else has the key. */
export const alone: TokenExchange = { agree: (_name, own) => Promise.resolve(own) }

/**
 * Apple takes a token for an hour, and no new one within 20 minutes.
 * — source: Apple, "Establishing a token-based connection to APNs"
 */
const renewAfterMs = 50 * 60_000
const retryAfterMs = 10_000
const youngestMs = 20 * 60_000

/** One per team and key, for all sessions: many of them would trip TooManyProviderTokenUpdates. */
export class ProviderToken {
  readonly #key: ProviderTokenKey
  readonly #clock: Clock
  readonly #exchange: TokenExchange
  #authorization = ''
  #issuedAt = -Infinity
  #stopped = false
  #cancel: Cancel | undefined

  constructor(key: ProviderTokenKey, clock: Clock, exchange = alone) {
    this.#key = key
    this.#clock = clock
    this.#exchange = exchange
  }

  /** The value of the `authorization` header; a secret. */
  get authorization(): string {
    return this.#authorization
  }

  /** Signs the first token and keeps renewing it until {@link stop}. */
  async start(): Promise<void> {
    await this.#renew(renewAfterMs)
  }

  stop(): void {
    this.#stopped = true
    this.#cancel?.()
  }

  /**
   * Whether APNs cannot find a token of a session that was opened at `openedAtMs` too old: it is the
   * clocks that disagree then, and another token would not help.
   */
  isFreshSince(openedAtMs: number): boolean {
    return this.#issuedAt <= openedAtMs && this.#clock.now() - this.#issuedAt < youngestMs
  }

  /** APNs found the token too old: signs another, unless this one is younger than 20 minutes. */
  async expired(): Promise<void> {
    if (this.#clock.now() - this.#issuedAt >= youngestMs) await this.#renew(youngestMs)
  }

  /** Takes one that is not as old, of whichever process. */
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

  /** Header `alg`, `kid`; claims `iss`, `iat`; nothing else, `typ` is known to cause trouble. */
  async #sign(issuedAtMs: number): Promise<SignedToken> {
    const { teamId, keyId, privateKey } = this.#key
    // Loaded here, since a route with a certificate needs none of its 46 files.
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
        // The next attempt is already planned.
      })
    })
  }
}

/** Says nothing of the key but which it is. */
function nameOf({ teamId, keyId, privateKey }: ProviderTokenKey): string {
  const publicKey = createPublicKey(privateKey).export({ type: 'spki', format: 'der' })
  return `${teamId}:${keyId}:${createHash('sha256').update(publicKey).digest('hex').slice(0, 32)}`
}
