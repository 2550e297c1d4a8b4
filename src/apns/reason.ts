/** Every reason that the provider API gives, and what it means for the notification. */

/**
 * What a reason says:
 * - `unregistered`: the token was valid once; the feedback service tells the sender
 * - `rejected`: this notification will never be delivered
 * - `retry-now`, `retry-later`: nothing is wrong with the notification
 * - `stale-provider-token`: the proxy's own token is too old
 * - `credential`: the route may not send at all; no notification is to blame
 */
export type Meaning =
  'unregistered' | 'rejected' | 'retry-now' | 'retry-later' | 'stale-provider-token' | 'credential'

/** A part of the request that was the proxy's own choice, to be left out or changed once. */
export type Amendment = 'without-push-type' | 'power-saving' | 'without-expiration'

/** One row of {@link reasons}. */
export interface ReasonRow {
  /** HTTP status that carries the reason. */
  readonly status: number
  readonly meaning: Meaning
  /** What to change before the notification itself is blamed. */
  readonly amendment?: Amendment
}

/**
 * One row per reason. — source: Apple, "Handling notification responses from APNs"; the meaning of
 * 5xx and Shutdown from field reports (pushy#845)
 */
export const reasons = {
  BadCollapseId: { status: 400, meaning: 'rejected' },
  BadDeviceToken: { status: 400, meaning: 'rejected' },
  BadExpirationDate: { status: 400, meaning: 'rejected', amendment: 'without-expiration' },
  BadMessageId: { status: 400, meaning: 'rejected' },
  BadPriority: { status: 400, meaning: 'rejected', amendment: 'power-saving' },
  BadTopic: { status: 400, meaning: 'rejected' },
  DeviceTokenNotForTopic: { status: 400, meaning: 'rejected' },
  DuplicateHeaders: { status: 400, meaning: 'rejected' },
  IdleTimeout: { status: 400, meaning: 'retry-now' },
  InvalidPushType: { status: 400, meaning: 'rejected', amendment: 'without-push-type' },
  MissingDeviceToken: { status: 400, meaning: 'rejected' },
  MissingTopic: { status: 400, meaning: 'rejected' },
  PayloadEmpty: { status: 400, meaning: 'rejected' },
  TopicDisallowed: { status: 400, meaning: 'rejected' },
  BadCertificate: { status: 403, meaning: 'credential' },
  BadCertificateEnvironment: { status: 403, meaning: 'credential' },
  BadEnvironmentKeyIdInToken: { status: 403, meaning: 'credential' },
  ExpiredProviderToken: { status: 403, meaning: 'stale-provider-token' },
  Forbidden: { status: 403, meaning: 'credential' },
  InvalidProviderToken: { status: 403, meaning: 'credential' },
  MissingProviderToken: { status: 403, meaning: 'credential' },
  UnrelatedKeyIdInToken: { status: 403, meaning: 'credential' },
  BadPath: { status: 404, meaning: 'rejected' },
  MethodNotAllowed: { status: 405, meaning: 'rejected' },
  ExpiredToken: { status: 410, meaning: 'unregistered' },
  Unregistered: { status: 410, meaning: 'unregistered' },
  PayloadTooLarge: { status: 413, meaning: 'rejected' },
  TooManyProviderTokenUpdates: { status: 429, meaning: 'retry-later' },
  TooManyRequests: { status: 429, meaning: 'retry-later' },
  InternalServerError: { status: 500, meaning: 'retry-later' },
  ServiceUnavailable: { status: 503, meaning: 'retry-later' },
  Shutdown: { status: 503, meaning: 'retry-now' },
} as const satisfies Readonly<Record<string, ReasonRow>>

/** A reason that {@link reasons} knows. */
export type Reason = keyof typeof reasons

/** The row of a reason; one that Apple adds later is read by its HTTP status. */
export function reasonRow(status: number, reason: string | undefined): ReasonRow {
  if (reason !== undefined && Object.hasOwn(reasons, reason)) return reasons[reason as Reason]
  return { status, meaning: meaningOfStatus(status) }
}

/** What a reason means that came without a status, as in a GOAWAY; undefined for an unknown one. */
export function meaningOf(reason: string): Meaning | undefined {
  return Object.hasOwn(reasons, reason) ? reasons[reason as Reason].meaning : undefined
}

function meaningOfStatus(status: number): Meaning {
  if (status === 403) return 'credential'
  if (status === 410) return 'unregistered'
  if (status === 429 || status >= 500) return 'retry-later'
  return 'rejected'
}
