/** How far a message reaches, judged by its length fields alone, before its bytes are waited for. */
import { tokenBytes } from './notification.ts'

/** The ids of a command-2 frame's items. — source: Apple, "Binary Provider API" */
export const ItemId = { token: 1, payload: 2, identifier: 3, expiration: 4, priority: 5 } as const

/** Bytes of an item's id and data length. */
export const itemHeadBytes = 3

/** No frame of one item each can be longer: two of 65,535 bytes, 4 + 4 + 1, and five heads. */
export const longestFrameBytes = 5 * itemHeadBytes + 2 * 0xffff + 4 + 4 + 1

/** What a frame may hold beyond its payload and still be waited for whole, bytes. */
const frameAllowanceBytes = 1024

/** The message is not all here, and so far its lengths are in order. */
export const incomplete = 0
/** A length is over its limit, or contradicts another: not worth waiting for. */
export const outOfBounds = -1

/**
 * The length in bytes of the message that begins at `at`, if it is all here and within its bounds,
 * else {@link incomplete} or {@link outOfBounds}. What is incomplete never grows past
 * `maxPayloadBytes` and a little over 1 KiB.
 */
export function messageExtent(bytes: Buffer, at: number, maxPayloadBytes: number): number {
  const command = bytes[at]
  if (command === 0) return pairExtent(bytes, at, 1, maxPayloadBytes)
  if (command === 1) return pairExtent(bytes, at, 9, maxPayloadBytes)
  if (command === 2) return frameExtent(bytes, at, maxPayloadBytes)
  return outOfBounds
}

function pairExtent(bytes: Buffer, at: number, head: number, maxPayloadBytes: number): number {
  const tokenAt = at + head + 2
  if (bytes.length < tokenAt) return incomplete
  const tokenLength = bytes.readUInt16BE(tokenAt - 2)
  if (tokenLength > tokenBytes.max) return outOfBounds
  const payloadAt = tokenAt + tokenLength + 2
  if (bytes.length < payloadAt) return incomplete
  const payloadLength = bytes.readUInt16BE(payloadAt - 2)
  if (payloadLength > maxPayloadBytes) return outOfBounds
  const end = payloadAt + payloadLength
  return bytes.length < end ? incomplete : end - at
}

function frameExtent(bytes: Buffer, at: number, maxPayloadBytes: number): number {
  const itemsAt = at + 5
  if (bytes.length < itemsAt) return incomplete
  const frameLength = bytes.readUInt32BE(at + 1)
  if (frameLength > maxPayloadBytes + frameAllowanceBytes) return outOfBounds
  const end = itemsAt + frameLength
  for (let head = itemsAt; head < end;) {
    const data = head + itemHeadBytes
    if (data > end) return outOfBounds
    if (data > bytes.length) return incomplete
    const length = bytes.readUInt16BE(data - 2)
    if (length > itemLimit(bytes[head], maxPayloadBytes) || data + length > end) return outOfBounds
    head = data + length
  }
  return bytes.length < end ? incomplete : end - at
}

function itemLimit(itemId: number | undefined, maxPayloadBytes: number): number {
  if (itemId === ItemId.token) return tokenBytes.max
  if (itemId === ItemId.payload) return maxPayloadBytes
  return 0xffff
}
