/** What the certificate or the provider token of a client permits. */
import type { KeyObject } from 'node:crypto'
import type { TLSSocket } from 'node:tls'
import type { Reason } from '../apns/reason.ts'
import {
  readCertificate,
  type Environment,
  type PushCertificate,
} from '../credentials/certificate.ts'
import type { Credential } from './request-check.ts'

/** The credential of a connection; `none` if its client sent no certificate. */
export function clientCredential(
  socket: TLSSocket,
  environment: Environment,
  nowMs: number,
): Credential {
  const der = socket.getPeerX509Certificate()?.raw
  if (der === undefined) return { kind: 'none' }
  const certificate = read(der)
  const fault = certificateFault(certificate, environment, nowMs)
  return { kind: 'certificate', topics: certificate?.topics ?? [], fault }
}

function read(der: Buffer): PushCertificate | undefined {
  try {
    return readCertificate(der)
  } catch {
    return undefined
  }
}

/**
 * Why a certificate may not send: it is no push certificate, has expired, or is for the other
 * environment. Any CA may have signed it.
 * — source: Apple, "Handling notification responses from APNs"
 */
export function certificateFault(
  certificate: PushCertificate | undefined,
  environment: Environment,
  nowMs: number,
): Reason | undefined {
  if (certificate === undefined || certificate.topics.length === 0) return 'BadCertificate'
  if (certificate.notAfter.getTime() < nowMs) return 'BadCertificate'
  return certificate.environments.includes(environment) ? undefined : 'BadCertificateEnvironment'
}

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

/** The claims of a genuine token. */
export interface Claims {
  /** The JWT itself. */
  readonly token: string
  readonly issuedAtMs: number
  /** Bundle IDs that its key is limited to; undefined = all. */
  readonly topics: readonly string[] | undefined
}

/** Age at which a token expires. — source: Apple, "Establishing a token-based connection to APNs" */
const lifetimeMs = 60 * 60_000
/** Minimum age of a token before its connection may use another. — source: the same */
const updateIntervalMs = 20 * 60_000
/** Bound of the cache. Few are needed: a sender uses one token for up to an hour. */
const rememberedTokens = 256

/** The JWT of an `authorization` header; undefined if there is none. */
export function bearerToken(authorization: string | undefined): string | undefined {
  return /^bearer +(\S+)$/i.exec(authorization ?? '')?.[1]
}

/** Verifies the signature of each token once. */
export class ProviderTokenVerifier {
  readonly #keys: readonly RegisteredKey[] | undefined
  readonly #verified = new Map<string, Claims | null>()

  /** @param keys undefined: accept every well-formed ES256 token */
  constructor(keys: readonly RegisteredKey[] | undefined) {
    this.#keys = keys
  }

  /** The claims of a token from the cache; null = not genuine, undefined = not in the cache. */
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
    // Loaded here, because a sender with a certificate sends no token.
    const { compactVerify, decodeJwt, decodeProtectedHeader } = await import('jose')
    const { alg, kid } = decodeProtectedHeader(token)
    const { iss, iat } = decodeJwt(token)
    if (alg !== 'ES256' || typeof iat !== 'number' || !hasSignature(token)) return null
    const key = this.#keys?.find(({ keyId, teamId }) => keyId === kid && teamId === iss)
    const isKnown = this.#keys === undefined ? [kid, iss].every(isTenCharacters) : key !== undefined
    if (!isKnown) return null
    if (key !== undefined) await compactVerify(token, key.publicKey, { algorithms: ['ES256'] })
    return { token, issuedAtMs: iat * 1000, topics: key?.topics }
  }
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
   * The credential of a request with this token. A different token is refused until the one in use
   * was issued 20 minutes ago. So a sender that connects with an old token may renew it soon after.
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
