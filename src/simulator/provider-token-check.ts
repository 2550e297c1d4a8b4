/** Verifies provider tokens: form, signature, age, and how often a connection changes them. */
import type { KeyObject } from 'node:crypto'
import type { Reason } from './reason.ts'
import type { Credential } from './request-check.ts'

/** A key that the simulated developer account has registered. */
export interface RegisteredKey {
  /** 10 characters. */
  readonly keyId: string
  /** 10 characters. */
  readonly teamId: string
  /** On P-256. */
  readonly publicKey: KeyObject
  /** Bundle IDs that the key is limited to; default: every topic. */
  readonly topics?: readonly string[] | undefined
}

/** What a genuine token says. */
export interface Claims {
  /** The JWT itself. */
  readonly token: string
  readonly issuedAtMs: number
  /** Of its key. */
  readonly topics: readonly string[] | undefined
}

/** A token is good for an hour. — source: Apple, "Establishing a token-based connection to APNs" */
const lifetimeMs = 60 * 60_000
/** A new one may come every 20 minutes. — source: the same */
const updateIntervalMs = 20 * 60_000
/** Tokens remembered as verified: senders share one for an hour. */
const rememberedTokens = 256

/** The JWT of an `authorization` header; undefined when it brings none. */
export function bearerToken(authorization: string | undefined): string | undefined {
  return /^bearer +(\S+)$/i.exec(authorization ?? '')?.[1]
}

/** Verifies signatures, once for each token. */
export class ProviderTokenVerifier {
  readonly #keys: readonly RegisteredKey[] | undefined
  readonly #verified = new Map<string, Claims | null>()

  /** @param keys undefined: every well-formed ES256 token is believed. */
  constructor(keys: readonly RegisteredKey[] | undefined) {
    this.#keys = keys
  }

  /** What is known of a token: its claims, null when it is not genuine, undefined: not seen yet. */
  recall(token: string): Claims | null | undefined {
    return this.#verified.get(token)
  }

  /** The claims of a genuine token, else null. Never rejects. */
  async verify(token: string): Promise<Claims | null> {
    const claims = await this.#examine(token).catch(() => null)
    if (this.#verified.size >= rememberedTokens) this.#verified.clear()
    this.#verified.set(token, claims)
    return claims
  }

  async #examine(token: string): Promise<Claims | null> {
    // Loaded here, since a sender with a certificate shows no token.
    const { compactVerify, decodeJwt, decodeProtectedHeader } = await import('jose')
    const { alg, kid } = decodeProtectedHeader(token)
    const { iss, iat } = decodeJwt(token)
    if (alg !== 'ES256' || typeof iat !== 'number' || !hasSignature(token)) return null
    if (this.#keys === undefined) {
      return isTenCharacters(kid) && isTenCharacters(iss) ? claimsOf(token, iat) : null
    }
    const key = this.#keys.find(({ keyId, teamId }) => keyId === kid && teamId === iss)
    if (key === undefined) return null
    await compactVerify(token, key.publicKey, { algorithms: ['ES256'] })
    return claimsOf(token, iat, key.topics)
  }
}

function claimsOf(token: string, iat: number, topics?: readonly string[]): Claims {
  return { token, issuedAtMs: iat * 1000, topics }
}

/** Key and team IDs. — source: Apple, "Establishing a token-based connection to APNs" */
function isTenCharacters(id: unknown): boolean {
  return typeof id === 'string' && /^[A-Z\d]{10}$/.test(id)
}

/** 64 bytes, the two integers of ES256. — source: RFC 7518, section 3.4 */
function hasSignature(token: string): boolean {
  return Buffer.from(token.slice(token.lastIndexOf('.') + 1), 'base64url').length === 64
}

/** The provider token in use on one connection. */
export class ProviderTokenHistory {
  #current: Claims | undefined

  /**
   * The credential that a request with this token has now. Another token than the one in use is
   * refused until that one is 20 minutes old: so a sender may open a connection with a token that
   * it has had for long, and renew it there soon after.
   *
   * @param claims null for a token that is not genuine
   */
  judge(claims: Claims | null, nowMs: number): Credential {
    const fault = claims === null ? 'InvalidProviderToken' : this.#fault(claims, nowMs)
    if (claims !== null && fault === undefined) this.#current = claims
    return { kind: 'provider-token', topics: claims?.topics, fault }
  }

  #fault({ token, issuedAtMs }: Claims, nowMs: number): Reason | undefined {
    const ageMs = nowMs - issuedAtMs
    if (ageMs > lifetimeMs || ageMs < 0) return 'ExpiredProviderToken'
    if (this.#current === undefined || this.#current.token === token) return undefined
    const tooSoon = nowMs - this.#current.issuedAtMs < updateIntervalMs
    return tooSoon ? 'TooManyProviderTokenUpdates' : undefined
  }
}
