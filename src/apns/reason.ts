/** The reasons of the provider API, and what each means for the notification. */

/**
 * The consequence of a reason:
 * - `unregistered`: the token was valid once; the feedback service reports the token to the sender
 * - `rejected`: this notification will never be delivered
 * - `retry-now`, `retry-later`: the notification may be valid; the proxy sends it again
 * - `stale-provider-token`: the provider token is too old; the proxy renews it
 * - `credential`: APNs refuses the route's credential; the notification may be valid
 */
export type Meaning =
  'unregistered' | 'rejected' | 'retry-now' | 'retry-later' | 'stale-provider-token' | 'credential'

/** A change to a value that the proxy chose, for one more attempt. */
export type Amendment = 'without-push-type' | 'power-saving' | 'without-expiration'

export interface ReasonRow {
  /** The HTTP status of the response. */
  readonly status: number
  readonly meaning: Meaning
  /** Applied once before the notification is rejected. */
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

export type Reason = keyof typeof reasons

/** For a reason that Apple adds later, the HTTP status determines the meaning. */
export function reasonRow(status: number, reason: string | undefined): ReasonRow {
  if (reason !== undefined && Object.hasOwn(reasons, reason)) return reasons[reason as Reason]
  return { status, meaning: meaningOfStatus(status) }
}

/** The meaning of a reason without HTTP status, as in a GOAWAY; undefined if unknown. */
export function meaningOf(reason: string): Meaning | undefined {
  return Object.hasOwn(reasons, reason) ? reasons[reason as Reason].meaning : undefined
}

function meaningOfStatus(status: number): Meaning {
  if (status === 403) return 'credential'
  if (status === 410) return 'unregistered'
  if (status === 429 || status >= 500) return 'retry-later'
  return 'rejected'
}
