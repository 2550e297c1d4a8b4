/**
 * The order book of one client connection: which of its notifications is the first rejected one,
 * and when that may be told (delivery contract, D1, D2 and D6).
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

/** Whether the sender heard of a rejection. */
export type Verdict = 'told' | 'untold'

/** The place of one notification in its lane. */
export interface Place {
  /** As sent; undefined for command 0 and for frames without one: then nothing can be told. */
  readonly identifier: number | undefined
}

/** What the connection is to do now. */
export type Advice =
  | { readonly do: 'nothing' }
  /** Ask again at `atMs`, or when something happens. */
  | { readonly do: 'wait'; readonly atMs: number }
  /** Write this, then close; see {@link Lane.reported}. */
  | { readonly do: 'report'; readonly response: ErrorResponse }
  /** The stream is unreadable, and nothing before that is left to wait for. */
  | { readonly do: 'close' }

/** Milliseconds that shape when an error response is sent. */
export interface LaneTimes {
  /** How long a rejection waits for what was received before it. Default 500. */
  readonly errorDeadlineMs: number
  /** How long the sender must have been quiet. 20. — source: design H13, writes destroyed by an early close */
  readonly quietMs: number
  /** How long a rejection waits for the quiet, at the most. 100. */
  readonly quietAtMostMs: number
}

interface Entry extends Place {
  settlement: Settlement | undefined
  /** Left the lane unsettled: the gateway owns it, the sender is no longer waiting for it. */
  left: boolean
}

const nothing: Advice = { do: 'nothing' }

/** See the file's first line. Pure: the time is an argument, what to do is a return value. */
export class Lane {
  readonly #times: LaneTimes
  readonly #verdict: (place: Place, rejection: Rejection, verdict: Verdict) => void
  readonly #entries: Entry[] = []
  #head = 0
  #unsettled = 0
  #mute = false
  #rejectedAtMs: number | undefined
  #reportableAtMs: number | undefined
  #brokenAtMs: number | undefined
  #lastByteAtMs = -Infinity

  /** @param verdict hears of each rejection once, as soon as it is known whether it can be told */
  constructor(
    times: LaneTimes,
    verdict: (place: Place, rejection: Rejection, verdict: Verdict) => void,
  ) {
    this.#times = times
    this.#verdict = verdict
  }

  /** Notifications received and neither settled nor left: what the window counts. */
  get inFlight(): number {
    return this.#unsettled
  }

  /** Bytes of the sender have arrived. */
  heard(nowMs: number): void {
    this.#lastByteAtMs = nowMs
  }

  /** Takes up a notification, behind all received before. */
  receive(identifier: number | undefined): Place {
    const entry: Entry = { identifier, settlement: undefined, left: false }
    this.#unsettled++
    if (!this.#mute) this.#entries.push(entry)
    return entry
  }

  /** Ends a notification of this lane, in any order, once. */
  settle(place: Place, settlement: Settlement, nowMs: number): void {
    const entry = place as Entry
    if (entry.settlement !== undefined) throw new TypeError('a notification is settled once')
    entry.settlement = settlement
    if (!entry.left) this.#unsettled--
    if (settlement.kind === 'rejected') this.#reject(entry, settlement, nowMs)
    this.#advance()
  }

  /** Nothing can be told any more: the sender's EOF came, or its connection is gone. */
  hush(): void {
    if (this.#mute) return
    this.#mute = true
    for (const entry of this.#entries.splice(0).slice(this.#head)) {
      const { settlement } = entry
      if (settlement?.kind === 'rejected') this.#verdict(entry, settlement, 'untold')
    }
    this.#head = 0
    this.#rejectedAtMs = undefined
    this.#brokenAtMs = undefined
  }

  /** The stream cannot be read on; what came before decides how the connection ends. */
  breakOff(nowMs: number): void {
    if (!this.#mute) this.#brokenAtMs = nowMs
  }

  /** What the connection is to do at this moment; ask after every event. */
  advise(nowMs: number): Advice {
    if (this.#rejectedAtMs !== undefined) return this.#adviseReport(this.#rejectedAtMs, nowMs)
    if (this.#brokenAtMs === undefined) return nothing
    const atMs = this.#brokenAtMs + this.#times.errorDeadlineMs
    if (this.#head === this.#entries.length || nowMs >= atMs) return { do: 'close' }
    return { do: 'wait', atMs }
  }

  /** The error response that {@link advise} asked for has been written: there is never another. */
  reported(): void {
    const told = this.#entries[this.#head++]
    if (told?.settlement?.kind === 'rejected') this.#verdict(told, told.settlement, 'told')
    this.hush()
  }

  #reject(entry: Entry, rejection: Rejection, nowMs: number): void {
    if (this.#mute || entry.left || entry.identifier === undefined)
      this.#verdict(entry, rejection, 'untold')
    else this.#rejectedAtMs ??= nowMs
  }

  /** Leaves behind what is settled at the front, up to the first rejection that can be told. */
  #advance(): void {
    for (let entry = this.#entries[this.#head]; entry; entry = this.#entries[++this.#head]) {
      if (entry.settlement === undefined && !entry.left) break
      if (isTellable(entry)) break
    }
    // Cut off in one go now and then: a shift per notification would move the whole array.
    if (this.#head < 1024) return
    this.#entries.splice(0, this.#head)
    this.#head = 0
  }

  #adviseReport(rejectedAtMs: number, nowMs: number): Advice {
    const deadlineAtMs = rejectedAtMs + this.#times.errorDeadlineMs
    if (nowMs >= deadlineAtMs) this.#leaveBefore()
    const first = this.#entries[this.#head]
    if (first?.settlement?.kind !== 'rejected' || first.identifier === undefined)
      return { do: 'wait', atMs: deadlineAtMs }
    this.#reportableAtMs ??= nowMs
    const atMs = this.#quietAtMs(this.#reportableAtMs)
    if (nowMs < atMs) return { do: 'wait', atMs }
    const { statusCode } = first.settlement
    return { do: 'report', response: { statusCode, identifier: first.identifier } }
  }

  /** What was received before the first rejection and is still unsettled is no longer waited for. */
  #leaveBefore(): void {
    for (let at = this.#head; at < this.#entries.length; at++) {
      const entry = this.#entries[at]
      if (entry === undefined || isTellable(entry)) break
      if (entry.settlement !== undefined || entry.left) continue
      entry.left = true
      this.#unsettled--
    }
    this.#advance()
  }

  #quietAtMs(reportableAtMs: number): number {
    const { quietMs, quietAtMostMs } = this.#times
    const quiet = Math.max(reportableAtMs, this.#lastByteAtMs) + quietMs
    return Math.min(quiet, reportableAtMs + quietAtMostMs)
  }
}

function isTellable({ settlement, identifier, left }: Entry): boolean {
  return settlement?.kind === 'rejected' && identifier !== undefined && !left
}
