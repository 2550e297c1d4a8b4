/** Encodes notifications as legacy senders do. */
import type { Notification } from './notification.ts'
import { commandFormats, itemFormats } from './wire-format.ts'

/**
 * The bytes of a notification, in the command that it names. Command 1 writes 0 for an undefined
 * identifier or expiration. Command 2 writes items 1 to 5 in ascending order and omits undefined
 * ones.
 * @throws RangeError when a value does not fit its field
 */
export function encodeNotification(notification: Omit<Notification, 'kind'>): Buffer {
  const { command } = notification
  if (command === 2) {
    const items = Buffer.concat(itemsOf(notification))
    return Buffer.concat([uint(command, 1), uint(items.length, 4), items])
  }
  const values = commandFormats[command].map(({ name, bytes }) =>
    bytes === undefined ? sized(notification[name]) : uint(notification[name] ?? 0, bytes),
  )
  return Buffer.concat([uint(command, 1), ...values])
}

function itemsOf(notification: Omit<Notification, 'kind'>): Buffer[] {
  return Object.entries(itemFormats).flatMap(([itemId, { name, bytes = 0 }]) => {
    const value = notification[name]
    if (value === undefined) return []
    return [uint(Number(itemId), 1), sized(typeof value === 'number' ? uint(value, bytes) : value)]
  })
}

function sized(data: Buffer): Buffer {
  return Buffer.concat([uint(data.length, 2), data])
}

function uint(value: number, bytes: number): Buffer {
  const buffer = Buffer.alloc(bytes)
  buffer.writeUIntBE(value, 0, bytes)
  return buffer
}
