/** Explains each reason for not delivering a notification to an operator. */
import type { RefusalCode } from '../binary/notification.ts'
import type { Reason } from './reason.ts'

/** Codes of the proxy, for notifications that it does not send to APNs. */
type OwnCode = RefusalCode | 'payload-not-an-object' | 'expired'

const wrongTopic =
  'the credential may not send for this topic; remove topic from the route, to use the topic of the certificate; for a signing key, write the bundle ID of the app'
const wrongKey =
  'APNs does not know this signing key under this team; compare keyId and teamId with the developer account, and check that the key is not revoked there'

/**
 * "Cause; remedy". — source: Apple, "Handling notification responses from APNs"; the
 * last rows are the proxy's own codes
 */
export const reasonMeanings: Readonly<Record<string, string>> = {
  BadCollapseId:
    'the collapse identifier is too long; the binary protocol has none: report this as a bug',
  BadDeviceToken:
    'no device has this token in this environment; a sandbox token sent to production has this reason too, and so has the reverse',
  BadExpirationDate:
    'APNs rejects the expiration, and the request without it; report this as a bug',
  BadMessageId: 'APNs rejects the apns-id that the proxy generated; report this as a bug',
  BadPriority: 'APNs rejects the priority for this push type; set priority in the route',
  BadTopic: wrongTopic,
  DeviceTokenNotForTopic:
    'the token belongs to another app; check the sender’s tokens and the topic of the route',
  DuplicateHeaders:
    'APNs received a header twice; check for a device that changes requests to APNs',
  IdleTimeout: 'APNs closed an idle connection; the proxy retries on another connection',
  InvalidPushType:
    'the push type does not fit the topic or the payload; correct or remove pushType in the route',
  MissingDeviceToken: 'the notification has no device token; the sender must send one',
  MissingTopic:
    'the request has no topic: the credential has several, or may not send for this topic; set topic in the route; for a signing key, write the bundle ID of the app',
  PayloadEmpty: 'the payload is empty; the sender must send one',
  TopicDisallowed: wrongTopic,
  BadCertificate:
    'APNs rejects the certificate: it is not a push certificate, or was revoked; give the push certificate that the Apple account shows as active',
  BadCertificateEnvironment:
    'the certificate is for the other environment; correct environment of the route, or give a certificate for this environment',
  BadEnvironmentKeyIdInToken:
    'the signing key is for the other environment; correct environment of the route, or make a key for both environments in the developer account',
  ExpiredProviderToken:
    'APNs rejects the provider token as too old, although it is new; set the clock of this machine (NTP)',
  Forbidden:
    'APNs forbids this credential to send; check in the Apple account whether the certificate or key is still active',
  InvalidProviderToken: wrongKey,
  MissingProviderToken:
    'APNs received no credential: a firewall or proxy removed the certificate; exclude *.push.apple.com from inspection',
  UnrelatedKeyIdInToken: wrongKey,
  BadPath: 'APNs does not know the request path; report this as a bug',
  MethodNotAllowed:
    'APNs received a method other than POST; check for a device that changes requests to APNs',
  ExpiredToken: 'the device token has expired; the feedback service reports it to the sender',
  Unregistered:
    'the app was removed from the device, or it no longer accepts pushes; the feedback service reports the token to the sender',
  PayloadTooLarge: 'the payload exceeds 4,096 bytes, 5,120 for VoIP; the sender must shorten it',
  TooManyProviderTokenUpdates:
    'APNs received too many new provider tokens of this team; check whether another program uses the same key, and wait 20 minutes before the next check --live',
  TooManyRequests: 'APNs received too many pushes for one device; the proxy retries later',
  InternalServerError: 'APNs had an internal error; the proxy retries',
  ServiceUnavailable: 'APNs is unavailable; the proxy retries',
  Shutdown: 'a server of APNs shuts down; the proxy retries on another connection',
  'missing-token': 'the notification has no device token; the sender must send one',
  'missing-payload': 'the notification has no payload; the sender must send one',
  'invalid-token-size':
    'the device token does not have 32 to 100 bytes; check whether the sender truncates it or sends it as text',
  'invalid-payload-size':
    'the payload exceeds 4,096 bytes, 5,120 for VoIP; the sender must shorten it',
  'duplicate-item': 'the frame contains an item twice; the sender encodes frames incorrectly',
  'invalid-item-size':
    'an item of the frame has a wrong length; the sender encodes frames incorrectly',
  'item-overruns-frame': 'an item is longer than its frame; the sender encodes frames incorrectly',
  'frame-too-long':
    'the frame is longer than any notification; the sender encodes frames incorrectly',
  'payload-not-an-object': 'the payload is not a JSON object; the sender must send one',
  expired: 'the notification expired before it could be delivered; the sender is not informed',
} satisfies Readonly<Record<Reason | OwnCode, string>>

const unknown =
  'this version does not know the reason; see Apple, “Handling notification responses from APNs”'

/** "Cause; remedy"; undefined for a reason that Apple adds later. */
export function explanationOf(reason: string): string | undefined {
  return Object.hasOwn(reasonMeanings, reason) ? reasonMeanings[reason] : undefined
}

/** The explanation in sentences. For a reason without one, refers to Apple's documentation. */
export function meaningInWords(reason: string): string {
  const parts = (explanationOf(reason) ?? unknown).split('; ')
  return parts.map((part) => `${part.slice(0, 1).toUpperCase()}${part.slice(1)}.`).join(' ')
}
