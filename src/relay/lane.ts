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

/** Whether the sender heard of a rejection. */
export type Verdict = 'told' | 'untold'

/** What the connection is to do now. */
export type Advice =
  | { readonly do: 'nothing' }
  /** Ask again at `atMs`, or when something happens. */
  | { readonly do: 'wait'; readonly atMs: number }
  /** Write this, then close; see {@link Lane.reported}. */
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

/** The place of one notification in its lane, with what its owner keeps there. */
export interface Place<Content> {
  /** As sent; undefined for command 0 and for frames without one: then nothing can be told. */
  readonly identifier: number | undefined
  readonly receivedAtMs: number
  /** How it ended; undefined while it has not. */
  readonly settlement: Settlement | undefined
  content: Content | undefined
}

/** What an error response leaves behind: all that a resender may send again. */
export interface Report<Content> {
  readonly named: Place<Content>
  /** The first 16 received on this connection, and the last 16 in front of the named one. */
  readonly inFront: readonly Place<Content>[]
  /** Received behind the named one; where the identifier is ambiguous, from its first on. */
  readonly behind: readonly Place<Content>[]
  /** The identifier stands for several notifications of this lane. */
  readonly ambiguous: boolean
}

interface Entry<Content> extends Place<Content> {
  settlement: Settlement | undefined
  /** Left the lane unsettled: the gateway owns it, the sender is no longer waiting for it. */
  left: boolean
}

const nothing: Advice = { do: 'nothing' }

/** How many at the beginning, and in front of a rejected one, tell a new run from a resend. */
const landmarkCount = 16
/** Settled notifications kept where identifiers repeat, to find the first with a given one. */
const namesakeCount = 4096
/** What may pile up before it is cut off: a shift per notification would move the whole array. */
const slack = 128

/** See the file's first lines. */
export class Lane<Content> {
  readonly #times: LaneTimes
  readonly #verdict: (place: Place<Content>, rejection: Rejection, verdict: Verdict) => void
  /** Settled ones that are remembered, then from {@link #head} on all that is still waited for. */
  readonly #entries: Entry<Content>[] = []
  #head = 0
  readonly #first: Entry<Content>[] = []
  #unsettled = 0
  #mute = false
  #highestIdentifier = -1
  #ascending = true
  #rejectedAtMs: number | undefined
  #reportableAtMs: number | undefined
  #closingAtMs: number | undefined
  #lastByteAtMs = -Infinity

  /** @param verdict hears of each rejection once, as soon as it is known whether it can be told */
  constructor(
    times: LaneTimes,
    verdict: (place: Place<Content>, rejection: Rejection, verdict: Verdict) => void,
  ) {
    this.#times = times
    this.#verdict = verdict
  }

  /** Notifications received and neither settled nor left: what the window counts. */
  get inFlight(): number {
    return this.#unsettled
  }

  /** When the oldest notification that is waited for was received; undefined when there is none. */
  get oldestAtMs(): number | undefined {
    return this.#entries[this.#head]?.receivedAtMs
  }

  /** Whether identifiers repeat, so that thousands of settled notifications are remembered. */
  get isAmbiguous(): boolean {
    return !this.#ascending
  }

  /** Whether a rejection waits until it can be told. */
  get isRejecting(): boolean {
    return this.#rejectedAtMs !== undefined
  }

  /** Bytes of the sender have arrived. */
  heard(nowMs: number): void {
    this.#lastByteAtMs = nowMs
  }

  /** When bytes last arrived, ms; -Infinity before the first. */
  get heardAtMs(): number {
    return this.#lastByteAtMs
  }

