/**
 * The order book of one client connection: which of its notifications is the first rejected one,
 * and when that may be told (delivery contract, D1, D2 and D6). Pure: the time is an argument,
 * what to do is a return value.
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

/** How a notification ended, as far as its sender is concerned. Silence means accepted. */
export type Settlement = { readonly kind: 'accepted' } | Rejection

/** The settlement of most notifications, one object for all. */
export const accepted: Settlement = { kind: 'accepted' }

/** What the connection is to do now. */
export type Advice =
  | { readonly do: 'nothing' }
  /** Ask again at `atMs`, or when something happens. */
  | { readonly do: 'wait'; readonly atMs: number }
  /** Earlier ones are late. {@link Lane.leave}, unless their answers have arrived meanwhile. */
  | { readonly do: 'leave' }
  /** Write this, {@link Lane.mute}, then close: there is never another. */
  | { readonly do: 'report'; readonly response: ErrorResponse }
  /** Nothing is left to wait for and nothing to say. */
  | { readonly do: 'close' }

/** Milliseconds that shape when an error response is sent. */
export interface LaneTimes {
  /** How long a rejection waits for what was received before it. Default 500. */
  readonly errorDeadlineMs: number
  /** How long the sender must have been quiet. 20: an early close destroys what it still writes. */
  readonly quietMs: number
  /** How long a rejection waits for the quiet, at the most. 100. */
  readonly quietAtMostMs: number
}

/** One notification, as far as its lane cares. */
export interface LaneItem {
  /** As sent; undefined for command 0 and for frames without one: then nothing can be told. */
  readonly identifier: number | undefined
  /** What its sender is told of it; undefined while that is not known. */
  settlement: Settlement | undefined
  /** The lane waits for it no longer: it took too long, and cannot be told any more. */
  hasLeft: boolean
}

/** What an error response leaves behind: all that a resender may send again. */
export interface Report<Item> {
  readonly named: Item
  /** The first 16 received on this connection, and the last 16 in front of the named one. */
  readonly inFront: readonly Item[]
  /** Received behind the named one; where the identifier is ambiguous, from its first on. */
  readonly behind: readonly Item[]
  /** The identifier stands for several notifications of this lane. */
  readonly ambiguous: boolean
}

const nothing: Advice = { do: 'nothing' }
const leave: Advice = { do: 'leave' }

/** How many at the beginning, and in front of a rejected one, tell a new run from a resend. */
const landmarkCount = 16
/** Settled notifications kept where identifiers repeat, to find the first with a given one. */
const namesakeCount = 4096
/** What may pile up before it is cut off: a shift per notification would move the whole array. */
const slack = 128

/** See the file's first lines. */
export class Lane<Item extends LaneItem> {
  readonly #times: LaneTimes
  /** Settled ones that are remembered, then from {@link #head} on all that is still waited for. */
  readonly #items: Item[] = []
  #head = 0
  readonly #first: Item[] = []
  #inFlight = 0
  #mute = false
  #highestIdentifier = -1
  #ascending = true
  #rejectedAtMs: number | undefined
  #reportableAtMs: number | undefined
  #closingAtMs: number | undefined
  #heardAtMs = -Infinity

  constructor(times: LaneTimes) {
    this.#times = times
  }

  /** Notifications received and neither settled nor left. */
  get inFlight(): number {
    return this.#inFlight
  }

  /** Whether identifiers repeat, so that thousands of settled notifications are remembered. */
  get isAmbiguous(): boolean {
    return !this.#ascending
  }

