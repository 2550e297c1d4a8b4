/**
 * Encodes and decodes journal entries. Every read from a sender writes one entry, so for speed the
 * layout is fixed: numbers through one view, all apns-ids as one string, little-endian.
 *
 *     entry   count 4 | bytes of all apns-ids 4 | route length 1 | route | apns-ids | count × record
 *     record  flags 1 | received 8 (ms, double) | identifier 4 | expiration 4 | priority 1
 *             | apns-id length 1 | token length 1 | payload length 4 | token | payload
 *     flags   command (2 bits) | 4 identifier, 8 expiration, 16 priority are known
 */
import type { Command, Notification } from '../binary/notification.ts'
import type { JournalRecord } from './store.ts'

/** The arguments of one {@link Journal.put}, decoded. */
export interface JournalEntry {
  readonly route: string
  readonly records: readonly JournalRecord[]
}

const entryHeadBytes = 9
const recordHeadBytes = 24
const flag = { identifier: 4, expiration: 8, priority: 16 } as const

/** Upper limit of a route's name in UTF-8, bytes. */
export const longestRouteBytes = 255

/** Encodes all entries into the same buffer: allocating a buffer for each costs more than copying. */
export class JournalEntryEncoder {
  readonly #routes = new Map<string, Buffer>()
  #bytes = Buffer.allocUnsafeSlow(64 * 1024)
  #view = new DataView(this.#bytes.buffer)

  /**
   * @returns bytes that the next call overwrites
   * @throws {RangeError} if the name of the route is too long
   */
  encode(route: string, records: readonly JournalRecord[]): Buffer {
    const name = this.#encodedRoute(route)
    this.#growTo(entryBytes(name, records))
    const [bytes, view] = [this.#bytes, this.#view]
    let ids = ''
    for (const { apnsId } of records) ids += apnsId
    view.setUint32(0, records.length, true)
    view.setUint32(4, ids.length, true)
    view.setUint8(8, name.length)
    let at = entryHeadBytes + name.copy(bytes, entryHeadBytes)
    at += bytes.write(ids, at, 'latin1')
    for (const record of records) at = encodeRecord(bytes, view, at, record)
    return bytes.subarray(0, at)
  }

  #growTo(length: number): void {
    if (length <= this.#bytes.length) return
    this.#bytes = Buffer.allocUnsafeSlow(2 * length)
    this.#view = new DataView(this.#bytes.buffer)
  }

  #encodedRoute(route: string): Buffer {
    let bytes = this.#routes.get(route)
    if (bytes === undefined) {
      bytes = Buffer.from(route)
      if (bytes.length > longestRouteBytes) throw new RangeError('the name of a route is too long')
      this.#routes.set(route, bytes)
    }
    return bytes
  }
}

function entryBytes(route: Buffer, records: readonly JournalRecord[]): number {
  let bytes = entryHeadBytes + route.length
  for (const { apnsId, notification } of records)
    bytes +=
      recordHeadBytes + apnsId.length + notification.token.length + notification.payload.length
  return bytes
}

function encodeRecord(entry: Buffer, view: DataView, start: number, record: JournalRecord): number {
  const { command, identifier, expiration, priority, token, payload } = record.notification
  const known =
    (identifier === undefined ? 0 : flag.identifier) |
    (expiration === undefined ? 0 : flag.expiration) |
    (priority === undefined ? 0 : flag.priority)
  view.setUint8(start, command | known)
  view.setFloat64(start + 1, record.receivedAtMs, true)
  view.setUint32(start + 9, identifier ?? 0, true)
  view.setUint32(start + 13, expiration ?? 0, true)
  view.setUint8(start + 17, priority ?? 0)
  view.setUint8(start + 18, record.apnsId.length)
  view.setUint8(start + 19, token.length)
  view.setUint32(start + 20, payload.length, true)
  const tokenAt = start + recordHeadBytes
  entry.set(token, tokenAt)
  entry.set(payload, tokenAt + token.length)
  return tokenAt + token.length + payload.length
}

export function recordCount(entry: Buffer): number {
  return entry.readUInt32LE(0)
}

/** @throws {RangeError} if the bytes are not an entry */
export function decodeJournalEntry(entry: Buffer): JournalEntry {
  const count = recordCount(entry)
  const idsAt = entryHeadBytes + entry.readUInt8(8)
  const route = entry.toString('utf8', entryHeadBytes, idsAt)
  let at = idsAt + entry.readUInt32LE(4)
  const ids = entry.toString('latin1', idsAt, at)
  let idAt = 0
  const records: JournalRecord[] = []
  for (let index = 0; index < count; index++) {
    const idEnd = idAt + entry.readUInt8(at + 18)
    const notification = decodeNotification(entry, at)
    const receivedAtMs = entry.readDoubleLE(at + 1)
    if (!Number.isFinite(receivedAtMs)) throw new RangeError('a time of arrival is not a number')
    records.push({ apnsId: ids.slice(idAt, idEnd), receivedAtMs, notification })
    idAt = idEnd
    at += recordHeadBytes + notification.token.length + notification.payload.length
  }
  if (at !== entry.length || idAt !== ids.length) throw new RangeError('bytes are left over')
  return { route, records }
}

function decodeNotification(entry: Buffer, start: number): Notification {
  const flags = entry.readUInt8(start)
  const tokenAt = start + recordHeadBytes
  const payloadAt = tokenAt + entry.readUInt8(start + 19)
  const end = payloadAt + entry.readUInt32LE(start + 20)
  if (end > entry.length) throw new RangeError('a record is cut off')
  const known = (bit: number, value: number): number | undefined =>
    (flags & bit) === 0 ? undefined : value
  return {
    kind: 'notification',
    command: commandOf(flags & 3),
    identifier: known(flag.identifier, entry.readUInt32LE(start + 9)),
    expiration: known(flag.expiration, entry.readUInt32LE(start + 13)),
    priority: known(flag.priority, entry.readUInt8(start + 17)),
    token: Buffer.from(entry.subarray(tokenAt, payloadAt)),
    payload: Buffer.from(entry.subarray(payloadAt, end)),
  }
}

function commandOf(bits: number): Command {
  if (bits === 0 || bits === 1 || bits === 2) return bits
  throw new RangeError('a command that does not exist')
}
