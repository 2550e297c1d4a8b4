/**
 * Who has sent, how, and what became of it, for as long as anybody remembers: what the migration
 * report is made of. Bounded in everything that a peer chooses. Pure: the time is an argument.
 */
import { z } from 'zod'
import {
  countDay,
  nameOfSender,
  newSender,
  notificationsOf,
  senderRecord,
  shortened,
  type SenderRecord,
  type SenderName,
} from './sender-record.ts'

const ms = z.number().int()

const refusedPeerRecord = z.strictObject({
  address: z.string(),
  /** Why it was not let in, in the gateway's words. */
  cause: z.string(),
  /** The latest TLS version that it offered, where that is what is wrong. */
  offered: z.string().optional(),
  /** Of its certificate, where it came so far. */
  subject: z.string().optional(),
  publicKeySha256: z.string().optional(),
  count: z.number().int().min(1),
  firstSeenMs: ms,
  lastSeenMs: ms,
})

/** A peer that was turned away, or did not get through the handshake. */
export type RefusedPeerRecord = z.infer<typeof refusedPeerRecord>

/** What a sender came with. */
interface Certificate {
  readonly publicKeySha256: string
  readonly subject: string
  readonly notAfter: Date
}

/** What tells one peer from another. */
export type RefusedPeer = Omit<RefusedPeerRecord, 'count' | 'firstSeenMs' | 'lastSeenMs'>

const routeRecord = z.strictObject({
  name: z.string(),
  topic: z.string(),
  environment: z.enum(['production', 'sandbox']),
  credential: z.enum(['certificate', 'signing-key']),
  /** null for a signing key, which does not expire. */
  credentialNotAfterMs: ms.nullable(),
})

/** What the configuration says of a route. */
export type RouteRecord = z.infer<typeof routeRecord>

/** All of it, as it is written down. */
export const statisticsSnapshot = z.strictObject({
  version: z.literal(1),
  sinceMs: ms,
  routes: z.array(routeRecord),
  senders: z.array(senderRecord),
  strangers: z.array(refusedPeerRecord),
})

/** See {@link statisticsSnapshot}. */
export type StatisticsSnapshot = z.infer<typeof statisticsSnapshot>

const mostSenders = 1000
/** Of refused peers only those that came last are remembered. */
export const mostRefusedPeers = 100
const minuteMs = 60_000

/** What it takes to know the rates of a sender. */
interface Entry {
  readonly record: SenderRecord
  sampled: number
  minuteAtMs: number
  minute: number
}

/** See the file's first lines. */
export class SenderStatistics {
  readonly #sinceMs: number
  readonly #entries = new Map<string, Entry>()
  readonly #refusedPeers = new Map<string, RefusedPeerRecord>()
  #sampledAtMs: number

  /** @param earlier what an earlier process has left */
  constructor(nowMs: number, earlier?: StatisticsSnapshot) {
    this.#sinceMs = earlier?.sinceMs ?? nowMs
    this.#sampledAtMs = nowMs
    for (const record of earlier?.senders ?? []) this.#add(record, nowMs)
    for (const record of earlier?.strangers ?? [])
      this.#refusedPeers.set(nameOfRefusedPeer(record), record)
  }

  /** A sender has come: its record, to be counted in, new ones where it is the first time. */
  sender(route: string, certificate: Certificate, nowMs: number): SenderRecord {
    const { publicKeySha256, subject, notAfter } = certificate
    const name = { route, publicKeySha256 }
    const record = this.find(name) ?? this.#add(newSender(name, nowMs), nowMs)
    record.lastSeenMs = nowMs
    record.subject = shortened(subject)
    record.certificateNotAfterMs = notAfter.getTime()
    return record
  }

  /** The record of a sender that is known already. */
  find(name: SenderName): SenderRecord | undefined {
    return this.#entries.get(nameOfSender(name))?.record
  }

  /** Somebody was not let in. */
  countRefused(peer: RefusedPeer, nowMs: number): void {
    const name = nameOfRefusedPeer(peer)
    const known = this.#refusedPeers.get(name)
    const record: RefusedPeerRecord = {
      ...peer,
      ...(peer.subject !== undefined && { subject: shortened(peer.subject) }),
      count: (known?.count ?? 0) + 1,
      firstSeenMs: known?.firstSeenMs ?? nowMs,
      lastSeenMs: nowMs,
    }
    // In the order of their last coming, so that the first is who has been away longest.
    this.#refusedPeers.delete(name)
    this.#refusedPeers.set(name, record)
    if (this.#refusedPeers.size > mostRefusedPeers) dropFirst(this.#refusedPeers)
  }

  /** To be called every second: rates are what was counted in between. */
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

  /** All of it. */
  snapshot(routes: readonly RouteRecord[]): StatisticsSnapshot {
    return {
      version: 1,
      sinceMs: this.#sinceMs,
      routes: [...routes],
      senders: [...this.#entries.values()].map(({ record }) => record),
      strangers: [...this.#refusedPeers.values()],
    }
  }

  #add(record: SenderRecord, nowMs: number): SenderRecord {
    const entry = { record, sampled: notificationsOf(record), minuteAtMs: nowMs, minute: 0 }
    this.#entries.set(nameOfSender(record), entry)
    if (this.#entries.size > mostSenders) this.#dropOldest()
    return record
  }

  #dropOldest(): void {
    const [oldest] = [...this.#entries.values()].sort(
      (one, other) => one.record.lastSeenMs - other.record.lastSeenMs,
    )
    if (oldest !== undefined) this.#entries.delete(nameOfSender(oldest.record))
  }
}

/** What tells one peer from another, as text. */
export function nameOfRefusedPeer({
  address,
  cause,
  offered,
  publicKeySha256,
}: RefusedPeer): string {
  return JSON.stringify([address, cause, offered, publicKeySha256])
}

function dropFirst(map: Map<string, unknown>): void {
  for (const key of map.keys()) {
    map.delete(key)
    return
  }
}
