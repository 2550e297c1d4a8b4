/**
 * Remembers what was received behind a reported notification, and recognises its resends (delivery
 * contract, D4 and D5). Time and connections are arguments.
 *
 * | clause | here |
 * |---|---|
 * | (a) matches on another connection; on the same one until the sender has paused | {@link RememberedErrorResponse.matches} |
 * | (b) lives until 10 s after the sender's EOF, renewed by each match | {@link RememberedErrorResponse.forgetAtMs} |
 * | (b) and while the same sender writes on without a pause, for 60 s | {@link Overrun.resumed} |
 * | (b) each copy for 60 s at most while the sender keeps its connection open | {@link RememberedErrorResponse.takeAged} |
 * | (c) nothing is remembered when the EOF came first, nor for command 0 | {@link Overrun.withdrawn}, `Relay.take`, `ReplicatedState.announce` |
 * | (d) this connection, or any later one of the route, repeats the beginning: the list is sent anew, and nothing is a resend | {@link RememberedErrorResponse.isNewRun} |
 * | (e) an ambiguous identifier: remembered from its first occurrence on | `Lane.report` |
 */
import {
  RememberedErrorResponse,
  type Resendable,
  type Origin,
  type Reported,
} from './remembered-error-response.ts'

/** How long and how much is remembered. */
export interface OverrunLimits {
  /** Milliseconds from the sender's EOF, or the last match. Default 10,000. */
  readonly resendWindowMs: number
  /** Notifications over all reports of the route. The rest is not remembered. */
  readonly maxEntries: number
}

/** How many connections of silent senders are remembered in case they write again. */
const maxSilent = 10_000
/** One for each route. */
export class Overrun<C extends Resendable> {
  /** See {@link OverrunLimits}. A new value holds from the next EOF or match on. */
  resendWindowMs: number
  readonly #maxEntries: number
  readonly #forgotten: (copy: C, wasMatched: boolean) => void
  /** By the id of the connection, in the order reported. */
  readonly #reports = new Map<string, RememberedErrorResponse<C>>()
  /** Of silent senders. They are not compared with until more arrives. */
  readonly #silent = new Map<string, RememberedErrorResponse<C>>()
  /** Connections whose report a new run has ended: what they still bring is remembered no more. */
  readonly #superseded = new Set<string>()
  readonly #resenders = new Set<string>()
  #size = 0

  /** @param forgotten is called for each original that is no longer remembered */
  constructor(
    limits: OverrunLimits,
    forgotten: (copy: C, wasMatched: boolean) => void = () => undefined,
  ) {
    this.resendWindowMs = limits.resendWindowMs
    this.#maxEntries = limits.maxEntries
    this.#forgotten = forgotten
  }

  /** Copies remembered. */
  get size(): number {
    return this.#size
  }