  /** Takes up a notification, behind all received before. */
  receive(identifier: number | undefined, nowMs: number): Place<Content> {
    const entry: Entry<Content> = {
      identifier,
      content: undefined,
      receivedAtMs: nowMs,
      settlement: undefined,
      left: false,
    }
    this.#unsettled++
    if (this.#mute) return entry
    this.#entries.push(entry)
    if (this.#first.length < landmarkCount) this.#first.push(entry)
    if (identifier === undefined) return entry
    if (identifier > this.#highestIdentifier) this.#highestIdentifier = identifier
    else this.#ascending = false
    return entry
  }

  /** Ends a notification of this lane, in any order, once. */
  settle(place: Place<Content>, settlement: Settlement, nowMs: number): void {
    const entry = place as Entry<Content>
    if (entry.settlement !== undefined) throw new TypeError('a notification is settled once')
    entry.settlement = settlement
    if (!entry.left) this.#unsettled--
    if (settlement.kind === 'rejected') this.#reject(entry, settlement, nowMs)
    this.#advance()
  }

  /**
   * What has been waited for since before `atMs` is no longer: the gateway owns it.
   * @param isSlow whether it is this notification that takes its time, not the way there
   */
  leaveOlderThan(
    atMs: number,
    isSlow: (content: Content | undefined) => boolean = () => true,
  ): void {
    for (let at = this.#head; at < this.#entries.length; at++) {
      const entry = this.#entries[at]
      if (entry === undefined || entry.receivedAtMs > atMs) break
      if (isSlow(entry.content)) this.#leave(entry)
    }
    this.#advance()
  }

  /** Nothing can be told any more: the sender's EOF came, or its connection is gone. */
  hush(): void {
    if (this.#mute) return
    this.#mute = true
    for (const entry of this.#entries.slice(this.#head)) {
      const { settlement } = entry
      if (settlement?.kind === 'rejected' && isTellable(entry))
        this.#verdict(entry, settlement, 'untold')
    }
    this.#entries.length = this.#first.length = this.#head = 0
    this.#rejectedAtMs = undefined
    this.#closingAtMs = undefined
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
    if (this.#head === this.#entries.length || nowMs >= atMs) return { do: 'close' }
    return { do: 'wait', atMs }
  }

  /** The error response that {@link advise} asked for has been written: there is never another. */
  reported(): Place<Content> | undefined {
    const named = this.#entries[this.#head]
    if (named?.settlement?.kind !== 'rejected') return undefined
    this.#head++
    this.#verdict(named, named.settlement, 'told')
    this.hush()
    return named
  }

  /** What the error response that {@link advise} asks for will leave behind, as of now. */
  report(): Report<Content> | undefined {
    const named = this.#entries[this.#head]
    if (named?.settlement?.kind !== 'rejected') return undefined
    const firstNamesake = this.#ascending
      ? this.#head
      : this.#entries.findIndex(({ identifier }) => identifier === named.identifier)
    const ambiguous =
      !this.#ascending &&
      (firstNamesake < this.#head ||
        this.#entries.some((entry) => entry !== named && entry.identifier === named.identifier))
    const lastInFront = this.#entries.slice(Math.max(0, this.#head - landmarkCount), this.#head)
    return {
      named,
      ambiguous,
      inFront: [...this.#first.filter((entry) => entry !== named), ...lastInFront].filter(
        (entry) => this.#entries.indexOf(entry) < this.#head,
      ),
      behind: this.#entries.slice(ambiguous ? firstNamesake : this.#head + 1),
    }
  }

  #reject(entry: Entry<Content>, rejection: Rejection, nowMs: number): void {
    if (this.#mute || !isTellable(entry)) this.#verdict(entry, rejection, 'untold')
    else this.#rejectedAtMs ??= nowMs
  }

  /** Goes past what is settled at the front, up to the first rejection that can be told. */
  #advance(): void {
    for (let entry = this.#entries[this.#head]; entry; entry = this.#entries[++this.#head]) {
      if (entry.settlement === undefined && !entry.left) break
      if (entry.settlement?.kind === 'rejected' && isTellable(entry)) break
    }
    const kept = this.#ascending ? landmarkCount : namesakeCount
    if (this.#head < kept + slack) return
    this.#entries.splice(0, this.#head - kept)
    this.#head = kept
  }

  #adviseReport(rejectedAtMs: number, nowMs: number, senderListens: boolean): Advice {
    const deadlineAtMs = rejectedAtMs + this.#times.errorDeadlineMs
    if (nowMs >= deadlineAtMs) this.#leaveBeforeRejected()
    const first = this.#entries[this.#head]
    if (first?.settlement?.kind !== 'rejected' || first.identifier === undefined)
      return { do: 'wait', atMs: deadlineAtMs }
    this.#reportableAtMs ??= nowMs
    const atMs = senderListens ? nowMs : this.#quietAtMs(this.#reportableAtMs)
    if (nowMs < atMs) return { do: 'wait', atMs }
    const { statusCode } = first.settlement
    return { do: 'report', response: { statusCode, identifier: first.identifier } }
  }

  #leaveBeforeRejected(): void {
    for (let at = this.#head; at < this.#entries.length; at++) {
      const entry = this.#entries[at]
      if (entry === undefined) break
      if (entry.settlement?.kind === 'rejected' && isTellable(entry)) break
      this.#leave(entry)
    }
    this.#advance()
  }

  #leave(entry: Entry<Content>): void {
    if (entry.settlement !== undefined || entry.left) return
    entry.left = true
    this.#unsettled--
  }

  #quietAtMs(reportableAtMs: number): number {
    const { quietMs, quietAtMostMs } = this.#times
    const quiet = Math.max(reportableAtMs, this.#lastByteAtMs) + quietMs
    return Math.min(quiet, reportableAtMs + quietAtMostMs)
  }
}

function isTellable({ identifier, left }: Entry<unknown>): boolean {
  return identifier !== undefined && !left
}
