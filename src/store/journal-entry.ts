/**
 * What one journal entry looks like on the disk. It is written for every read from every sender, so
 * it is laid out by hand: fixed fields first, little-endian.
 *
 *     entry   count 4 | route length 1 | route | count × record
 *     record  flags 1 | received 8 (ms, double) | identifier 4 | expiration 4 | priority 1
 *             | apns-id length 1 | token length 1 | payload length 4 | apns-id | token | payload
 *     flags   command (2 bits) | 4 identifier, 8 expiration, 16 priority are known
 */
import type { Command, Notification } from '../binary/notification.ts'
import type { JournalRecord } from './store.ts'

/** What one {@link Journal.put} took, as it comes back. */
export interface JournalEntry {
  readonly route: string
  readonly records: readonly JournalRecord[]
}

const entryHeadBytes = 5
const recordHeadBytes = 24
const flag = { identifier: 4, expiration: 8, priority: 16 } as const

/** Upper limit of a route's name in UTF-8, bytes. */
export const longestRouteBytes = 255

/** How long {@link encodeJournalEntry} will make an entry. */
export function journalEntryBytes(route: Buffer, records: readonly JournalRecord[]): number {
  let bytes = entryHeadBytes + route.length
  for (const { apnsId, notification } of records)
    bytes +=
      recordHeadBytes + apnsId.length + notification.token.length + notification.payload.length
  return bytes
}

/** @param bytes what {@link journalEntryBytes} says */
export function encodeJournalEntry(
  route: Buffer,
  records: readonly JournalRecord[],
  bytes: number,
): Buffer {
  const entry = Buffer.allocUnsafe(bytes)
  entry.writeUInt32LE(records.length, 0)
  entry[4] = route.length
  let at = entryHeadBytes + route.copy(entry, entryHeadBytes)
  for (const record of records) at = encodeRecord(entry, at, record)
  return entry
}

function encodeRecord(entry: Buffer, start: number, record: JournalRecord): number {
  const { command, identifier, expiration, priority, token, payload } = record.notification
  entry[start] =
    command |
    (identifier === undefined ? 0 : flag.identifier) |
    (expiration === undefined ? 0 : flag.expiration) |
    (priority === undefined ? 0 : flag.priority)
  entry.writeDoubleLE(record.receivedAtMs, start + 1)
  entry.writeUInt32LE(identifier ?? 0, start + 9)
  entry.writeUInt32LE(expiration ?? 0, start + 13)
  entry[start + 17] = priority ?? 0
  entry[start + 18] = record.apnsId.length
  entry[start + 19] = token.length
  entry.writeUInt32LE(payload.length, start + 20)
  let at = start + recordHeadBytes
  at += entry.write(record.apnsId, at, 'latin1')
  entry.set(token, at)
  at += token.length
  entry.set(payload, at)
  return at + payload.length
}

/** @throws {RangeError} when the bytes are not an entry */
export function decodeJournalEntry(entry: Buffer): JournalEntry {
  const count = entry.readUInt32LE(0)
  let at = entryHeadBytes + entry.readUInt8(4)
  const route = entry.toString('utf8', entryHeadBytes, at)
  const records: JournalRecord[] = []
  for (let index = 0; index < count; index++) {
    const { record, end } = decodeRecord(entry, at)
    records.push(record)
    at = end
  }
  if (at !== entry.length) throw new RangeError('bytes are left over')
  return { route, records }
}

function decodeRecord(entry: Buffer, start: number): { record: JournalRecord; end: number } {
  const flags = entry.readUInt8(start)
  const idAt = start + recordHeadBytes
  const tokenAt = idAt + entry.readUInt8(start + 18)
  const payloadAt = tokenAt + entry.readUInt8(start + 19)
  const end = payloadAt + entry.readUInt32LE(start + 20)
  if (end > entry.length) throw new RangeError('a record is cut off')
  const known = (bit: number, value: number): number | undefined =>
    (flags & bit) === 0 ? undefined : value
  const notification: Notification = {
    kind: 'notification',
    command: commandOf(flags & 3),
    identifier: known(flag.identifier, entry.readUInt32LE(start + 9)),
    expiration: known(flag.expiration, entry.readUInt32LE(start + 13)),
    priority: known(flag.priority, entry.readUInt8(start + 17)),
    token: Buffer.from(entry.subarray(tokenAt, payloadAt)),
    payload: Buffer.from(entry.subarray(payloadAt, end)),
  }
  const apnsId = entry.toString('latin1', idAt, tokenAt)
  return { record: { apnsId, receivedAtMs: entry.readDoubleLE(start + 1), notification }, end }
}

function commandOf(bits: number): Command {
  if (bits === 0 || bits === 1 || bits === 2) return bits
  throw new RangeError('a command that does not exist')
}
