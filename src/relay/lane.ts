/**
 * The notifications of one connection in the order received. Finds the first rejected one, and decides
 * when the error response is sent (delivery contract, D1, D2 and D6). Time is an argument; what to do is
 * a return value.
 */
import type { ErrorResponse } from '../binary/error-response.ts'
import type { StatusCode } from '../binary/status-code.ts'

/** Why a notification was rejected. */
export interface Rejection {
  readonly kind: 'rejected'
  readonly statusCode: StatusCode
  /** APNs' reason, or the proxy's own code, for the log. */
  readonly reason: string
}

/** How a notification ended for its sender. An accepted one is answered with silence. */
export type Settlement = { readonly kind: 'accepted' } | Rejection

/** One object for all accepted notifications. */
export const accepted: Settlement = { kind: 'accepted' }

/** What the connection must do now. */
export type Advice =
  | { readonly do: 'nothing' }
  /** Ask again at `atMs`, or after the next event. */
  | { readonly do: 'wait'; readonly atMs: number }
  /** The deadline for earlier notifications has passed: {@link Lane.leave}, then ask again. */
  | { readonly do: 'leave' }
  /** Write this error response, {@link Lane.stopReporting}, then close. A connection never gets a second one. */
  | { readonly do: 'report'; readonly response: ErrorResponse }
  /** Everything is settled and there is nothing to report. */
  | { readonly do: 'close' }

/** When an error response is sent, milliseconds. */
export interface LaneTimes {
  /** How long a rejection waits for earlier notifications. Default 500. */
  readonly errorDeadlineMs: number
  /** How long the sender must be quiet: an early close destroys what it is still writing. 20. */
  readonly quietMs: number
  /** How long a rejection waits for that at most. 100. */
  readonly quietAtMostMs: number
}

/** One notification in a lane. */
export interface LaneItem {
  /** Undefined for command 0 and for frames without one: their rejection cannot be reported. */
  readonly identifier: number | undefined
  /** Undefined while the outcome is not known. */
  settlement: Settlement | undefined
  /** It took too long: the lane no longer waits for it, and its rejection cannot be reported. */
  hasLeft: boolean
}

/** What a sender may send again after an error response. */
export interface Report<Item> {
  /** The notification whose identifier the error response carries. */
  readonly named: Item
  /** The first 16 received on this connection, and the last 16 in front of the named one. */
  readonly inFront: readonly Item[]
  /** Received behind the named one; for an ambiguous identifier, from its first use on. */
  readonly behind: readonly Item[]
  /** Several notifications of this lane have the identifier. */
  readonly ambiguous: boolean
}

const nothing: Advice = { do: 'nothing' }
const leave: Advice = { do: 'leave' }

/** How many at the beginning, and in front of the named one, distinguish a new run from a resend. */
const landmarkCount = 16
/** How many settled notifications are kept where identifiers repeat, to find the first of a given one. */
const namesakeCount = 4096
/** How many settled ones may wait behind an unsettled one before that has to leave. */
const maxWaitingCount = 4096
/** How many more may be kept before they are removed at once: removing one moves the whole array. */
const slack = 128

/** One for each connection. */
export class Lane<Item extends LaneItem> {
  readonly #times: LaneTimes
  /** Some settled ones, then from {@link #head} on all that the lane waits for. */
  readonly #items: Item[] = []
  #head = 0
  readonly #first: Item[] = []
  #inFlight = 0
  /** Settled ones from {@link #head} on. */
  #waitingCount = 0
  #reportsNothing = false
  #highestIdentifier = -1
  #ascending = true
  #rejectedAtMs: number | undefined
  #reportableAtMs: number | undefined
  #closingAtMs: number | undefined
  #lastReadAtMs = -Infinity

  constructor(times: LaneTimes) {
    this.#times = times
  }

  /** How many notifications are received and neither settled nor left. */
  get inFlight(): number {
    return this.#inFlight
  }

  /** Whether identifiers repeat, so that the lane keeps thousands of settled notifications. */
  get hasRepeatedIdentifiers(): boolean {
    return !this.#ascending
  }

