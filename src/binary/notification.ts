/** A decoded notification, and the reasons to refuse one. */
import { StatusCode } from './status-code.ts'

/** The format of a notification: 0 simple, 1 enhanced, 2 framed. */
export type Command = 0 | 1 | 2

/** Later input never changes its bytes. */
export interface Notification {
  readonly kind: 'notification'
  readonly command: Command
  /** Chosen by the sender, echoed in an error response; uint32, and 0 is a valid identifier. */
  readonly identifier: number | undefined
  /** 32 to 100 bytes. */
  readonly token: Buffer
  /** 1 byte to `maxPayloadBytes` of the decoder, which does not check the JSON. */
  readonly payload: Buffer
  /** UNIX seconds, 0 = do not store; undefined = not sent. */
  readonly expiration: number | undefined
  /** As sent: 10 immediate, 5 power-saving; undefined = not sent. */
  readonly priority: number | undefined
}

/**
 * Why a single notification is refused while the rest of the stream stays readable, and the status
 * code to report to its sender.
 * — source: Apple, "Binary Provider API", Table A-1; 128 is our choice where Apple names no status
 */
export const refusalStatus = {
  'missing-token': StatusCode.missingToken,
  'missing-payload': StatusCode.missingPayload,
  'invalid-token-size': StatusCode.invalidTokenSize,
  'invalid-payload-size': StatusCode.invalidPayloadSize,
  'duplicate-item': StatusCode.protocolError,
  'invalid-item-size': StatusCode.protocolError,
  'item-overruns-frame': StatusCode.protocolError,
  'frame-too-long': StatusCode.protocolError,
} as const satisfies Record<string, StatusCode>

/** One of the keys of {@link refusalStatus}. */
export type RefusalCode = keyof typeof refusalStatus

/**
 * A notification that the decoder refuses, because APNs would reject it. Radius: the notification.
 */
export interface RefusedNotification {
  readonly kind: 'refused'
  readonly command: Command
  readonly identifier: number | undefined
  readonly code: RefusalCode
}

export function refused(
  command: Command,
  identifier: number | undefined,
  code: RefusalCode,
): RefusedNotification {
  return { kind: 'refused', command, identifier, code }
}

/** Bounds of a device token, bytes. — source: Apple, "Binary Provider API" (32; "up to 100" in its last revision) */
export const tokenBytes = { min: 32, max: 100 } as const

/**
 * The stream is unreadable, because its bytes do not show where the next notification begins.
 * Radius: the client connection.
 */
export class BinaryProtocolError extends Error {
  override readonly name = 'BinaryProtocolError'
  readonly code: 'unknown-command' | 'impossible-frame-length' | 'truncated'
  /** For an error response, if the identifier is known. */
  readonly status = StatusCode.protocolError
  /** Of the incomplete notification, if its identifier has arrived. */
  readonly identifier: number | undefined

  constructor(code: BinaryProtocolError['code'], message: string, identifier?: number) {
    super(message)
    this.code = code
    this.identifier = identifier
  }
}