  /** Whether there is anything to compare with; usually not. */
  isActive(nowMs: number): boolean {
    for (const { forgetAtMs } of this.#reports.values()) if (nowMs < forgetAtMs) return true
    return false
  }

  /** Whether {@link forgetExpired} would forget anything. */
  isDue(nowMs: number): boolean {
    for (const report of this.#reports.values()) if (report.isDue(nowMs)) return true
    return false
  }

  /** Whether nothing is left to forget. */
  get isEmpty(): boolean {
    return this.#reports.size === 0
  }

  /** Whether what arrives on a connection stands behind an error response. */
  covers(id: string): boolean {
    return this.#reports.has(id) || this.#silent.has(id)
  }

  /** Whether a sender has been seen to resend after an error response. */
  isResender(sender: string): boolean {
    return this.#resenders.has(sender)
  }

  /** Reported connections of a sender that it may still be writing to. */
  unfinished(sender: string, nowMs: number): string[] {
    this.forgetExpired(nowMs)
    return [...this.#reports.values()]
      .filter((report) => report.sender === sender && !report.hasEnded)
      .map(({ id }) => id)
  }

  /** When the last notification arrived on a reported connection, or its report was made. */
  lastArrivedAtMs(id: string): number {
    return this.#reports.get(id)?.lastArrivedAtMs ?? -Infinity
  }

  /** An error response is going to be sent. */
  reported(reported: Reported<C>, nowMs: number): void {
    this.forgetExpired(nowMs)
    const report = this.#add(new RememberedErrorResponse(reported, reported, nowMs))
    for (const copy of reported.behind) this.#remember(report, copy, nowMs)
  }

  /** The error response was not sent: the sender's EOF came first. */
  withdrawn(id: string): void {
    const report = this.#reports.get(id)
    if (report !== undefined) this.#forget(report)
    this.#silent.delete(id)
    this.#superseded.delete(id)
  }

  /** A notification arrived on a reported connection, so it is overrun too. */
  arrived(origin: Origin, copy: C, nowMs: number): void {
    if (this.#superseded.has(origin.id)) {
      this.#forgotten(copy, false)
      return
    }
    const report = this.#reports.get(origin.id) ?? this.#reportOf(origin, nowMs)
    report.lastArrivedAtMs = nowMs
    this.#remember(report, copy, nowMs)
  }

  /**
   * Bytes arrived on a connection. A sender may write thousands of new notifications before the
   * resends. While it writes without a pause, its resend window does not run out.
   */
  resumed(origin: Origin, nowMs: number): void {
    if (origin.hasPaused) return
    for (const report of this.#reports.values()) report.resumed(origin, nowMs, this.resendWindowMs)
  }

  /** The original of a notification, which this uses up; undefined for a new notification. */
  match(origin: Origin, key: string, nowMs: number): C | undefined {
    for (const report of this.#reports.values()) {
      if (report.isNewRun(origin, key)) this.#supersede(report)
      else if (report.matches(origin)) {
        const copy = report.take(key)
        if (copy === undefined) continue
        this.#size--
        this.#forgotten(copy, true)
        report.renew(nowMs, this.resendWindowMs)
        if (report.id !== origin.id) this.#resenders.add(report.sender)
        return copy
      }
    }
    return undefined
  }

  /** The sender's EOF. The resend window begins. */
  ended(id: string, nowMs: number): void {
    this.forgetExpired(nowMs)
    this.#silent.delete(id)
    this.#superseded.delete(id)
    const report = this.#reports.get(id)
    if (report?.hasEnded === false) report.end(nowMs, this.resendWindowMs)
  }

  /** Forgets what is too old at `nowMs`. */
  forgetExpired(nowMs: number): void {
    for (const report of this.#reports.values()) {
      if (!report.hasEnded) this.#release(report.takeAged(nowMs))
      if (nowMs < report.forgetAtMs) continue
      this.#forget(report)
      if (!report.hasEnded) this.#fallSilent(report)
    }
  }

  #add(report: RememberedErrorResponse<C>): RememberedErrorResponse<C> {
    this.#reports.set(report.id, report)
    return report
  }

  /** A silent sender writes again, or its report is older than this process. */
  #reportOf(origin: Origin, nowMs: number): RememberedErrorResponse<C> {
    const silent = this.#silent.get(origin.id)
    this.#silent.delete(origin.id)
    return this.#add(silent ?? new RememberedErrorResponse(origin, undefined, nowMs))
  }

  #remember(report: RememberedErrorResponse<C>, copy: C, nowMs: number): void {
    if (this.#size >= this.#maxEntries) {
      this.#forgotten(copy, false)
      return
    }
    this.#size++
    report.remember(copy, nowMs)
  }

  #fallSilent(report: RememberedErrorResponse<C>): void {
    this.#silent.set(report.id, report)
    const [oldest] = this.#silent.keys()
    if (this.#silent.size > maxSilent && oldest !== undefined) this.#silent.delete(oldest)
  }

  #supersede(report: RememberedErrorResponse<C>): void {
    this.#forget(report)
    this.#superseded.add(report.id)
    const [oldest] = this.#superseded
    if (this.#superseded.size > maxSilent && oldest !== undefined) this.#superseded.delete(oldest)
  }

  #forget(report: RememberedErrorResponse<C>): void {
    this.#reports.delete(report.id)
    this.#release(report.takeAll())
  }

  #release(copies: readonly C[]): void {
    this.#size -= copies.length
    for (const copy of copies) this.#forgotten(copy, false)
  }
}
