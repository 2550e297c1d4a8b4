/** Writes notifications the way senders do. */
import { ItemId } from './extent.ts'
import type { Notification } from './notification.ts'

/**
 * The bytes of a notification in its own command. Command 2 writes items 1 to 5 in ascending
 * order and leaves out what is undefined.
 * — source: Apple, "Binary Provider API" and "Legacy Notification Format"
 */
export function encodeNotification(notification: Omit<Notification, 'kind'>): Buffer {
  const { command, identifier = 0, expiration = 0, token, payload } = notification
  switch (command) {
    case 0:
      return Buffer.concat([uint(0, 1), sized(token), sized(payload)])
    case 1:
      return Buffer.concat([
        uint(1, 1),
        uint(identifier, 4),
        uint(expiration, 4),
        sized(token),
        sized(payload),
      ])
    case 2: {
      const items = Buffer.concat(itemsOf(notification))
      return Buffer.concat([uint(2, 1), uint(items.length, 4), items])
    }
  }
}

function itemsOf(notification: Omit<Notification, 'kind'>): Buffer[] {
  const { token, payload, identifier, expiration, priority } = notification
  const items = [item(ItemId.token, token), item(ItemId.payload, payload)]
  if (identifier !== undefined) items.push(item(ItemId.identifier, uint(identifier, 4)))
  if (expiration !== undefined) items.push(item(ItemId.expiration, uint(expiration, 4)))
  if (priority !== undefined) items.push(item(ItemId.priority, uint(priority, 1)))
  return items
}

function item(itemId: number, data: Buffer): Buffer {
  return Buffer.concat([uint(itemId, 1), sized(data)])
}

function sized(data: Buffer): Buffer {
  return Buffer.concat([uint(data.length, 2), data])
}

function uint(value: number, bytes: number): Buffer {
  const buffer = Buffer.alloc(bytes)
  buffer.writeUIntBE(value, 0, bytes)
  return buffer
}
