/** How a route reaches the provider API, and with which credential. */
import { isDeepStrictEqual } from 'node:util'
import type { KeyRing } from '../apns/key-ring.ts'
import type { Configuration } from '../config/configuration.ts'
import type { Route } from '../config/route.ts'
import type { PoolLimits } from '../upstream/pool.ts'
import type { SessionTarget, SessionTimes } from '../upstream/session.ts'

/** What all routes have in common. */
export type RouteSettings = Pick<Configuration, 'providerApi' | 'limits' | 'journal'>

/** Sessions are opened with this; a change of it needs new sessions. */
export interface UpstreamAccess extends PoolLimits {
  readonly target: SessionTarget
  readonly times: SessionTimes
}

const connectTimeoutMs = 10_000
const pingIntervalMs = 60_000
const pingTimeoutMs = 5_000

/** Signs a provider token where the route sends with one. */
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
      proxy: providerApi.proxy,
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
