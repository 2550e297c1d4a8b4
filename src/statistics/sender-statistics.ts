/**
 * Counts what each sender does, and which peers are refused: the source of the migration report. Has
 * a limit for everything that a peer chooses. Pure: the time is an argument.
 */
import { z } from 'zod'
import {
  countDay,
  forgetUnsettled,
  nameOfSender,
  newSender,
  notificationsOf,
  senderRecord,
  shortened,
  type SenderName,
  type SenderRecord,
} from './sender-record.ts'

const ms = z.number().int()

/** A peer that was refused, or whose handshake failed. */
export const refusedPeerRecord = z.strictObject({
  address: z.string(),
  /** Why, as the gateway names it. */
  cause: z.string(),
  /** The latest TLS version that the peer offered, if that is the cause. */
  offered: z.string().optional(),
  /** Of the certificate, if the peer sent one. */
  subject: z.string().optional(),
  publicKeySha256: z.string().optional(),
  count: z.number().int().min(1),
  firstSeenMs: ms,
  lastSeenMs: ms,
})

export type RefusedPeerRecord = z.infer<typeof refusedPeerRecord>

/** Distinguishes refused peers. */
type RefusedPeer = Omit<RefusedPeerRecord, 'count' | 'firstSeenMs' | 'lastSeenMs'>

/**
 * Whether a route delivers. `refused`: APNs refuses the credential; `suspected`: APNs rejects every
 * token; `foreign`: another program answers in place of APNs; `unreachable`: there is no connection;
 * `unproven`: nothing was delivered with the present set-up; `unknown`: an earlier version wrote it.
 */
export const reachKinds = [
  'proven',
  'unproven',
  'refused',
  'suspected',
  'foreign',
  'unreachable',
  'unknown',
] as const

export type ReachKind = (typeof reachKinds)[number]

const seconds = z.number().int().optional()

/** A route as configured, and whether it delivers. */
export const routeRecord = z.strictObject({
  name: z.string(),
  topic: z.string(),
  environment: z.enum(['production', 'sandbox']),
  credential: z.enum(['certificate', 'signing-key']),
  /** null for a signing key, which does not expire. */
  credentialNotAfterMs: ms.nullable(),
  reach: z.enum(reachKinds).default('unknown'),
  /** Why nothing is delivered, as APNs or the system says it; empty if nothing is known. */
  reachReason: z.string().default(''),
  /** How long a notification lives, see `expiration` of a route. Empty: as the sender says. */
  expiration: z.strictObject({ default: seconds, minimum: seconds }).prefault({}),
})

export type RouteRecord = z.infer<typeof routeRecord>

/** Everything, as the file has it. */
export const statisticsSnapshot = z.strictObject({
  version: z.literal(1),
  sinceMs: ms,
  routes: z.array(routeRecord),
  senders: z.array(senderRecord),
  strangers: z.array(refusedPeerRecord),
})

export type StatisticsSnapshot = z.infer<typeof statisticsSnapshot>

interface Certificate {
  readonly publicKeySha256: string
  readonly subject: string
  readonly notAfter: Date
}

const mostSenders = 1000
const mostRefusedPeers = 100
const minuteMs = 60_000

/** A sender, and the counts of the last sample and of the present minute. */
interface Entry {
  readonly record: SenderRecord
  sampled: number
  minuteAtMs: number
  minute: number
}

export class SenderStatistics {
  readonly #sinceMs: number
  readonly #entries = new Map<string, Entry>()
  /** In the order last seen. */
  readonly #refusedPeers = new Map<string, RefusedPeerRecord>()
  #sampledAtMs: number

  /** @param earlier the statistics of an earlier process */
  constructor(nowMs: number, earlier?: StatisticsSnapshot) {
    this.#sinceMs = earlier?.sinceMs ?? nowMs
    this.#sampledAtMs = nowMs
    for (const record of earlier?.senders ?? []) {
      forgetUnsettled(record)
      this.#add(record, nowMs)
    }
    for (const record of earlier?.strangers ?? [])
      this.#refusedPeers.set(nameOfRefusedPeer(record), record)
  }

  /** A sender has connected. @returns its record, which the caller adds to */
  sender(route: string, certificate: Certificate, nowMs: number): SenderRecord {
    const { publicKeySha256, subject, notAfter } = certificate
    const name = { route, publicKeySha256 }
    const record = this.find(name) ?? this.#add(newSender(name, nowMs), nowMs)
    record.lastSeenMs = nowMs
    record.subject = shortened(subject)
    record.certificateNotAfterMs = notAfter.getTime()
    return record
  }

  /** Undefined for a sender that has never connected, or was evicted. */
  find(name: SenderName): SenderRecord | undefined {
    return this.#entries.get(nameOfSender(name))?.record
  }

  countRefused(peer: RefusedPeer, nowMs: number): void {
    const name = nameOfRefusedPeer(peer)
    const known = this.#refusedPeers.get(name)
    this.#refusedPeers.delete(name)
    this.#refusedPeers.set(name, {
      ...peer,
      ...(peer.subject !== undefined && { subject: shortened(peer.subject) }),
      count: (known?.count ?? 0) + 1,
      firstSeenMs: known?.firstSeenMs ?? nowMs,
      lastSeenMs: nowMs,
    })
    const [oldest] = this.#refusedPeers.keys()
    if (this.#refusedPeers.size > mostRefusedPeers && oldest !== undefined)
      this.#refusedPeers.delete(oldest)
  }

  /** Call every second: a rate is the count between two calls. */
  sample(nowMs: number): void {
    const seconds = Math.max(1, (nowMs - this.#sampledAtMs) / 1000)
    this.#sampledAtMs = nowMs
    for (const entry of this.#entries.values()) {
      const { record } = entry
      const total = notificationsOf(record)
      const since = total - entry.sampled
      if (since === 0) continue
      entry.sampled = total
      if (nowMs - entry.minuteAtMs >= minuteMs) {
        entry.minuteAtMs = nowMs - (nowMs % minuteMs)
        entry.minute = 0
      }
      entry.minute += since
      record.lastSeenMs = record.lastSentMs = nowMs
      record.peakPerSecond = Math.max(record.peakPerSecond, Math.ceil(since / seconds))
      record.peakPerMinute = Math.max(record.peakPerMinute, entry.minute)
      countDay(record, nowMs, since)
    }
  }

  snapshot(routes: readonly RouteRecord[]): StatisticsSnapshot {
    return {
      version: 1,
      sinceMs: this.#sinceMs,
      routes: [...routes],
      senders: Array.from(this.#entries.values(), ({ record }) => record),
      strangers: [...this.#refusedPeers.values()],
    }
  }

  /** Above the limit, evicts the sender that was seen least recently. */
  #add(record: SenderRecord, nowMs: number): SenderRecord {
    const entry = { record, sampled: notificationsOf(record), minuteAtMs: nowMs, minute: 0 }
    this.#entries.set(nameOfSender(record), entry)
    if (this.#entries.size > mostSenders) {
      const records = Array.from(this.#entries.values(), ({ record }) => record)
      const oldest = records.reduce((one, other) =>
        other.lastSeenMs < one.lastSeenMs ? other : one,
      )
      this.#entries.delete(nameOfSender(oldest))
    }
    return record
  }
}

function nameOfRefusedPeer({ address, cause, offered, publicKeySha256 }: RefusedPeer): string {
  return JSON.stringify([address, cause, offered, publicKeySha256])
}