  /** Calls `run` for what is remembered though it is settled, once or twice for each. */
  eachSettled(run: (item: Item) => void): void {
    for (const item of this.#first) if (item.settlement !== undefined) run(item)
    for (let index = 0; index < this.#head; index++) {
      const item = this.#items[index]
      if (item !== undefined) run(item)
    }
  }

  /** Whether a rejection waits until it can be told. */
  get isRejecting(): boolean {
    return this.#rejectedAtMs !== undefined
  }

  /** Bytes of the sender have arrived. */
  heard(nowMs: number): void {
    this.#heardAtMs = nowMs
  }

  /** When bytes last arrived, ms; -Infinity before the first. */
  get heardAtMs(): number {
    return this.#heardAtMs
  }

  /** Takes up a notification, behind all received before. */
  receive(item: Item): void {
    this.#inFlight++
    if (this.#mute) return
    this.#items.push(item)
    if (this.#first.length < landmarkCount) this.#first.push(item)
    const { identifier } = item
    if (identifier === undefined) return
    if (identifier > this.#highestIdentifier) this.#highestIdentifier = identifier
    else this.#ascending = false
  }

  /**
   * Ends a notification of this lane, in any order, once.
   * @param nowMs counts for a rejection alone
   * @returns false for a rejection that this connection cannot be told of any more
   */
  settle(item: Item, settlement: Settlement, nowMs: number): boolean {
    if (item.settlement !== undefined) throw new TypeError('a notification is settled once')
    item.settlement = settlement
    if (!item.hasLeft) this.#inFlight--
    const isRejected = settlement.kind === 'rejected'
    const canBeTold = !this.#mute && isTellable(item)
    if (isRejected && canBeTold) this.#rejectedAtMs ??= nowMs
    this.#advance()
    return canBeTold || !isRejected
  }

  /**
   * Nothing can be told any more: the sender's EOF came, or an error response was sent.
   * @returns the rejections that were still to be told, the one of an error response first
   */
  mute(): Item[] {
    if (this.#mute) return []
    this.#mute = true
    const untold = this.#items.slice(this.#head).filter(isToBeTold)
    this.#items.length = this.#first.length = this.#head = 0
    this.#rejectedAtMs = undefined
    this.#closingAtMs = undefined
    return untold
  }

  /** Nothing more will be decoded; a rejection among what was received is still to be told. */
  finish(nowMs: number): void {
    if (!this.#mute) this.#closingAtMs ??= nowMs
  }

  /** What the connection is to do at this moment; ask after every event. */
  advise(nowMs: number, senderListens: boolean): Advice {
    if (this.#rejectedAtMs !== undefined)
      return this.#adviseReport(this.#rejectedAtMs, nowMs, senderListens)
    if (this.#closingAtMs === undefined) return nothing
    const atMs = this.#closingAtMs + this.#times.errorDeadlineMs
    if (this.#head === this.#items.length || nowMs >= atMs) return { do: 'close' }
    return { do: 'wait', atMs }
  }

  /** The error response waits no longer for what was received before the rejected one. */
  leave(): void {
    for (const item of this.#items.slice(this.#head)) {
      if (isToBeTold(item)) break
      if (item.settlement !== undefined || item.hasLeft) continue
      item.hasLeft = true
      this.#inFlight--
    }
    this.#advance()
  }

  /** What the error response that {@link advise} asks for will leave behind, as of now. */
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

  /** Goes past what is settled at the front, up to the first rejection that can be told. */
  #advance(): void {
    for (let item = this.#items[this.#head]; item; item = this.#items[++this.#head]) {
      if (item.settlement === undefined && !item.hasLeft) break
      if (isToBeTold(item)) break
    }
    const kept = this.#ascending ? landmarkCount : namesakeCount
    const isIdle = this.#ascending && this.#head === this.#items.length
    if (this.#head < kept + (isIdle ? 1 : slack)) return
    this.#items.splice(0, this.#head - kept)
    this.#head = kept
  }

  #adviseReport(rejectedAtMs: number, nowMs: number, senderListens: boolean): Advice {
    const first = this.#items[this.#head]
    if (first?.settlement?.kind !== 'rejected' || first.identifier === undefined) {
      const deadlineAtMs = rejectedAtMs + this.#times.errorDeadlineMs
      return nowMs < deadlineAtMs ? { do: 'wait', atMs: deadlineAtMs } : leave
    }
    this.#reportableAtMs ??= nowMs
    const atMs = senderListens ? nowMs : this.#quietAtMs(this.#reportableAtMs)
    if (nowMs < atMs) return { do: 'wait', atMs }
    const { statusCode } = first.settlement
    return { do: 'report', response: { statusCode, identifier: first.identifier } }
  }

  #quietAtMs(reportableAtMs: number): number {
    const { quietMs, quietAtMostMs } = this.#times
    const quiet = Math.max(reportableAtMs, this.#heardAtMs) + quietMs
    return Math.min(quiet, reportableAtMs + quietAtMostMs)
  }
}

function isTellable({ identifier, hasLeft }: LaneItem): boolean {
  return identifier !== undefined && !hasLeft
}

function isToBeTold(item: LaneItem): boolean {
  return item.settlement?.kind === 'rejected' && isTellable(item)
}
