/**
 * The state of one route that all processes share. A process appends what the others must know to an
 * event log. Each process applies all events in the order of the log to its own replica of the same pure
 * classes, {@link Overrun}, {@link BadTokenCache} and {@link ErrorResponseLimiter}, to the same state.
 *
 * | event | what waits until the event is applied |
 * |---|---|
 * | `opened` | decoding of a connection: by then the process knows every earlier error response |
 * | `reporting` | writing of an error response; `withdrawn` follows if the sender's EOF comes first |
 * | `arrived` | sending of notifications that may be resends, while originals are remembered |
 * | `ending` | settlement of resends, which take the ending of their original |
 * | `ended` | decoding of connections that the same sender opened after `reporting` (D3) |
 *
 * While no original is remembered, notifications append nothing.
 */
import type { Cancel, Clock } from '../timing/clock.ts'
import type { Delivery, Original, Source } from './delivery.ts'
import { NextConnectionHold } from './next-connection-hold.ts'
import { Originals, type OriginalsOwner } from './originals.ts'
import { BadTokenCache } from './bad-token-cache.ts'
import { loopKey, ErrorResponseLimiter } from './error-response-limiter.ts'
import { Overrun } from './overrun.ts'
import type { ConnectionState } from './connection-state.ts'
import type { RoutePolicy } from './route-policy.ts'
import type {
  Arrived,
  Ending,
  LoggedEvent,
  RelayEventLog,
  RememberedItem,
  ReplicatedEvent,
  Reporting,
} from './replicated-event.ts'

/** Is called when notifications no longer wait for the event log. */
export interface ReplicatedStateOwner extends OriginalsOwner {
  /** Names the present credential, topic and environment: a token is bad for these only. */
  readonly setup: string
  /** For each of them the process now knows whether it is a resend. */
  decided(deliveries: readonly Delivery[]): void
}

type ReplicatedStatePolicy = Pick<RoutePolicy, 'resendWindowSeconds'>

export interface ReplicatedStateDeps {
  readonly eventLog: Pick<RelayEventLog, 'append'>
  readonly clock: Clock
  /** No other process has it. */
  readonly processName: string
}

/** What one read brought, until the event log has said which of it are resends. */
interface Batch {
  readonly connection: ConnectionState
  readonly deliveries: readonly Delivery[]
  /** False while `arrived` runs: its caller goes on itself. Then true: `decided` must be called. */
  waits: boolean
}

const mostRemembered = 100_000
/** With `resendWindowSeconds: 0`, resends are sent again, and show for so long which senders resend. */
const observedWindowSeconds = 10
const checkExpiryEveryMs = 1000

