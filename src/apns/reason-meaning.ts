/** What each reason for not delivering a notification means, in the words of an administrator. */
import type { RefusalCode } from '../binary/notification.ts'
import type { Reason } from './reason.ts'

/** Codes of the proxy itself, where no provider API was asked. */
type OwnCode = RefusalCode | 'payload-not-an-object' | 'expired'

/**
 * What happened, then what helps. — source: Apple, "Handling notification responses from APNs"; the
 * last rows are the proxy's own
 */
export const reasonMeanings: Readonly<Record<Reason | OwnCode, string>> = {
  BadCollapseId: 'The collapse identifier is too long. The binary protocol has none: report this.',
  BadDeviceToken:
    'No device has this token in this environment. A sandbox token sent to production, or the other way round, looks like this too.',
  BadExpirationDate: 'APNs does not take the expiration, not even left out. Report this.',
  BadMessageId: 'APNs does not take the apns-id that the proxy made. Report this.',
  BadPriority: 'APNs does not take the priority for this kind of push. Set priority in the route.',
  BadTopic: 'The topic is not one that APNs knows. Correct topic in the route.',
  DeviceTokenNotForTopic:
    'The token belongs to another app. The sender mixes apps up, or the route has the wrong topic.',
  DuplicateHeaders: 'A header came twice. Something between the proxy and APNs changes requests.',
  IdleTimeout: 'APNs closed an idle connection. The notification is sent again on another.',
  InvalidPushType:
    'The push type does not fit the topic or the payload. Set pushType in the route.',
  MissingDeviceToken: 'The notification has no device token. The sender has to give one.',
  MissingTopic: 'The certificate is for several topics. Set topic in the route.',
  PayloadEmpty: 'The payload is empty. The sender has to give one.',
  TopicDisallowed: 'The credential may not send to this topic. Correct topic, or the credential.',
  BadCertificate: 'APNs does not take the certificate. Renew it, then replace its file.',
  BadCertificateEnvironment:
    'The certificate is for the other environment. Correct environment in the route.',
  BadEnvironmentKeyIdInToken:
    'The signing key is for the other environment. Correct environment, or use another key.',
  ExpiredProviderToken:
    'The provider token is too old although the proxy renews it. Set the clock of this machine.',
  Forbidden: 'APNs refuses the credential without saying why. See whether it was revoked.',
  InvalidProviderToken:
    'APNs cannot verify the provider token. Correct keyId, teamId or signingKey.',
  MissingProviderToken: 'APNs saw neither certificate nor provider token. Give the route one.',
  UnrelatedKeyIdInToken: 'The signing key does not belong to this team. Correct keyId or teamId.',
  BadPath: 'APNs does not know the request path. Report this.',
  MethodNotAllowed:
    'APNs takes only POST. Something between the proxy and APNs changes requests, or report this.',
  ExpiredToken: 'The device token has expired. The feedback service tells the sender.',
  Unregistered:
    'The app was removed from the device, or the device no longer takes pushes. The feedback service tells the sender.',
  PayloadTooLarge: 'The payload is over 4,096 bytes, 5,120 for VoIP. The sender has to shorten it.',
  TooManyProviderTokenUpdates:
    'The provider token was renewed too often. Another program may use the same key.',
  TooManyRequests: 'Too many pushes to one device. It is tried again, later.',
  InternalServerError: 'An error within APNs. It is tried again.',
  ServiceUnavailable: 'APNs is not available. It is tried again.',
  Shutdown: 'A server of APNs shuts down. It is tried again on another.',
  'missing-token': 'The notification has no device token. The sender has to give one.',
  'missing-payload': 'The notification has no payload. The sender has to give one.',
  'invalid-token-size':
    'A device token has 32 to 100 bytes. The sender cut it, or sent it as text.',
  'invalid-payload-size':
    'The payload is over 4,096 bytes, 5,120 for VoIP. The sender has to shorten it.',
  'duplicate-item': 'The frame has the same item twice. The sender writes frames wrongly.',
  'invalid-item-size': 'An item of the frame has a wrong length. The sender writes frames wrongly.',
  'item-overruns-frame': 'An item is longer than its frame. The sender writes frames wrongly.',
  'frame-too-long': 'The frame is longer than any notification. The sender writes frames wrongly.',
  'payload-not-an-object': 'The payload is no JSON object. The sender has to send one.',
  expired: 'It could not be delivered while it was still wanted. The sender hears nothing of it.',
}

/** The meaning of a reason; of one that Apple adds later, where to look. */
export function meaningInWords(reason: string): string {
  if (Object.hasOwn(reasonMeanings, reason))
    return reasonMeanings[reason as keyof typeof reasonMeanings]
  return 'A reason that this version does not know. See Apple, “Handling notification responses from APNs”.'
}
