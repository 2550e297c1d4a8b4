/** A notification as its sender wrote it, and what may be wrong with it. */
import { StatusCode } from './status-code.ts'

/** How a notification was written: 0 simple, 1 enhanced, 2 framed. */
export type Command = 0 | 1 | 2

/** One decoded notification. It owns its bytes: later input never changes them. */
export interface Notification {
  readonly kind: 'notification'
  readonly command: Command
  /** The sender's opaque uint32, echoed in an error response; 0 is an identifier like any other. */
  readonly identifier: number | undefined
  /** 32 to 100 bytes. */
  readonly token: Buffer
  /** 1 byte up to the decoder's `maxPayloadBytes`; JSON, not checked here. */
  readonly payload: Buffer
  /** UNIX seconds, 0 = do not store; undefined = the sender did not say. */
  readonly expiration: number | undefined
  /** 10 immediate, 5 power-saving, as sent; undefined = the sender did not say. */
  readonly priority: number | undefined
}

/**
 * What is wrong with a single notification while the stream stays readable behind it, and the
 * status that says so to the sender.
 * — source: Apple, "Binary Provider API", Table A-1; the choice of 128 where Apple is silent is ours
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

/** A notification that no provider API would take, decided without asking one. Radius: itself. */
export interface RefusedNotification {
  readonly kind: 'refused'
  readonly command: Command
  readonly identifier: number | undefined
  readonly code: RefusalCode
}

/** The value of {@link RefusedNotification}, spelled once. */
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
 * The stream can no longer be read: nothing tells where the next notification begins.
 * Radius: the client connection.
 */
export class BinaryProtocolError extends Error {
  override readonly name = 'BinaryProtocolError'
  readonly code: 'unknown-command' | 'impossible-frame-length' | 'truncated'
  /** What an error response would say if an identifier were known. */
  readonly status = StatusCode.protocolError
  /** The identifier of the notification that broke off, where it had arrived. */
  readonly identifier: number | undefined

  constructor(code: BinaryProtocolError['code'], message: string, identifier?: number) {
    super(message)
    this.code = code
    this.identifier = identifier
  }
}