  /** Calls `run` for each settled notification that the lane keeps, once or twice. */
  eachSettled(run: (item: Item) => void): void {
    for (const item of this.#first) if (item.settlement !== undefined) run(item)
    for (let index = 0; index < this.#head; index++) {
      const item = this.#items[index]
      if (item !== undefined) run(item)
    }
  }

  /** Whether a rejection waits to be reported. */
  get isRejecting(): boolean {
    return this.#rejectedAtMs !== undefined
  }

  /** The sender has written. */
  bytesRead(nowMs: number): void {
    this.#lastReadAtMs = nowMs
  }

  /** When the sender last wrote, ms since the epoch; -Infinity before the first byte. */
  get lastReadAtMs(): number {
    return this.#lastReadAtMs
  }

  /** Adds a notification behind all received before. */
  receive(item: Item): void {
    this.#inFlight++
    if (this.#reportsNothing) return
    this.#items.push(item)
    if (this.#first.length < landmarkCount) this.#first.push(item)
    const { identifier } = item
    if (identifier === undefined) return
    if (identifier > this.#highestIdentifier) this.#highestIdentifier = identifier
    else this.#ascending = false
  }

  /**
   * Settles a notification of this lane, once, in any order.
   * @param nowMs matters for a rejection only
   * @returns false for a rejection that this connection cannot report any more
   */
  settle(item: Item, settlement: Settlement, nowMs: number): boolean {
    if (item.settlement !== undefined) throw new TypeError('a notification is settled once')
    item.settlement = settlement
    if (!item.hasLeft) {
      this.#inFlight--
      this.#waitingCount++
    }
    const isRejected = settlement.kind === 'rejected'
    const canBeTold = !this.#reportsNothing && isTellable(item)
    if (isRejected && canBeTold) this.#rejectedAtMs ??= nowMs
    this.#advance()
    return canBeTold || !isRejected
  }

  /**
   * Reports nothing any more, because the sender's EOF came or an error response was sent.
   * @returns the rejections that were waiting to be reported, the reported one first
   */
  stopReporting(): Item[] {
    if (this.#reportsNothing) return []
    this.#reportsNothing = true
    const untold = this.#items.slice(this.#head).filter(isToBeTold)
    this.#items.length = this.#first.length = this.#head = this.#waitingCount = 0
    this.#rejectedAtMs = undefined
    this.#closingAtMs = undefined
    return untold
  }

  /** Nothing more will be decoded. A rejection among what was received is still reported. */
  finish(nowMs: number): void {
    if (!this.#reportsNothing) this.#closingAtMs ??= nowMs
  }

  /** What the connection must do at this moment. Ask after every event. */
  advise(nowMs: number, isResender: boolean): Advice {
    if (this.#rejectedAtMs !== undefined)
      return this.#adviseReport(this.#rejectedAtMs, nowMs, isResender)
    if (this.#closingAtMs === undefined) return nothing
    const atMs = this.#closingAtMs + this.#times.errorDeadlineMs
    if (this.#head === this.#items.length || nowMs >= atMs) return { do: 'close' }
    return { do: 'wait', atMs }
  }

  /** Stops waiting for notifications in front of the first rejected one. */
  leave(): void {
    for (const item of this.#items.slice(this.#head)) {
      if (isToBeTold(item)) break
      if (item.settlement !== undefined || item.hasLeft) continue
      item.hasLeft = true
      this.#inFlight--
    }
    this.#advance()
  }

  /** What the sender may send again after the error response that {@link advise} asks for. */
  report(): Report<Item> | undefined {
    const named = this.#items[this.#head]
    if (named?.settlement?.kind !== 'rejected') return undefined
    const firstNamesake = this.#ascending
      ? this.#head
      : this.#items.findIndex(({ identifier }) => identifier === named.identifier)
    const ambiguous =
      !this.#ascending &&
      (firstNamesake < this.#head ||
        this.#items.some((item) => item !== named && item.identifier === named.identifier))
    const lastInFront = this.#items.slice(Math.max(0, this.#head - landmarkCount), this.#head)
    return {
      named,
      ambiguous,
      inFront: [...this.#first.filter((item) => item !== named), ...lastInFront].filter(
        (item) => this.#items.indexOf(item) < this.#head,
      ),
      behind: this.#items.slice(ambiguous ? firstNamesake : this.#head + 1),
    }
  }

  /** Passes what is settled at the front, up to the first rejection that can be reported. */
  #advance(): void {
    for (let item = this.#items[this.#head]; item; item = this.#items[++this.#head]) {
      if (item.settlement === undefined && !item.hasLeft) {
        // One that is retried for hours must not keep in memory all that was received behind it.
        if (this.isRejecting || this.#waitingCount <= maxWaitingCount) break
        item.hasLeft = true
        this.#inFlight--
      } else if (isToBeTold(item)) break
      else if (!item.hasLeft) this.#waitingCount--
    }
    const kept = this.#ascending ? landmarkCount : namesakeCount
    const isIdle = this.#ascending && this.#head === this.#items.length
    if (this.#head < kept + (isIdle ? 1 : slack)) return
    this.#items.splice(0, this.#head - kept)
    this.#head = kept
  }

  #adviseReport(rejectedAtMs: number, nowMs: number, isResender: boolean): Advice {
    const first = this.#items[this.#head]
    if (first?.settlement?.kind !== 'rejected' || first.identifier === undefined) {
      const deadlineAtMs = rejectedAtMs + this.#times.errorDeadlineMs
      return nowMs < deadlineAtMs ? { do: 'wait', atMs: deadlineAtMs } : leave
    }
    this.#reportableAtMs ??= nowMs
    const atMs = isResender ? nowMs : this.#quietAtMs(this.#reportableAtMs)
    if (nowMs < atMs) return { do: 'wait', atMs }
    const { statusCode } = first.settlement
    return { do: 'report', response: { statusCode, identifier: first.identifier } }
  }

  #quietAtMs(reportableAtMs: number): number {
    const { quietMs, quietAtMostMs } = this.#times
    const quiet = Math.max(reportableAtMs, this.#lastReadAtMs) + quietMs
    return Math.min(quiet, reportableAtMs + quietAtMostMs)
  }
}

function isTellable({ identifier, hasLeft }: LaneItem): boolean {
  return identifier !== undefined && !hasLeft
}

function isToBeTold(item: LaneItem): boolean {
  return item.settlement?.kind === 'rejected' && isTellable(item)
}
