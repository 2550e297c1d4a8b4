/** Which status byte tells a sender what the provider API said (delivery contract, D14). */
import { StatusCode } from '../binary/status-code.ts'
import type { Reason } from '../apns/reason.ts'

/**
 * Status per reason that rejects a notification. 8 only where the token itself is bad, because it
 * is the one code on which senders delete tokens; 1 for what neither token nor sender can help.
 * — source: Apple, "Binary Provider API", Table A-1; senders.md 26 on what clients do with each
 */
const statusOfReason: Partial<Record<Reason | 'HTTP 413', StatusCode>> = {
  BadDeviceToken: StatusCode.invalidToken,
  BadTopic: StatusCode.invalidTopicSize,
  DeviceTokenNotForTopic: StatusCode.invalidToken,
  MissingDeviceToken: StatusCode.missingToken,
  MissingTopic: StatusCode.missingTopic,
  PayloadEmpty: StatusCode.missingPayload,
  PayloadTooLarge: StatusCode.invalidPayloadSize,
  'HTTP 413': StatusCode.invalidPayloadSize,
  TopicDisallowed: StatusCode.missingTopic,
}

/** The status for a rejection by the provider API; 1, processing error, for every other reason. */
export function statusFor(reason: string): StatusCode {
  const statuses: Readonly<Record<string, StatusCode | undefined>> = statusOfReason
  return (
    (Object.hasOwn(statusOfReason, reason) ? statuses[reason] : undefined) ??
    StatusCode.processingError
  )
}
