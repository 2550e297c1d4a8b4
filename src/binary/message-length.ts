/** Computes and checks the length of a message from its length fields, before it is complete. */
import { tokenBytes } from './notification.ts'
import { commandFormats, itemFormats, itemHeaderBytes } from './wire-format.ts'

/** How much longer than the longest payload a frame may be, bytes. */
const frameAllowanceBytes = 1024

/** Bytes of the message are missing; its lengths so far are within bounds. */
export const incomplete = 0
/** A length exceeds its limit or contradicts another one. */
export const outOfBounds = -1

/**
 * The length in bytes of the message that begins at `at`; {@link incomplete} if bytes are missing,
 * {@link outOfBounds} if a length exceeds its limit. An incomplete message is at most
 * `maxPayloadBytes` and a little over 1 KiB long.
 */
export function messageLength(bytes: Buffer, at: number, maxPayloadBytes: number): number {
  const command = bytes[at]
  if (command === 2) return frameLength(bytes, at, maxPayloadBytes)
  if (command === 1) return pairLength(bytes, at + enhancedHeaderBytes, at, maxPayloadBytes)
  if (command === 0) return pairLength(bytes, at + simpleHeaderBytes, at, maxPayloadBytes)
  return outOfBounds
}

/** Bytes of the command and of the fixed fields that follow it. */
function headerBytes(command: keyof typeof commandFormats): number {
  return commandFormats[command].reduce((sum, { bytes = 0 }) => sum + bytes, 1)
}

const simpleHeaderBytes = headerBytes(0)
const enhancedHeaderBytes = headerBytes(1)

/** Commands 0 and 1. Does not loop over their format, because that makes the decoder 5 % slower. */
function pairLength(bytes: Buffer, lengthAt: number, at: number, maxPayloadBytes: number): number {
  const tokenAt = lengthAt + 2
  if (bytes.length < tokenAt) return incomplete
  const tokenLength = bytes.readUInt16BE(lengthAt)
  if (tokenLength > tokenBytes.max) return outOfBounds
  const payloadAt = tokenAt + tokenLength + 2
  if (bytes.length < payloadAt) return incomplete
  const payloadLength = bytes.readUInt16BE(payloadAt - 2)
  if (payloadLength > maxPayloadBytes) return outOfBounds
  const end = payloadAt + payloadLength
  return bytes.length < end ? incomplete : end - at
}

function frameLength(bytes: Buffer, at: number, maxPayloadBytes: number): number {
  const itemsAt = at + 5
  if (bytes.length < itemsAt) return incomplete
  const itemsBytes = bytes.readUInt32BE(at + 1)
  if (itemsBytes > maxPayloadBytes + frameAllowanceBytes) return outOfBounds
  const end = itemsAt + itemsBytes
  for (let itemAt = itemsAt; itemAt < end;) {
    const dataAt = itemAt + itemHeaderBytes
    if (dataAt > end) return outOfBounds
    if (dataAt > bytes.length) return incomplete
    const length = bytes.readUInt16BE(dataAt - 2)
    const name = itemFormats[bytes[itemAt] ?? 0]?.name
    if (length > limitOf(name, maxPayloadBytes) || dataAt + length > end) return outOfBounds
    itemAt = dataAt + length
  }
  return bytes.length < end ? incomplete : end - at
}

function limitOf(name: string | undefined, maxPayloadBytes: number): number {
  if (name === 'token') return tokenBytes.max
  if (name === 'payload') return maxPayloadBytes
  return 0xffff
}