/** One for each route. */
export class ReplicatedState {
  readonly #deps: ReplicatedStateDeps
  readonly #owner: ReplicatedStateOwner
  readonly #overrun: Overrun<Original>
  readonly #badTokens = new BadTokenCache(mostRemembered)
  readonly #loops = new ErrorResponseLimiter()
  #holdsBackResends: boolean
  readonly originals: Originals
  // Appended by this process and not applied yet.
  readonly #opening = new Map<string, ConnectionState>()
  readonly #announced = new Map<string, { connection: ConnectionState; loop: string }>()
  readonly #undecided = new Map<string, Batch>()
  readonly #nextHold: NextConnectionHold
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
    const limits = { resendWindowMs: windowOf(policy), maxEntries: mostRemembered }
    this.originals = new Originals(owner, deps.clock)
    this.#overrun = new Overrun(limits, (copy, wasMatched) =>
      this.originals.forgotten(copy, wasMatched),
    )
    this.#nextHold = new NextConnectionHold(deps.clock, (id) => this.#overrun.lastArrivedAtMs(id))
  }

  /** Applies a new policy, starting with the next event. */
  reconfigure(policy: ReplicatedStatePolicy): void {
    this.#holdsBackResends = policy.resendWindowSeconds > 0
    this.#overrun.resendWindowMs = windowOf(policy)
  }

  /** The route owns nothing and has no sender any more: applies no more events. */
  leave(): void {
    this.#cancelForget?.()
  }

  /** A sender has connected. The connection is admitted when its event is applied. */
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

  /** An error response is due. It may be written once the connection's phase is `agreed`. */
  announce(connection: ConnectionState, statusCode: number): void {
    const report = connection.lane.report()
    if (report === undefined) return
    const { id, sender } = connection
    const { named, inFront, behind, ambiguous } = report
    const reason = named.settlement?.kind === 'rejected' ? named.settlement.reason : ''
    const loop = loopKey(named, connection, reason)
    // Command 0 is never remembered; what is undecided follows in a `behind` event.
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
      behind: remembered.map((delivery) => this.originals.itemOf(delivery)),
      ambiguous,
      loop,
    })
  }

  /** Whether notifications of a connection must be compared with originals; usually not. */
  compares(connection: ConnectionState, nowMs: number): boolean {
    return this.#overrun.isActive(nowMs) || this.#isOverrun(connection)
  }

  /**
   * Compares what one read brought. A delivery that is `isUndecided` afterwards waits until the owner's
   * `decided` is called.
   */
  arrived(connection: ConnectionState, deliveries: readonly Delivery[]): void {
    const { id, sender, order, hasPaused } = connection
    const name = this.#newName()
    const batch: Batch = { connection, deliveries, waits: false }
    this.#undecided.set(name, batch)
    for (const delivery of deliveries) delivery.isUndecided = true
    const keys = deliveries.map(({ key }) => key)
    const refs = this.#isOverrun(connection)
      ? deliveries.map((delivery) => this.originals.publish(delivery))
      : undefined
    this.#append({ kind: 'arrived', id, sender, order, hasPaused, batch: name, keys, refs })
    batch.waits = true
  }

  /** A delivery of this process is over. */
  concluded(delivery: Delivery, ending: Ending): void {
    if (this.originals.unpublish(delivery))
      this.#append({ kind: 'ending', ref: delivery.apnsId, ending })
  }

  /** Whether a sender has been seen to resend after an error response. */
  isResender(sender: string): boolean {
    return this.#overrun.isResender(sender)
  }

  /** Whether the sender may receive one more error response for this rejection. */
  mayReport(delivery: Delivery, source: Source, reason: string): boolean {
    return this.#loops.admits(loopKey(delivery, source, reason), this.#deps.clock.now())
  }

  /** APNs rejected a token as bad. */
  markBad(token: string, reason: string): void {
    this.#append({ kind: 'bad', setup: this.#owner.setup, token, reason })
  }

  /** The credential was at fault, not the tokens. */
  clearBadTokens(): void {
    this.#append({ kind: 'good' })
  }

  /** The reason for which APNs rejected a token, while it is remembered. */
  reasonAgainst(token: string, nowMs: number): string | undefined {
    return this.#badTokens.reasonFor(token, nowMs)
  }

  #append(event: ReplicatedEvent): void {
    this.#deps.eventLog.append(event)
  }

  #newName(): string {
    return `${this.#deps.processName} ${++this.#names}`
  }

  /** Applies the next event of the log. */
  apply({ event, position, atMs }: LoggedEvent): void {
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
        this.#nextHold.finished(event.id)
        break
      case 'ended':
        this.#overrun.ended(event.id, atMs)
        this.#nextHold.finished(event.id)
        break
      case 'ending':
        this.originals.ended(event.ref, event.ending)
        break
      case 'elapsed':
        this.#overrun.forgetExpired(atMs)
        break
      case 'bad':
        if (event.setup === this.#owner.setup) this.#badTokens.add(event.token, event.reason, atMs)
        break
      case 'good':
        this.#badTokens.clear()
        break
      // These are for OrderedEvidence.
      case 'doubted':
      case 'overruled':
      case 'proven':
    }
  }

  #applyOpened(id: string, position: number, atMs: number): void {
    const connection = this.#opening.get(id)
    if (connection === undefined) return
    this.#opening.delete(id)
    connection.order = position
    this.#nextHold.add(connection, this.#overrun.unfinished(connection.sender, atMs))
  }

  #applyReporting(event: Reporting, position: number, atMs: number): void {
    const { id, loop, behind } = event
    this.#loops.reported(loop, event.ambiguous, atMs)
    const copies = behind.map((item) => this.originals.of(item))
    this.#overrun.reported({ ...event, named: event.named, order: position, behind: copies }, atMs)
    this.#forgetLater()
    const announcement = this.#announced.get(id)
    if (announcement === undefined) return
    announcement.connection.phase = 'agreed'
    announcement.connection.owner.attend()
  }

  /** Expiry goes through the event log too, so that all processes remember the same. */
  #forgetLater(): void {
    if (this.#overrun.isEmpty) return
    this.#cancelForget ??= this.#deps.clock.after(checkExpiryEveryMs, () => {
      this.#cancelForget = undefined
      if (this.#overrun.isDue(this.#deps.clock.now())) this.#append({ kind: 'elapsed' })
      this.#forgetLater()
    })
  }

  #applyBehind(id: string, items: readonly RememberedItem[], atMs: number): void {
    const origin = { id, sender: '', order: 0 }
    for (const item of items) this.#overrun.arrived(origin, this.originals.of(item), atMs)
  }

  #applyArrived(event: Arrived, atMs: number): void {
    const own = this.#undecided.get(event.batch)
    this.#undecided.delete(event.batch)
    this.#overrun.forgetExpired(atMs)
    this.#overrun.resumed(event, atMs)
    for (const [index, key] of event.keys.entries()) {
      const delivery = own?.deliveries[index]
      const original = this.#originalOf(event, key, atMs)
      if (original !== undefined && delivery !== undefined)
        this.originals.follow(delivery, original)
      const ref = event.refs?.[index]
      if (ref === undefined) continue
      if (delivery !== undefined) this.originals.remember(delivery)
      const copy = original ?? this.originals.of({ key, ref, ending: undefined })
      this.#overrun.arrived(event, this.originals.await(copy), atMs)
    }
    this.#forgetLater()
    if (own !== undefined) this.#decide(own, event)
  }

  /** The original of a resend. A resend of an expired original is sent: it was never delivered. */
  #originalOf(event: Arrived, key: string, atMs: number): Original | undefined {
    const first = this.#overrun.match(event, key, atMs)
    return this.#holdsBackResends && first?.ending?.kind !== 'expired' ? first : undefined
  }

  #decide({ connection, deliveries, waits }: Batch, { id, refs }: Arrived): void {
    for (const delivery of deliveries) delivery.isUndecided = false
    // The connection was reported meanwhile, so these stand behind its error response.
    if (refs === undefined && this.#isOverrun(connection)) {
      // What has left the lane stood in front of the named one.
      const behind = deliveries.filter(({ hasLeft }) => !hasLeft)
      const items = behind.map((delivery) => this.originals.itemOf(delivery))
      this.#append({ kind: 'behind', id, items })
    }
    if (waits) this.#owner.decided(deliveries)
  }

  /** Whether what a connection brings is overrun. */
  #isOverrun({ id, phase }: ConnectionState): boolean {
    if (phase === 'unreported' || phase === 'withdrawn') return false
    return phase === 'announced' || this.#overrun.covers(id)
  }
}

function windowOf({ resendWindowSeconds }: ReplicatedStatePolicy): number {
  return (resendWindowSeconds || observedWindowSeconds) * 1000
}

/** Undefined for a notification that was refused before a request was made of it. */
function keyOf(delivery: Delivery): string | undefined {
  return delivery.apnsId === '' ? undefined : delivery.key
}
