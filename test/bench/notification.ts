/** Notifications of the usual size, as senders encode them. */
import type { Command } from '../../src/binary/notification.ts'
import { built } from './built.ts'

/** What a sender hands to TLS at once. */
export const chunkBytes = 64 * 1024

/** The n-th of many: a token and a text of its own. */
export async function encodeNotifications(
  command: Command,
  first: number,
  count: number,
): Promise<Buffer> {
  const { encodeNotification } = await built('binary/encoder')
  const messages: Buffer[] = []
  for (let n = first; n < first + count; n++)
    messages.push(
      encodeNotification({
        command,
        identifier: n,
        token: Buffer.from(n.toString(16).padStart(64, '0'), 'hex'),
        payload: Buffer.from(`{"aps":{"alert":"hello ${n}","sound":"default"}}`),
        expiration: 2_000_000_000,
        priority: 10,
      }),
    )
  return Buffer.concat(messages)
}

/** Cuts where a sender's buffer is full, mostly inside a message. */
export function chunksOf(bytes: Buffer): Buffer[] {
  const chunks: Buffer[] = []
  for (let at = 0; at < bytes.length; at += chunkBytes)
    chunks.push(bytes.subarray(at, at + chunkBytes))
  return chunks
}
