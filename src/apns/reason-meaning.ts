/** Explains each reason for not delivering a notification to an operator. */
import type { RefusalCode } from '../binary/notification.ts'
import type { Reason } from './reason.ts'

/** Codes of the proxy, for notifications that it does not send to APNs. */
type OwnCode = RefusalCode | 'payload-not-an-object' | 'expired'

/**
 * The cause, then the remedy. — source: Apple, "Handling notification responses from APNs"; the
 * last rows are the proxy's own codes
 */
export const reasonMeanings: Readonly<Record<Reason | OwnCode, string>> = {
  BadCollapseId:
    'The collapse identifier is too long. The binary protocol has none: report this as a bug.',
  BadDeviceToken:
    'No device has this token in this environment. A sandbox token sent to production has this reason too, and so has the reverse.',
  BadExpirationDate:
    'APNs rejects the expiration, and the request without it. Report this as a bug.',
  BadMessageId: 'APNs rejects the apns-id that the proxy generated. Report this as a bug.',
  BadPriority: 'APNs rejects the priority for this push type. Set priority in the route.',
  BadTopic: 'APNs does not know the topic. Correct topic in the route.',
  DeviceTokenNotForTopic:
    'The token belongs to another app. Check the sender’s tokens and the topic of the route.',
  DuplicateHeaders:
    'APNs received a header twice. Check for a device that changes requests to APNs.',
  IdleTimeout: 'APNs closed an idle connection. The proxy retries on another connection.',
  InvalidPushType:
    'The push type does not match the topic or the payload. Set pushType in the route.',
  MissingDeviceToken: 'The notification has no device token. The sender must send one.',
  MissingTopic: 'The certificate is valid for several topics. Set topic in the route.',
  PayloadEmpty: 'The payload is empty. The sender must send one.',
  TopicDisallowed:
    'The credential may not send to this topic. Correct the topic or the credential.',
  BadCertificate: 'APNs rejects the certificate. Renew the certificate, then replace its file.',
  BadCertificateEnvironment:
    'The certificate is for the other environment. Correct environment in the route.',
  BadEnvironmentKeyIdInToken:
    'The signing key is for the other environment. Correct environment in the route, or use another key.',
  ExpiredProviderToken:
    'APNs considers a renewed provider token too old. Set the clock of this machine.',
  Forbidden: 'APNs refuses the credential and names no cause. Check whether it was revoked.',
  InvalidProviderToken:
    'APNs cannot verify the provider token. Correct keyId, teamId or signingKey.',
  MissingProviderToken:
    'APNs received neither certificate nor provider token. Configure one in the route.',
  UnrelatedKeyIdInToken: 'The signing key does not belong to this team. Correct keyId or teamId.',
  BadPath: 'APNs does not know the request path. Report this as a bug.',
  MethodNotAllowed:
    'APNs received a method other than POST. Check for a device that changes requests to APNs.',
  ExpiredToken: 'The device token has expired. The feedback service reports it to the sender.',
  Unregistered:
    'The app was removed from the device, or it no longer accepts pushes. The feedback service reports the token to the sender.',
  PayloadTooLarge: 'The payload exceeds 4,096 bytes, 5,120 for VoIP. The sender must shorten it.',
  TooManyProviderTokenUpdates:
    'The provider token was renewed too often. Check whether another program uses the same key.',
  TooManyRequests: 'APNs received too many pushes for one device. The proxy retries later.',
  InternalServerError: 'APNs had an internal error. The proxy retries.',
  ServiceUnavailable: 'APNs is unavailable. The proxy retries.',
  Shutdown: 'A server of APNs shuts down. The proxy retries on another connection.',
  'missing-token': 'The notification has no device token. The sender must send one.',
  'missing-payload': 'The notification has no payload. The sender must send one.',
  'invalid-token-size':
    'The device token does not have 32 to 100 bytes. Check whether the sender truncates it or sends it as text.',
  'invalid-payload-size':
    'The payload exceeds 4,096 bytes, 5,120 for VoIP. The sender must shorten it.',
  'duplicate-item': 'The frame contains an item twice. The sender encodes frames incorrectly.',
  'invalid-item-size':
    'An item of the frame has a wrong length. The sender encodes frames incorrectly.',
  'item-overruns-frame': 'An item is longer than its frame. The sender encodes frames incorrectly.',
  'frame-too-long':
    'The frame is longer than any notification. The sender encodes frames incorrectly.',
  'payload-not-an-object': 'The payload is not a JSON object. The sender must send one.',
  expired: 'The notification expired before it could be delivered. The sender is not informed.',
}

/** For a reason that Apple adds later, refers to Apple's documentation. */
export function meaningInWords(reason: string): string {
  if (Object.hasOwn(reasonMeanings, reason))
    return reasonMeanings[reason as keyof typeof reasonMeanings]
  return 'This version does not know the reason. See Apple, “Handling notification responses from APNs”.'
}
