/** The status codes of error responses, with Apple's names. */

/**
 * Why a notification was rejected.
 * — source: Apple, "Binary Provider API", Table A-1 (10 since about August 2014, 128 in its last
 * revision only)
 */
export const StatusCode = {
  processingError: 1,
  missingToken: 2,
  missingTopic: 3,
  missingPayload: 4,
  invalidTokenSize: 5,
  invalidTopicSize: 6,
  invalidPayloadSize: 7,
  invalidToken: 8,
  shutdown: 10,
  protocolError: 128,
  unknown: 255,
} as const

export type StatusCode = (typeof StatusCode)[keyof typeof StatusCode]

const names: Readonly<Record<number, string>> = {
  0: 'no errors encountered',
  [StatusCode.processingError]: 'processing error',
  [StatusCode.missingToken]: 'missing device token',
  [StatusCode.missingTopic]: 'missing topic',
  [StatusCode.missingPayload]: 'missing payload',
  [StatusCode.invalidTokenSize]: 'invalid token size',
  [StatusCode.invalidTopicSize]: 'invalid topic size',
  [StatusCode.invalidPayloadSize]: 'invalid payload size',
  [StatusCode.invalidToken]: 'invalid token',
  [StatusCode.shutdown]: 'shutdown',
  [StatusCode.protocolError]: 'protocol error',
  [StatusCode.unknown]: 'none (unknown)',
}

/** Apple's name of a status code, 0 to 255. */
export function statusCodeName(statusCode: number): string {
  return names[statusCode] ?? `status ${statusCode}`
}
