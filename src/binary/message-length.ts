/** How long a message is, judged by its length fields alone, before its bytes are waited for. */
import { tokenBytes } from './notification.ts'
import { commandFormats, itemFormats, itemHeadBytes } from './wire-format.ts'

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
export function messageLength(bytes: Buffer, at: number, maxPayloadBytes: number): number {
  const command = bytes[at]
  if (command === 2) return frameLength(bytes, at, maxPayloadBytes)
  if (command !== 0 && command !== 1) return outOfBounds
  let end = at + 1
  for (const { name, bytes: fixedBytes } of commandFormats[command]) {
    if (fixedBytes !== undefined) {
      end += fixedBytes
      continue
    }
    const valueAt = end + 2
    if (bytes.length < valueAt) return incomplete
    const length = bytes.readUInt16BE(end)
    if (length > limitOf(name, maxPayloadBytes)) return outOfBounds
    end = valueAt + length
  }
  return bytes.length < end ? incomplete : end - at
}

function frameLength(bytes: Buffer, at: number, maxPayloadBytes: number): number {
  const itemsAt = at + 5
  if (bytes.length < itemsAt) return incomplete
  const itemsBytes = bytes.readUInt32BE(at + 1)
  if (itemsBytes > maxPayloadBytes + frameAllowanceBytes) return outOfBounds
  const end = itemsAt + itemsBytes
  for (let itemAt = itemsAt; itemAt < end;) {
    const dataAt = itemAt + itemHeadBytes
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
