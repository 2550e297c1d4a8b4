/**
 * What was received behind a reported notification, remembered so that its resend is recognised
 * (delivery contract, D4 and D5). One for each route. Pure: time and connections are arguments.
 *
 * | clause | here |
 * |---|---|
 * | (a) matches on another connection; on the same one within 0.5 s of the packet | `matches` |
 * | (b) lives until 10 s after the sender's EOF, renewed by each match | `expiresAtMs` |
 * | (b) each copy for 60 s at most while the sender keeps its connection open | `rememberedAtMs` |
 * | (c) nothing is remembered when the EOF came first, nor for command 0 | `Lane.reported`, {@link Overrun.arrived} |
 * | (d) a connection that repeats the beginning is a new run: forget | `isNewRun` |
 * | (e) an ambiguous identifier: remembered from its first occurrence on | `Lane.reported` |
 */
import { StatusCode } from '../binary/status-code.ts'

/** A client connection, as far as the contract cares. */
export interface Origin {
  /** Rises with every connection opened. */
  readonly connection: number
  /** Hex SHA-256 of the sender's public key. */
  readonly sender: string
}

/** The first copy of a notification that may arrive again. */
export interface Copy {
  /** Device token and SHA-256 of the payload: identifier and expiration may change in a resend. */
  readonly key: string
}

/** An error response that has been sent. */
export interface Reported<C extends Copy> {
  readonly origin: Origin
  /** The last connection opened before the report. */
  readonly latestConnection: number
  readonly statusCode: number
  /** Undefined where nothing was sent of it, as with a token of the wrong size. */
  readonly named: C | undefined
  /** The first 16 received on this connection and the last 16 in front of the named one. */
  readonly inFront: readonly C[]
  /** What a resender sends again: behind the named one, or from its first namesake on. */
  readonly behind: readonly C[]
  /** The identifier stood for several notifications of the lane. */
  readonly ambiguous: boolean
}

/** How long and how much is remembered. */
export interface OverrunLimits {
  /** Milliseconds from the sender's EOF, or the last match. Default 10,000. */
  readonly resendWindowMs: number
  /** Notifications, over all reports of the route; what does not fit is not remembered. */
  readonly maxEntries: number
}

const openLimitMs = 60_000
/**
 * Resends into the dying connection came within 241 ms of the packet (pushy, apns4erl); a whole
 * second would swallow what a sender repeats every second.
 */
const sameConnectionMs = 500

/** After these the named notification itself is retried, so its return is no new run. */
const retriedStatuses: readonly number[] = [
  StatusCode.processingError,
  StatusCode.shutdown,
  StatusCode.unknown,
]

interface Remembered<C> {
  readonly copy: C
  readonly rememberedAtMs: number
}

interface Episode<C> {
  readonly origin: Origin
  readonly latestConnection: number
  readonly reportedAtMs: number
  /** Keys by which a new run betrays itself. */
  readonly beginning: ReadonlySet<string>
  /** A multiset: clients reorder and renumber. */
  readonly copies: Map<string, Remembered<C>[]>
  /** The same, the oldest first. */
  readonly byAge: Set<Remembered<C>>
  /** Undefined until the sender's EOF. */
  expiresAtMs: number | undefined
}

/** See the file's first lines. */
export class Overrun<C extends Copy> {
  /** See {@link OverrunLimits}; may change, for what is remembered from then on. */
  resendWindowMs: number
  readonly #maxEntries: number
  readonly #episodes = new Set<Episode<C>>()
  #size = 0

  constructor(limits: OverrunLimits) {
    this.resendWindowMs = limits.resendWindowMs
    this.#maxEntries = limits.maxEntries
  }

  /** Copies remembered. */
  get size(): number {
    return this.#size
  }

  /** Whether there is anything to compare with at all: the usual case is no. */
  isActive(nowMs: number): boolean {
    this.#forgetExpired(nowMs)
    return this.#episodes.size > 0
  }

