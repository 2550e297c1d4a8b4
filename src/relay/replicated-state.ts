/**
 * How several processes agree on one route. Whatever one of them has to know of another is appended
 * to an event log, and each applies all events, its own as well, in the order of the event log to
 * its own replica of the same pure classes: {@link Overrun}, {@link BadTokenCache}, {@link ReportLimiter}.
 * Same order, same state; so the rules exist once, and a process that is alone differs only in
 * applying each event at once.
 *
 * | event | what waits until it is applied |
 * |---|---|
 * | `opened` | decoding a connection: every error response before it is known by then |
 * | `reporting` | writing an error response; if the sender's EOF comes first, `withdrawn` |
 * | `arrived` | sending what was read while something is remembered: it may be a resend |
 * | `ending` | resends, for the ending of their first copy, whichever process owns that |
 * | `ended` | decoding the connections that the same sender opened after `reporting` (D3) |
 *
 * Nothing is appended for a notification as long as there is nothing to compare it with.
 */
import type { Cancel, Clock } from '../timing/clock.ts'
import type { Delivery, Ending, Original, Source } from './delivery.ts'
import { HeldBackConnections } from './held-back-connections.ts'
import { Originals, type OriginalsOwner } from './originals.ts'
import { BadTokenCache } from './bad-token-cache.ts'
import { loopKey, ReportLimiter } from './report-limiter.ts'
import { Overrun } from './overrun.ts'
import type { ConnectionState } from './connection-state.ts'
import type { Arrived, ReplicatedEvent, RememberedItem, Reporting } from './replicated-event.ts'

/** An event in its turn. */
export interface LoggedEvent {
  readonly event: ReplicatedEvent
  /** Rises with every event of the route; the same for all processes. */
  readonly position: number
  /** When it was appended, ms of this process's clock. */
  readonly atMs: number
}

/** One order of events for all processes. */
export interface RelayEventLog {
  listen(apply: (event: LoggedEvent) => void): void
  append(event: ReplicatedEvent): void
}

/** Hears what came of the notifications that waited for the event log. */
export interface ReplicatedStateOwner extends OriginalsOwner {
  /** It is known of each of them whether it is a resend. */
  decided(deliveries: readonly Delivery[]): void
}

/** How resends are recognised. */
export interface ReplicatedStatePolicy {
  readonly resendWindowSeconds: number
}

/** What an agreement is given. */
export interface ReplicatedStateDeps {
  readonly eventLog: RelayEventLog
  readonly clock: Clock
  /** No other process has it. */
  readonly processName: string
}

interface Announcement {
  readonly connection: ConnectionState
  readonly loop: string
}

/** What one read brought, until it is known what it repeats. */
interface Batch {
  readonly connection: ConnectionState
  readonly deliveries: readonly Delivery[]
  /** Whoever brought it has been told that it has to wait. */
  waits: boolean
}

const overrunEntries = 100_000
const maxBadTokens = 100_000
/** Window for observing who resends, where resends are not held back. */
const observedWindowSeconds = 10
/** How often it is looked whether something is to be forgotten. */
const forgetMs = 1000

/** See the file's first lines. One for each route. */
export class ReplicatedState {
  readonly #deps: ReplicatedStateDeps
  readonly #owner: ReplicatedStateOwner
  readonly #overrun: Overrun<Original>
  readonly #badTokens = new BadTokenCache(maxBadTokens)
  readonly #loops = new ReportLimiter()
  #holdsBackResends: boolean
  readonly #copies: Originals
  /** What was appended and not applied yet. */
  readonly #opening = new Map<string, ConnectionState>()
  readonly #announced = new Map<string, Announcement>()
  readonly #undecided = new Map<string, Batch>()
  readonly #heldBack: HeldBackConnections
  #cancelForget: Cancel | undefined
  #names = 0

