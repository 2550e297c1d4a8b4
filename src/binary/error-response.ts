/** The error response: six bytes that name a rejected notification. */
import { Parser } from 'binary-parser'
import { errorResponseCommand } from './wire-format.ts'

/** The gateway sends at most one per connection, then closes the connection. */
export interface ErrorResponse {
  /** See {@link StatusCode}. */
  readonly statusCode: number
  /** Of the notification, as the sender wrote it; uint32. */
  readonly identifier: number
}

export const errorResponseBytes = 6

const layout = new Parser().uint8('command').uint8('statusCode').uint32be('identifier')

/** `08 | status (1) | identifier (4)`. — source: Apple, "Binary Provider API", Figure A-2 */
export function encodeErrorResponse({ statusCode, identifier }: ErrorResponse): Buffer {
  const bytes = Buffer.alloc(errorResponseBytes)
  bytes.writeUInt8(errorResponseCommand, 0)
  bytes.writeUInt8(statusCode, 1)
  bytes.writeUInt32BE(identifier, 2)
  return bytes
}

/** @throws {RangeError} when `bytes` is not six bytes that begin with 08 */
export function decodeErrorResponse(bytes: Buffer): ErrorResponse {
  if (bytes.length !== errorResponseBytes || bytes[0] !== errorResponseCommand)
    throw new RangeError(`not an error response: ${bytes.toString('hex', 0, errorResponseBytes)}`)
  const { statusCode, identifier } = layout.parse(bytes)
  return { statusCode, identifier }
}
