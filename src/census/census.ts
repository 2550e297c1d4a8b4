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
  senderFacts,
  shortened,
  type SenderFacts,
  type SenderName,
} from './sender-facts.ts'

const ms = z.number().int()

const strangerFacts = z.strictObject({
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
export type StrangerFacts = z.infer<typeof strangerFacts>

/** What a sender came with. */
interface Certificate {
  readonly publicKeySha256: string
  readonly subject: string
  readonly notAfter: Date
}

/** What tells one stranger from another. */
export type Stranger = Omit<StrangerFacts, 'count' | 'firstSeenMs' | 'lastSeenMs'>

const routeFacts = z.strictObject({
  name: z.string(),
  topic: z.string(),
  environment: z.enum(['production', 'sandbox']),
  credential: z.enum(['certificate', 'signing-key']),
  /** null for a signing key, which does not expire. */
  credentialNotAfterMs: ms.nullable(),
})

/** What the configuration says of a route. */
export type RouteFacts = z.infer<typeof routeFacts>

/** All of it, as it is written down. */
export const censusFacts = z.strictObject({
  version: z.literal(1),
  sinceMs: ms,
  routes: z.array(routeFacts),
  senders: z.array(senderFacts),
  strangers: z.array(strangerFacts),
})

/** See {@link censusFacts}. */
export type CensusFacts = z.infer<typeof censusFacts>

const mostSenders = 1000
/** Of strangers only those that came last are remembered. */
export const mostStrangers = 100
const minuteMs = 60_000

/** What it takes to know the rates of a sender. */
interface Entry {
  readonly facts: SenderFacts
  sampled: number
  minuteAtMs: number
  minute: number
}

/** See the file's first lines. */
export class Census {
  readonly #sinceMs: number
  readonly #entries = new Map<string, Entry>()
  readonly #strangers = new Map<string, StrangerFacts>()
  #sampledAtMs: number

  /** @param earlier what an earlier process has left */
  constructor(nowMs: number, earlier?: CensusFacts) {
    this.#sinceMs = earlier?.sinceMs ?? nowMs
    this.#sampledAtMs = nowMs
    for (const facts of earlier?.senders ?? []) this.#add(facts, nowMs)
    for (const facts of earlier?.strangers ?? []) this.#strangers.set(nameOfStranger(facts), facts)
  }

  /** A sender has come: its facts, to be counted in, new ones where it is the first time. */
  sender(route: string, certificate: Certificate, nowMs: number): SenderFacts {
    const { publicKeySha256, subject, notAfter } = certificate
    const name = { route, publicKeySha256 }
    const facts = this.find(name) ?? this.#add(newSender(name, nowMs), nowMs)
    facts.lastSeenMs = nowMs
    facts.subject = shortened(subject)
    facts.certificateNotAfterMs = notAfter.getTime()
    return facts
  }

  /** The facts of a sender that is known already. */
  find(name: SenderName): SenderFacts | undefined {
    return this.#entries.get(nameOfSender(name))?.facts
  }

  /** Somebody was not let in. */
  turnedAway(stranger: Stranger, nowMs: number): void {
    const name = nameOfStranger(stranger)
    const known = this.#strangers.get(name)
    const facts: StrangerFacts = {
      ...stranger,
      ...(stranger.subject !== undefined && { subject: shortened(stranger.subject) }),
      count: (known?.count ?? 0) + 1,
      firstSeenMs: known?.firstSeenMs ?? nowMs,
      lastSeenMs: nowMs,
    }
    // In the order of their last coming, so that the first is who has been away longest.
    this.#strangers.delete(name)
    this.#strangers.set(name, facts)
    if (this.#strangers.size > mostStrangers) dropFirst(this.#strangers)
  }

  /** To be called every second: rates are what was counted in between. */
  sample(nowMs: number): void {
    const seconds = Math.max(1, (nowMs - this.#sampledAtMs) / 1000)
    this.#sampledAtMs = nowMs
    for (const entry of this.#entries.values()) {
      const { facts } = entry
      const total = notificationsOf(facts)
      const since = total - entry.sampled
      if (since === 0) continue
      entry.sampled = total
      if (nowMs - entry.minuteAtMs >= minuteMs) {
        entry.minuteAtMs = nowMs - (nowMs % minuteMs)
        entry.minute = 0
      }
      entry.minute += since
      facts.lastSeenMs = facts.lastSentMs = nowMs
      facts.peakPerSecond = Math.max(facts.peakPerSecond, Math.ceil(since / seconds))
      facts.peakPerMinute = Math.max(facts.peakPerMinute, entry.minute)
      countDay(facts, nowMs, since)
    }
  }

  /** All of it. */
  facts(routes: readonly RouteFacts[]): CensusFacts {
    return {
      version: 1,
      sinceMs: this.#sinceMs,
      routes: [...routes],
      senders: [...this.#entries.values()].map(({ facts }) => facts),
      strangers: [...this.#strangers.values()],
    }
  }

  #add(facts: SenderFacts, nowMs: number): SenderFacts {
    const entry = { facts, sampled: notificationsOf(facts), minuteAtMs: nowMs, minute: 0 }
    this.#entries.set(nameOfSender(facts), entry)
    if (this.#entries.size > mostSenders) this.#dropOldest()
    return facts
  }

  #dropOldest(): void {
    const [oldest] = [...this.#entries.values()].sort(
      (one, other) => one.facts.lastSeenMs - other.facts.lastSeenMs,
    )
    if (oldest !== undefined) this.#entries.delete(nameOfSender(oldest.facts))
  }
}

/** What tells one stranger from another, as text. */
export function nameOfStranger({ address, cause, offered, publicKeySha256 }: Stranger): string {
  return JSON.stringify([address, cause, offered, publicKeySha256])
}

function dropFirst(map: Map<string, unknown>): void {
  for (const key of map.keys()) {
    map.delete(key)
    return
  }
}
