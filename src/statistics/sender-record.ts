/** The counts of one sender, and the functions that add to them. No token or payload is in a record. */
import { z } from 'zod'
import { encodingOf } from '../apns/payload-encoding.ts'
import type { PushType } from '../apns/push-type.ts'
import type { Received } from '../binary/decoder.ts'
import { tokenBytes } from '../binary/notification.ts'

const count = z.number().int().min(0).default(0)
const counts = z.record(z.string(), z.number().int().min(0)).default(() => ({}))
const ms = z.number().int()

/** The same in memory, in the file of the statistics and in the migration report. */
export const senderRecord = z.strictObject({
  route: z.string(),
  /** Hex SHA-256 of the DER SubjectPublicKeyInfo, which identifies the sender. */
  publicKeySha256: z.string(),
  /** Subject of the latest certificate. */
  subject: z.string().default(''),
  /** Of the latest certificate. */
  certificateNotAfterMs: ms.default(0),
  firstSeenMs: ms,
  /** When the sender last connected or sent. */
  lastSeenMs: ms,
  /** When the sender last sent a notification; null = never. */
  lastSentMs: ms.nullable().default(null),
  connections: count,
  /** The last few, latest first. */
  addresses: z.array(z.string()).default(() => []),
  /** Connections, by version. */
  tlsVersions: counts,
  /** Notifications, by command. */
  commands: z.strictObject({ 0: count, 1: count, 2: count }).prefault({}),
  /** Notifications, by inferred or configured push type. */
  pushTypes: counts,
  /** Notifications, by UTC day as `2026-11-25`; the last few days. */
  days: counts,
  peakPerSecond: count,
  peakPerMinute: count,
  utf16Payloads: count,
  /** Notifications to tokens longer than 32 bytes. */
  longTokens: count,
  /** Notifications of command 2 without an expiration, which meant "do not store". */
  withoutExpiration: count,
  /** Notifications with the identifier of the one before. */
  repeatedIdentifiers: count,
  /** Notifications that APNs accepted while the process ran that had received them. */
  delivered: count,
  /**
   * Notifications of which it is not known whether they were delivered: an earlier process owned them
   * when it ended. null: of none it is known, because an earlier version wrote the record.
   */
  uncounted: z.number().int().min(0).nullable().default(null),
  /** Rejections by reason, whether the sender was told or not. */
  rejections: counts,
  /** Rejections that the sender was not told. */
  untold: count,
  /** Rejections that the error response limiter kept from the sender. */
  silenced: count,
  /** Resends after an error response. */
  resent: count,
  /** Notifications to devices that are gone. */
  unregistered: count,
  /** Notifications that were given up. */
  expired: count,
  /** Streams that could not be decoded, by fault. */
  unreadable: counts,
  feedbackReads: count,
  /** When the sender last read the feedback service; null = never. */
  feedbackReadMs: ms.nullable().default(null),
})

export type SenderRecord = z.infer<typeof senderRecord>

/** Identifies a sender. */
export type SenderName = Pick<SenderRecord, 'route' | 'publicKeySha256'>

const mostAddresses = 8
const mostDays = 31
/** Peers, or future versions of APNs, choose the names under which is counted. */
const mostNames = 40
const mostCharacters = 200

/** A record whose counts are zero. */
export function newSender(name: SenderName, nowMs: number): SenderRecord {
  return senderRecord.parse({ ...name, firstSeenMs: nowMs, lastSeenMs: nowMs, uncounted: 0 })
}

/** The name of a sender as text. */
export function nameOfSender({ route, publicKeySha256 }: SenderName): string {
  return `${publicKeySha256} ${route}`
}

/** All notifications of a sender. */
export function notificationsOf({ commands }: SenderRecord): number {
  return commands[0] + commands[1] + commands[2]
}

/** Notifications of which it is known whether they were delivered, or that they were not so far. */
export function countedOf(sender: SenderRecord): number {
  const all = notificationsOf(sender)
  return all - (sender.uncounted ?? all)
}

/** The process that owned them has ended: what it delivers of them later is not counted. */
export function forgetUnsettled(sender: SenderRecord): void {
  const { delivered, rejections, unregistered, resent, expired, silenced } = sender
  const rejected = Object.values(rejections).reduce((sum, count) => sum + count, 0)
  const settled = delivered + rejected + unregistered + resent + expired + silenced
  sender.uncounted = Math.max(0, notificationsOf(sender) - settled)
}

/** Is called for every notification, so it only adds. */
export function countReceived(
  sender: SenderRecord,
  received: Received,
  pushType: PushType | undefined,
): void {
  sender.commands[received.command]++
  if (received.kind === 'refused') return
  const { command, token, payload, expiration } = received
  const name = pushType ?? 'none'
  sender.pushTypes[name] = (sender.pushTypes[name] ?? 0) + 1
  if (encodingOf(payload) !== 'utf-8') sender.utf16Payloads++
  if (token.length > tokenBytes.min) sender.longTokens++
  if (command === 2 && expiration === undefined) sender.withoutExpiration++
}

/** Counts a connection to the gateway. */
export function countConnection(
  sender: SenderRecord,
  address: string | undefined,
  tlsVersion: string | null,
): void {
  sender.connections++
  noteAddress(sender, address)
  countName(sender.tlsVersions, tlsVersion ?? 'unknown')
}

/** Counts a connection to the feedback service. */
export function countFeedbackRead(
  sender: SenderRecord,
  address: string | undefined,
  nowMs: number,
): void {
  sender.feedbackReads++
  sender.feedbackReadMs = nowMs
  noteAddress(sender, address)
}

function noteAddress(sender: SenderRecord, address: string | undefined): void {
  if (address === undefined) return
  const others = sender.addresses.filter((known) => known !== address)
  sender.addresses = [shortened(address), ...others].slice(0, mostAddresses)
}

/** Counts notifications of one day. */
export function countDay(sender: SenderRecord, nowMs: number, notifications: number): void {
  const day = new Date(nowMs).toISOString().slice(0, 10)
  sender.days[day] = (sender.days[day] ?? 0) + notifications
  const days = Object.keys(sender.days).sort()
  for (const old of days.slice(0, -mostDays)) Reflect.deleteProperty(sender.days, old)
}

/** Counts under a name, or under `other` if there are many names already. */
export function countName(counts: Record<string, number>, name: string): void {
  const short = shortened(name)
  const hasRoom = Object.hasOwn(counts, short) || Object.keys(counts).length < mostNames
  const key = hasRoom ? short : 'other'
  counts[key] = (counts[key] ?? 0) + 1
}

/** One line of limited length, of a text that a peer chose. */
export function shortened(text: string): string {
  return text.replaceAll(/\p{Cc}/gu, ' ').slice(0, mostCharacters)
}