  /** An error response has been sent before the sender's EOF. */
  reported(report: Reported<C>, nowMs: number): void {
    this.#forgetExpired(nowMs)
    const episode: Episode<C> = {
      origin: report.origin,
      latestConnection: report.latestConnection,
      reportedAtMs: nowMs,
      beginning: beginningOf(report),
      copies: new Map(),
      byAge: new Set(),
      expiresAtMs: undefined,
    }
    this.#episodes.add(episode)
    for (const copy of report.behind) this.#remember(episode, copy, nowMs)
  }

  /**
   * A notification arrived on a connection; if that was reported, it is overrun as well. Ask
   * {@link isActive} first, as for {@link match}.
   */
  arrived(origin: Origin, copy: C, nowMs: number): void {
    for (const episode of this.#episodes)
      if (episode.origin === origin) this.#remember(episode, copy, nowMs)
  }

  /** The first copy that a notification repeats, used up by this; undefined when it is new. */
  match(origin: Origin, key: string, nowMs: number): C | undefined {
    for (const episode of this.#episodes) {
      if (isNewRun(episode, origin, key)) this.#forget(episode)
      else if (matches(episode, origin, nowMs)) {
        const copy = this.#take(episode, key)
        if (copy === undefined) continue
        if (episode.expiresAtMs !== undefined) episode.expiresAtMs = nowMs + this.resendWindowMs
        return copy
      }
    }
    return undefined
  }

  /** The sender's EOF: from now on the resend window runs. */
  ended(origin: Origin, nowMs: number): void {
    this.#forgetExpired(nowMs)
    for (const episode of this.#episodes) {
      if (episode.origin !== origin) continue
      episode.expiresAtMs ??= nowMs + this.resendWindowMs
    }
  }

  #remember(episode: Episode<C>, copy: C, nowMs: number): void {
    if (this.#size >= this.#maxEntries) return
    this.#size++
    const remembered = { copy, rememberedAtMs: nowMs }
    episode.byAge.add(remembered)
    const copies = episode.copies.get(copy.key)
    if (copies === undefined) episode.copies.set(copy.key, [remembered])
    else copies.push(remembered)
  }

  /** The oldest copy with a key. */
  #take(episode: Episode<C>, key: string): C | undefined {
    const copies = episode.copies.get(key)
    const oldest = copies?.shift()
    if (copies?.length === 0) episode.copies.delete(key)
    if (oldest === undefined) return undefined
    episode.byAge.delete(oldest)
    this.#size--
    return oldest.copy
  }

  #forgetExpired(nowMs: number): void {
    for (const episode of this.#episodes)
      if (episode.expiresAtMs === undefined) this.#forgetAged(episode, nowMs)
      else if (nowMs >= episode.expiresAtMs) this.#forget(episode)
  }

  #forgetAged(episode: Episode<C>, nowMs: number): void {
    for (const { copy, rememberedAtMs } of episode.byAge) {
      if (nowMs < rememberedAtMs + openLimitMs) break
      this.#take(episode, copy.key)
    }
  }

  #forget(episode: Episode<C>): void {
    this.#episodes.delete(episode)
    this.#size -= episode.byAge.size
  }
}

function beginningOf<C extends Copy>(report: Reported<C>): ReadonlySet<string> {
  if (report.ambiguous || retriedStatuses.includes(report.statusCode)) return new Set()
  const copies = report.named === undefined ? report.inFront : [report.named, ...report.inFront]
  const beginning = new Set(copies.map(({ key }) => key))
  // What stands on both sides of the named one returns in a resend too.
  for (const { key } of report.behind) beginning.delete(key)
  return beginning
}

function isNewRun<C>(episode: Episode<C>, origin: Origin, key: string): boolean {
  return origin.connection > episode.latestConnection && episode.beginning.has(key)
}

function matches<C>(episode: Episode<C>, origin: Origin, nowMs: number): boolean {
  return episode.origin !== origin || nowMs - episode.reportedAtMs <= sameConnectionMs
}
