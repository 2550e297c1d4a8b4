/** The six bytes that name a rejected notification. */
import { Parser } from 'binary-parser'
import { errorResponseCommand } from './wire-format.ts'

/** What the gateway says once per connection, then closes. */
export interface ErrorResponse {
  /** The status byte, see {@link StatusCode}. */
  readonly statusCode: number
  /** The sender's own uint32, bit for bit. */
  readonly identifier: number
}

/** Bytes of an error response. */
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

/**
 * Reads an error response.
 * @throws {RangeError} when `bytes` is not six bytes that begin with 08
 */
export function decodeErrorResponse(bytes: Buffer): ErrorResponse {
  if (bytes.length !== errorResponseBytes || bytes[0] !== errorResponseCommand)
    throw new RangeError(`not an error response: ${bytes.toString('hex', 0, errorResponseBytes)}`)
  const { statusCode, identifier } = layout.parse(bytes)
  return { statusCode, identifier }
}
