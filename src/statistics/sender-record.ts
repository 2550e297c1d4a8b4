/** What is known of one sender: plain counts, none of them made of a token or a payload. */
import { z } from 'zod'
import { encodingOf } from '../apns/payload.ts'
import type { PushType } from '../apns/push-type.ts'
import type { Received } from '../binary/decoder.ts'
import { tokenBytes } from '../binary/notification.ts'

const count = z.number().int().min(0)
const counts = z.record(z.string(), count)
const ms = z.number().int()

/** Kept as it is in memory, in the file of the statistics, and for the report. */
export const senderRecord = z.strictObject({
  route: z.string(),
  /** Hex SHA-256 of the DER SubjectPublicKeyInfo: what the sender is recognised by. */
  publicKeySha256: z.string(),
  /** Of the certificate that it came with last. */
  subject: z.string(),
  certificateNotAfterMs: ms,
  firstSeenMs: ms,
  /** When it last connected or sent. */
  lastSeenMs: ms,
  /** When it last sent a notification; null = never. */
  lastSentMs: ms.nullable(),
  connections: count,
  /** The last few, latest first. */
  addresses: z.array(z.string()),
  /** Connections, by version. */
  tlsVersions: counts,
  /** Notifications, by command. */
  commands: z.strictObject({ 0: count, 1: count, 2: count }),
  /** Notifications, by what was inferred or pinned. */
  pushTypes: counts,
  /** UTC days, `2026-11-25`, the last few alone. */
  days: counts,
  peakPerSecond: count,
  peakPerMinute: count,
  utf16Payloads: count,
  /** Longer than the usual 32 bytes. */
  longTokens: count,
  /** Command 2 without the item, which meant "do not store". */
  withoutExpiration: count,
  /** Notifications with the identifier of the one before them. */
  repeatedIdentifiers: count,
  /** By reason, whether the sender could be told or not. */
  rejections: counts,
  untold: count,
  /** Rejections that it would have been told again and again. */
  silenced: count,
  /** Second copies of what stood behind an error response. */
  resent: count,
  /** Notifications to devices that APNs no longer knows. */
  unregistered: count,
  /** Streams that could not be read on, by the fault. */
  unreadable: counts,
  feedbackReads: count,
  /** null = never. */
  feedbackReadMs: ms.nullable(),
})

/** See {@link senderRecord}. */
export type SenderRecord = z.infer<typeof senderRecord>

/** By what a sender is known. */
export type SenderName = Pick<SenderRecord, 'route' | 'publicKeySha256'>

/** The addresses of a sender that are remembered. */
export const mostAddresses = 8
const mostDays = 31
/** Names come from peers, or from an APNs of tomorrow. */
const mostNames = 40
const mostCharacters = 200

/** All zero. */
export function newSender({ route, publicKeySha256 }: SenderName, nowMs: number): SenderRecord {
  return {
    route,
    publicKeySha256,
    subject: '',
    certificateNotAfterMs: 0,
    firstSeenMs: nowMs,
    lastSeenMs: nowMs,
    lastSentMs: null,
    connections: 0,
    addresses: [],
    tlsVersions: {},
    commands: { 0: 0, 1: 0, 2: 0 },
    pushTypes: {},
    days: {},
    peakPerSecond: 0,
    peakPerMinute: 0,
    utf16Payloads: 0,
    longTokens: 0,
    withoutExpiration: 0,
    repeatedIdentifiers: 0,
    rejections: {},
    untold: 0,
    silenced: 0,
    resent: 0,
    unregistered: 0,
    unreadable: {},
    feedbackReads: 0,
    feedbackReadMs: null,
  }
}

/** By what a sender is known, as text. */
export function nameOfSender({ route, publicKeySha256 }: SenderName): string {
  return `${publicKeySha256} ${route}`
}

/** All notifications of a sender. */
export function notificationsOf({ commands }: SenderRecord): number {
  return commands[0] + commands[1] + commands[2]
}

/** Called for every notification: no more than a few additions. */
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

/** A sender has connected to the gateway. */
export function countConnection(
  sender: SenderRecord,
  address: string | undefined,
  tlsVersion: string | null,
): void {
  sender.connections++
  noteAddress(sender, address)
  countName(sender.tlsVersions, tlsVersion ?? 'unknown')
}

/** A sender has connected to the feedback service. */
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

/** So many were received on a day. */
export function countDay(sender: SenderRecord, nowMs: number, notifications: number): void {
  const day = new Date(nowMs).toISOString().slice(0, 10)
  sender.days[day] = (sender.days[day] ?? 0) + notifications
  const days = Object.keys(sender.days).sort()
  for (const old of days.slice(0, -mostDays)) Reflect.deleteProperty(sender.days, old)
}

/** Counts under a name, and under `other` once there are many. */
export function countName(counts: Record<string, number>, name: string): void {
  const short = shortened(name)
  const hasRoom = Object.hasOwn(counts, short) || Object.keys(counts).length < mostNames
  const key = hasRoom ? short : 'other'
  counts[key] = (counts[key] ?? 0) + 1
}

/** What a peer has chosen, on one line and not without end. */
export function shortened(text: string): string {
  return text.replaceAll(/\p{Cc}/gu, ' ').slice(0, mostCharacters)
}
