/** How a route reaches the provider API, and with which credential. */
import { createHash } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import type { KeyRing } from '../apns/provider-token.ts'
import type { Configuration } from '../config/configuration.ts'
import type { Route } from '../config/route.ts'
import type { PoolLimits, SessionTarget, SessionTimes } from '../upstream/session.ts'

/** The settings that all routes share. */
export type RouteSettings = Pick<Configuration, 'providerApi' | 'limits' | 'journal'>

/** How sessions are opened. After a change, the pool opens new sessions. */
export interface UpstreamAccess extends PoolLimits {
  readonly target: SessionTarget
  readonly times: SessionTimes
}

const connectTimeoutMs = 10_000
const pingIntervalMs = 60_000
const pingTimeoutMs = 5_000

/** Signs a provider token if the route has a signing key. */
export async function upstreamAccess(
  { credential, environment }: Route,
  { providerApi, limits }: RouteSettings,
  { keyRing, random }: { readonly keyRing: KeyRing; readonly random: () => number },
): Promise<UpstreamAccess> {
  const { requestTimeoutMs, maxSessions } = limits
  return {
    target: {
      origin: providerApi.origins[environment],
      certificate: credential.kind === 'certificate' ? credential : undefined,
      certificateAuthority: providerApi.certificateAuthority,
      providerToken:
        credential.kind === 'signing-key' ? await keyRing.tokenOf(credential) : undefined,
      proxy: providerApi.proxies[environment]?.url,
      random,
    },
    times: { connectTimeoutMs, requestTimeoutMs, pingIntervalMs, pingTimeoutMs },
    maxSessions,
  }
}

/** A provider token that the key ring renews is the same object. */
export function isSameAccess(one: UpstreamAccess, other: UpstreamAccess): boolean {
  return one.target.providerToken === other.target.providerToken && isDeepStrictEqual(one, other)
}

/** Names what APNs must accept: credential, topic and environment. */
export function setupOf({ credential, topic }: Route, { target }: UpstreamAccess): string {
  const identity =
    credential.kind === 'certificate'
      ? credential.certificatePem
      : [credential.keyId, credential.teamId]
  const text = JSON.stringify([target.origin, topic, identity])
  return createHash('sha256').update(text).digest('hex')
}
