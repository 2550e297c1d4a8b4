/** The provider token that stands for a signing key: made once, shared, renewed in time. */
import type { KeyObject } from 'node:crypto'
import { SignJWT } from 'jose'
import type { Cancel, Clock } from '../clock.ts'

/** What a token is signed with, and whom it speaks for. */
export interface ProviderTokenKey {
  readonly privateKey: KeyObject
  /** 10 characters. */
  readonly keyId: string
  /** 10 characters. */
  readonly teamId: string
}

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
  #authorization = ''
  #issuedAt = -Infinity
  #stopped = false
  #cancel: Cancel | undefined

  constructor(key: ProviderTokenKey, clock: Clock) {
    this.#key = key
    this.#clock = clock
  }

  /** The value of the `authorization` header; a secret. */
  get authorization(): string {
    return this.#authorization
  }

  /** Signs the first token and keeps renewing it until {@link stop}. */
  async start(): Promise<void> {
    await this.#sign()
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
    if (this.#clock.now() - this.#issuedAt >= youngestMs) await this.#sign()
  }

  /** Header `alg`, `kid`; claims `iss`, `iat`; nothing else, `typ` is known to cause trouble. */
  async #sign(): Promise<void> {
    const issuedAt = this.#clock.now()
    this.#issuedAt = issuedAt
    this.#signIn(retryAfterMs)
    const token = await new SignJWT({ iss: this.#key.teamId, iat: Math.floor(issuedAt / 1000) })
      .setProtectedHeader({ alg: 'ES256', kid: this.#key.keyId })
      .sign(this.#key.privateKey)
    this.#authorization = `bearer ${token}`
    this.#signIn(renewAfterMs)
  }

  #signIn(ms: number): void {
    this.#cancel?.()
    if (this.#stopped) return
    this.#cancel = this.#clock.after(ms, () => {
      this.#sign().catch(() => {
        // The next attempt is already planned.
      })
    })
  }
}
