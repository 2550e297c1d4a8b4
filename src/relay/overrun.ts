/**
 * Remembers what was received behind a reported notification, and recognises its resends (delivery
 * contract, D4 and D5). Time and connections are arguments.
 *
 * | clause | here |
 * |---|---|
 * | (a) matches on another connection; on the same one until the sender has paused | {@link Episode.matches} |
 * | (b) lives until 10 s after the sender's EOF, renewed by each match | {@link Episode.forgetAtMs} |
 * | (b) and while the same sender writes on without a pause, for 60 s | {@link Overrun.resumed} |
 * | (b) each copy for 60 s at most while the sender keeps its connection open | {@link Episode.takeAged} |
 * | (c) nothing is remembered when the EOF came first, nor for command 0 | {@link Overrun.withdrawn}, `ReplicatedState.compares` |
 * | (d) a sender that repeats the beginning, here or on a later connection, begins a new run | {@link Episode.isNewRun} |
 * | (e) an ambiguous identifier: remembered from its first occurrence on | `Lane.report` |
 */
import { Episode, type Copy, type Origin, type Reported } from './episode.ts'

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
export class Overrun<C extends Copy> {
  /** See {@link OverrunLimits}. A new value holds from the next EOF or match on. */
  resendWindowMs: number
  readonly #maxEntries: number
  readonly #forgotten: (copy: C, wasMatched: boolean) => void
  /** By the id of the connection, in the order reported. */
  readonly #episodes = new Map<string, Episode<C>>()
  /** Of silent senders. They are not compared with until more arrives. */
  readonly #silent = new Map<string, Episode<C>>()
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
    for (const { forgetAtMs } of this.#episodes.values()) if (nowMs < forgetAtMs) return true
    return false
  }

  /** Whether {@link forgetExpired} would forget anything. */
  isDue(nowMs: number): boolean {
    for (const episode of this.#episodes.values()) if (episode.isDue(nowMs)) return true
    return false
  }

  /** Whether nothing is left to forget. */
  get isEmpty(): boolean {
    return this.#episodes.size === 0
  }

  /** Whether what arrives on a connection stands behind an error response. */
  covers(id: string): boolean {
    return this.#episodes.has(id) || this.#silent.has(id)
  }

  /** Whether a sender has been seen to resend after an error response. */
  isResender(sender: string): boolean {
    return this.#resenders.has(sender)
  }

  /** Reported connections of a sender that it may still be writing to. */
  unfinished(sender: string, nowMs: number): string[] {
    this.forgetExpired(nowMs)
    return [...this.#episodes.values()]
      .filter((episode) => episode.sender === sender && !episode.hasEnded)
      .map(({ id }) => id)
  }

  /** When the last notification arrived on a reported connection, or its report was made. */
  lastArrivedAtMs(id: string): number {
    return this.#episodes.get(id)?.lastArrivedAtMs ?? -Infinity
  }

  /** An error response is going to be sent. */
  reported(report: Reported<C>, nowMs: number): void {
    this.forgetExpired(nowMs)
    const episode = this.#add(new Episode(report, report, nowMs))
    for (const copy of report.behind) this.#remember(episode, copy, nowMs)
  }

  /** The error response was not sent: the sender's EOF came first. */
  withdrawn(id: string): void {
    const episode = this.#episodes.get(id)
    if (episode !== undefined) this.#forget(episode)
    this.#silent.delete(id)
    this.#superseded.delete(id)
  }

  /** A notification arrived on a reported connection, so it is overrun too. */
  arrived(origin: Origin, copy: C, nowMs: number): void {
    if (this.#superseded.has(origin.id)) {
      this.#forgotten(copy, false)
      return
    }
    const episode = this.#episodes.get(origin.id) ?? this.#episodeOf(origin, nowMs)
    episode.lastArrivedAtMs = nowMs
    this.#remember(episode, copy, nowMs)
  }

  /**
   * Bytes arrived on a connection. A sender may write thousands of new notifications before the
   * resends. While it writes without a pause, its resend window does not run out.
   */
  resumed(origin: Origin, nowMs: number): void {
    if (origin.hasPaused) return
    for (const episode of this.#episodes.values())
      episode.resumed(origin, nowMs, this.resendWindowMs)
  }

  /** The original of a notification, which this uses up; undefined for a new notification. */
  match(origin: Origin, key: string, nowMs: number): C | undefined {
    for (const episode of this.#episodes.values()) {
      if (episode.isNewRun(origin, key)) this.#supersede(episode)
      else if (episode.matches(origin)) {
        const copy = episode.take(key)
        if (copy === undefined) continue
        this.#size--
        this.#forgotten(copy, true)
        episode.renew(nowMs, this.resendWindowMs)
        if (episode.id !== origin.id) this.#resenders.add(episode.sender)
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
    const episode = this.#episodes.get(id)
    if (episode?.hasEnded === false) episode.end(nowMs, this.resendWindowMs)
  }

  /** Forgets what is too old at `nowMs`. */
  forgetExpired(nowMs: number): void {
    for (const episode of this.#episodes.values()) {
      if (!episode.hasEnded) this.#release(episode.takeAged(nowMs))
      if (nowMs < episode.forgetAtMs) continue
      this.#forget(episode)
      if (!episode.hasEnded) this.#fallSilent(episode)
    }
  }

  #add(episode: Episode<C>): Episode<C> {
    this.#episodes.set(episode.id, episode)
    return episode
  }

  /** A silent sender writes again, or its report is older than this process. */
  #episodeOf(origin: Origin, nowMs: number): Episode<C> {
    const silent = this.#silent.get(origin.id)
    this.#silent.delete(origin.id)
    return this.#add(silent ?? new Episode(origin, undefined, nowMs))
  }

  #remember(episode: Episode<C>, copy: C, nowMs: number): void {
    if (this.#size >= this.#maxEntries) {
      this.#forgotten(copy, false)
      return
    }
    this.#size++
    episode.remember(copy, nowMs)
  }

  #fallSilent(episode: Episode<C>): void {
    this.#silent.set(episode.id, episode)
    const [oldest] = this.#silent.keys()
    if (this.#silent.size > maxSilent && oldest !== undefined) this.#silent.delete(oldest)
  }

  #supersede(episode: Episode<C>): void {
    this.#forget(episode)
    this.#superseded.add(episode.id)
    const [oldest] = this.#superseded
    if (this.#superseded.size > maxSilent && oldest !== undefined) this.#superseded.delete(oldest)
  }

  #forget(episode: Episode<C>): void {
    this.#episodes.delete(episode.id)
    this.#release(episode.takeAll())
  }

  #release(copies: readonly C[]): void {
    this.#size -= copies.length
    for (const copy of copies) this.#forgotten(copy, false)
  }
}