  constructor(
    policy: ReplicatedStatePolicy,
    owner: ReplicatedStateOwner,
    deps: ReplicatedStateDeps,
  ) {
    this.#deps = deps
    this.#owner = owner
    this.#holdsBackResends = policy.resendWindowSeconds > 0
    const limits = { resendWindowMs: windowOf(policy), maxEntries: overrunEntries }
    this.#copies = new Originals(owner, deps.clock)
    this.#heldBack = new HeldBackConnections(deps.clock)
    this.#overrun = new Overrun(limits, (copy, wasMatched) => {
      this.#copies.forgotten(copy, wasMatched)
    })
    deps.eventLog.listen((event) => {
      this.#apply(event)
    })
  }

  /** Goes by another policy from now on. */
  reconfigure(policy: ReplicatedStatePolicy): void {
    this.#holdsBackResends = policy.resendWindowSeconds > 0
    this.#overrun.resendWindowMs = windowOf(policy)
  }

  /** A sender has connected; admitted at once, or when its turn has come. */
  opened(connection: ConnectionState): void {
    connection.id = this.#newName()
    this.#opening.set(connection.id, connection)
    this.#append({ kind: 'opened', id: connection.id })
  }

  /** The sender's EOF, or the end of its connection. */
  ended(connection: ConnectionState): void {
    const { id, phase } = connection
    const loop = this.#announced.get(id)?.loop
    this.#announced.delete(id)
    if (phase === 'told') {
      connection.phase = 'ended'
      this.#append({ kind: 'ended', id })
    } else if (loop !== undefined) {
      connection.phase = 'withdrawn'
      this.#append({ kind: 'withdrawn', id, loop })
    }
  }

  /** An error response is due; it may be written when the connection is `agreed`. */
  announce(connection: ConnectionState, statusCode: number): void {
    const report = connection.lane.report()
    if (report === undefined) return
    const { id, sender } = connection
    const { named, inFront, behind, ambiguous } = report
    const reason = named.settlement?.kind === 'rejected' ? named.settlement.reason : ''
    const loop = loopKey(named, connection, reason)
    // Nothing of command 0; and what is undecided follows, as `behind`.
    const remembered = behind.filter(
      ({ identifier, apnsId, isUndecided }) =>
        identifier !== undefined && apnsId !== '' && !isUndecided,
    )
    connection.phase = 'announced'
    this.#announced.set(id, { connection, loop })
    this.#append({
      kind: 'reporting',
      id,
      sender,
      statusCode,
      named: keyOf(named),
      inFront: inFront.flatMap((delivery) => keyOf(delivery) ?? []),
      behind: remembered.map((delivery) => this.#copies.itemOf(delivery)),
      ambiguous,
      loop,
    })
  }

  /** Whether what a connection brings has to be compared: the usual case is no. */
  compares(connection: ConnectionState, nowMs: number): boolean {
    return this.#overrun.isActive(nowMs) || this.#isOverrun(connection)
  }

  /**
   * What one read brought, to be compared. What is `isUndecided` afterwards waits for its owner to
   * hear that it is decided.
   */
  arrived(connection: ConnectionState, deliveries: readonly Delivery[]): void {
    const { id, order, hasPaused } = connection
    const name = this.#newName()
    const batch: Batch = { connection, deliveries, waits: false }
    this.#undecided.set(name, batch)
    for (const delivery of deliveries) delivery.isUndecided = true
    const keys = deliveries.map(({ key }) => key)
    const refs = this.#isOverrun(connection)
      ? deliveries.map((delivery) => this.#copies.publish(delivery))
      : undefined
    this.#append({ kind: 'arrived', id, order, hasPaused, batch: name, keys, refs })
    batch.waits = true
  }

  /** Bounds how long those of them wait that wait for another process. */
  limitWaiting(deliveries: readonly Delivery[]): void {
    this.#copies.limitWaiting(deliveries)
  }

  /** Whether a resend of a delivery may come, and be told instead. */
  mayBeResent(delivery: Delivery): boolean {
    return this.#copies.remembers(delivery)
  }

  /** Others may come to wait for it: an earlier process took it over, and is gone. */
  recovered(delivery: Delivery): void {
    this.#copies.publish(delivery)
  }

  /** A delivery of this process is over. */
  concluded(delivery: Delivery, ending: Ending): void {
    if (this.#copies.unpublish(delivery))
      this.#append({ kind: 'ending', ref: delivery.apnsId, ending })
  }

  /** Nobody is left to be told how what others own has ended. */
  stopWaiting(): void {
    this.#copies.stopWaiting()
  }

  /** Whether a sender has been seen to resend after an error response. */
  listens(sender: string): boolean {
    return this.#overrun.listens(sender)
  }

  /** Whether a sender may be told of a rejection once more. */
  mayReport(delivery: Delivery, source: Source, reason: string): boolean {
    return this.#loops.admits(loopKey(delivery, source, reason), this.#deps.clock.now())
  }

  /** A token has been rejected for good. */
  markBad(token: string, reason: string): void {
    this.#append({ kind: 'bad', token, reason })
  }

  /** The answers about tokens were not to be believed. */
  clearBadTokens(): void {
    this.#append({ kind: 'good' })
  }

  /** Why a token is bad, as far as that is remembered. */
  reasonAgainst(token: string, nowMs: number): string | undefined {
    return this.#badTokens.reasonFor(token, nowMs)
  }

  #append(event: ReplicatedEvent): void {
    this.#deps.eventLog.append(event)
  }

  #newName(): string {
    return `${this.#deps.processName} ${++this.#names}`
  }

  #apply({ event, position, atMs }: LoggedEvent): void {
    switch (event.kind) {
      case 'opened':
        this.#applyOpened(event.id, position, atMs)
        break
      case 'reporting':
        this.#applyReporting(event, position, atMs)
        break
      case 'arrived':
        this.#applyArrived(event, atMs)
        break
      case 'behind':
        if (this.#overrun.covers(event.id)) this.#applyBehind(event.id, event.items, atMs)
        break
      case 'withdrawn':
        this.#loops.withdrawn(event.loop)
        this.#overrun.withdrawn(event.id)
        this.#heldBack.finished(event.id)
        break
      case 'ended':
        this.#overrun.ended(event.id, atMs)
        this.#heldBack.finished(event.id)
        break
      case 'ending':
        this.#copies.ended(event.ref, event.ending)
        break
      case 'elapsed':
        this.#overrun.forgetExpired(atMs)
        break
      case 'bad':
        this.#badTokens.add(event.token, event.reason, atMs)
        break
      case 'good':
        this.#badTokens.clear()
    }
  }

  #applyOpened(id: string, position: number, atMs: number): void {
    const connection = this.#opening.get(id)
    if (connection === undefined) return
    this.#opening.delete(id)
    connection.order = position
    this.#heldBack.add(connection, this.#overrun.unfinished(connection.sender, atMs))
  }

  #applyReporting(event: Reporting, position: number, atMs: number): void {
    const { id, loop, behind } = event
    this.#loops.reported(loop, event.ambiguous, atMs)
    const copies = behind.map((item) => this.#copies.of(item))
    this.#overrun.reported({ ...event, order: position, behind: copies }, atMs)
    this.#forgetLater()
    const announcement = this.#announced.get(id)
    if (announcement === undefined) return
    announcement.connection.phase = 'agreed'
    announcement.connection.owner.attend()
  }

  /** Every process forgets in the order of the event log, so that all remember the same. */
  #forgetLater(): void {
    if (this.#overrun.isEmpty) return
    this.#cancelForget ??= this.#deps.clock.after(forgetMs, () => {
      this.#cancelForget = undefined
      if (this.#overrun.isDue(this.#deps.clock.now())) this.#append({ kind: 'elapsed' })
      this.#forgetLater()
    })
  }

  #applyBehind(id: string, items: readonly RememberedItem[], atMs: number): void {
    for (const item of items) this.#overrun.arrived({ id, order: 0 }, this.#copies.of(item), atMs)
  }

  #applyArrived(event: Arrived, atMs: number): void {
    const own = this.#undecided.get(event.batch)
    this.#undecided.delete(event.batch)
    this.#overrun.forgetExpired(atMs)
    for (const [index, key] of event.keys.entries()) {
      const delivery = own?.deliveries[index]
      const original = this.#originalOf(event, key, atMs)
      if (original !== undefined && delivery !== undefined) this.#copies.follow(delivery, original)
      const ref = event.refs?.[index]
      if (ref === undefined) continue
      if (delivery !== undefined) this.#copies.remember(delivery)
      const copy = original ?? this.#copies.of({ key, ref, ending: undefined })
      this.#overrun.arrived(event, this.#copies.await(copy), atMs)
    }
    this.#forgetLater()
    if (own !== undefined) this.#decide(own, event)
  }

  /** What one repeats. One that was given up is no delivery: its resend is a new chance. */
  #originalOf(event: Arrived, key: string, atMs: number): Original | undefined {
    const first = this.#overrun.match(event, key, atMs)
    return this.#holdsBackResends && first?.ending?.kind !== 'expired' ? first : undefined
  }

  #decide({ connection, deliveries, waits }: Batch, { id, refs }: Arrived): void {
    for (const delivery of deliveries) delivery.isUndecided = false
    // Announced in between: what stands behind that could not be said before.
    if (refs === undefined && this.#isOverrun(connection)) {
      const items = deliveries.map((delivery) => this.#copies.itemOf(delivery))
      this.#append({ kind: 'behind', id, items })
    }
    if (waits) this.#owner.decided(deliveries)
  }

  /** Whether what a connection brings stands behind an error response. */
  #isOverrun({ id, phase }: ConnectionState): boolean {
    if (phase === 'unreported' || phase === 'withdrawn') return false
    return phase === 'announced' || this.#overrun.covers(id)
  }
}

function windowOf({ resendWindowSeconds }: ReplicatedStatePolicy): number {
  return (resendWindowSeconds || observedWindowSeconds) * 1000
}

/** What was refused before there was a request has none. */
function keyOf(delivery: Delivery): string | undefined {
  return delivery.apnsId === '' ? undefined : delivery.key
}
