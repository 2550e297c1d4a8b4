/**
 * Remembers what was received behind a reported notification, and recognises its resends (delivery
 * contract, D4 and D5). Time and connections are arguments.
 *
 * | clause | here |
 * |---|---|
 * | (a) matches on another connection; on the same one until the sender has paused | `matches` |
 * | (b) lives until 10 s after the sender's EOF, renewed by each match | `expiresAtMs` |
 * | (b) and while the same sender writes on without a pause, for 60 s | {@link Overrun.resumed} |
 * | (b) each copy for 60 s at most while the sender keeps its connection open | `rememberedAtMs` |
 * | (c) nothing is remembered when the EOF came first, nor for command 0 | {@link Overrun.withdrawn}, `ReplicatedState.compares` |
 * | (d) a sender that repeats the beginning, here or on a later connection, begins a new run | `isNewRun` |
 * | (e) an ambiguous identifier: remembered from its first occurrence on | `Lane.report` |
 */
import { StatusCode } from '../binary/status-code.ts'

/** A client connection, as this contract sees it. */
export interface Origin {
  /** Unique among the connections of the route in all processes. */
  readonly id: string
  /** Hex SHA-256 of the sender's public key. */
  readonly sender: string
  /** Rises with every connection of the route opened. */
  readonly order: number
  /**
   * The sender has paused since the error response (since its first byte, where there was none), so
   * it is not resending.
   */
  readonly hasPaused?: boolean
}

/** The original of a notification that may be resent. */
export interface Copy {
  /** Hash of device token and payload. Identifier and expiration may change in a resend. */
  readonly key: string
}

/** An error response. */
export interface Reported<C extends Copy> {
  /** Of the connection that is reported. */
  readonly id: string
  /** Hex SHA-256 of the sender's public key. */
  readonly sender: string
  /** Connections opened before the report have a lower {@link Origin.order}. */
  readonly order: number
  readonly statusCode: number
  /** Its key; undefined where no request was made of it, for instance for a token of wrong size. */
  readonly named: string | undefined
  /** Keys of the first 16 received on this connection and the last 16 in front of the named one. */
  readonly inFront: readonly string[]
  /** What a resender sends again: all behind the named one, or from its first namesake on. */
  readonly behind: readonly C[]
  /** The identifier stood for several notifications of the lane. */
  readonly ambiguous: boolean
}

/** How long and how much is remembered. */
export interface OverrunLimits {
  /** Milliseconds from the sender's EOF, or the last match. Default 10,000. */
  readonly resendWindowMs: number
  /** Notifications over all reports of the route. The rest is not remembered. */
  readonly maxEntries: number
}

/** A sender that is silent for this long after an error response does not read it. */
const openLimitMs = 60_000
/** How many connections of silent senders are remembered in case they write again. */
const maxSilent = 10_000
/** After these statuses a sender retries the named notification: its return is no new run. */
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
  readonly id: string
  readonly sender: string
  readonly order: number
  /** Keys of what stood in front of the named one: their return is a new run. */
  readonly beginning: ReadonlySet<string>
  /** A multiset, because clients reorder and renumber. */
  readonly copies: Map<string, Remembered<C>[]>
  /** The same, the oldest first. */
  readonly byAge: Set<Remembered<C>>
  /** When the last notification arrived, or the report was made. */
  heardAtMs: number
  /** Both are undefined until the sender's EOF. */
  endedAtMs: number | undefined
  expiresAtMs: number | undefined
}

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
  readonly #listeners = new Set<string>()
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
    for (const episode of this.#episodes.values()) if (nowMs < endOf(episode)) return true
    return false
  }

  /** Whether {@link forgetExpired} would forget anything. */
  isDue(nowMs: number): boolean {
    for (const episode of this.#episodes.values())
      if (nowMs >= endOf(episode) || nowMs >= agedAtMs(episode)) return true
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
  listens(sender: string): boolean {
    return this.#listeners.has(sender)
  }

  /** Reported connections of a sender that it may still be writing to. */
  unfinished(sender: string, nowMs: number): string[] {
    this.forgetExpired(nowMs)
    return [...this.#episodes.values()]
      .filter((episode) => episode.sender === sender && episode.expiresAtMs === undefined)
      .map(({ id }) => id)
  }

  /** An error response is going to be sent. */
  reported(report: Reported<C>, nowMs: number): void {
    this.forgetExpired(nowMs)
    const episode = this.#begin(report, beginningOf(report), nowMs)
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
    const episode = this.#episodes.get(origin.id) ?? this.#wake(origin, nowMs)
    episode.heardAtMs = nowMs
    this.#remember(episode, copy, nowMs)
  }

  /**
   * Bytes arrived on a connection. A sender may write thousands of new notifications before the
   * resends. While it writes without a pause, its resend window does not run out.
   */
  resumed({ sender, order, hasPaused }: Origin, nowMs: number): void {
    if (hasPaused) return
    for (const episode of this.#episodes.values()) {
      const { endedAtMs, expiresAtMs } = episode
      if (endedAtMs === undefined || expiresAtMs === undefined) continue
      if (sender !== episode.sender || order <= episode.order) continue
      const untilMs = Math.min(nowMs + this.resendWindowMs, endedAtMs + openLimitMs)
      episode.expiresAtMs = Math.max(expiresAtMs, untilMs)
    }
  }

  /** The original of a notification, which this uses up; undefined for a new notification. */
  match(origin: Origin, key: string, nowMs: number): C | undefined {
    for (const episode of this.#episodes.values()) {
      if (isNewRun(episode, origin, key)) this.#supersede(episode)
      else if (matches(episode, origin)) {
        const copy = this.#take(episode, key, true)
        if (copy === undefined) continue
        if (episode.expiresAtMs !== undefined) episode.expiresAtMs = nowMs + this.resendWindowMs
        if (episode.id !== origin.id) this.#listeners.add(episode.sender)
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
    if (episode?.endedAtMs !== undefined || episode === undefined) return
    episode.endedAtMs = nowMs
    episode.expiresAtMs = nowMs + this.resendWindowMs
  }

  #begin(
    { id, sender, order }: Pick<Episode<C>, 'id' | 'sender' | 'order'>,
    beginning: ReadonlySet<string>,
    nowMs: number,
  ): Episode<C> {
    const episode: Episode<C> = {
      id,
      sender,
      order,
      beginning,
      copies: new Map(),
      byAge: new Set(),
      heardAtMs: nowMs,
      endedAtMs: undefined,
      expiresAtMs: undefined,
    }
    this.#episodes.set(id, episode)
    return episode
  }

  /** A silent sender writes again, or its report is older than this process. */
  #wake({ id, sender, order }: Origin, nowMs: number): Episode<C> {
    const silent = this.#silent.get(id)
    if (silent === undefined) return this.#begin({ id, sender, order }, new Set(), nowMs)
    this.#silent.delete(id)
    this.#episodes.set(id, silent)
    return silent
  }

  #remember(episode: Episode<C>, copy: C, nowMs: number): void {
    if (this.#size >= this.#maxEntries) {
      this.#forgotten(copy, false)
      return
    }
    this.#size++
    const remembered = { copy, rememberedAtMs: nowMs }
    episode.byAge.add(remembered)
    const copies = episode.copies.get(copy.key)
    if (copies === undefined) episode.copies.set(copy.key, [remembered])
    else copies.push(remembered)
  }

  /** The oldest original with a key. */
  #take(episode: Episode<C>, key: string, wasMatched: boolean): C | undefined {
    const copies = episode.copies.get(key)
    const oldest = copies?.shift()
    if (copies?.length === 0) episode.copies.delete(key)
    if (oldest === undefined) return undefined
    episode.byAge.delete(oldest)
    this.#size--
    this.#forgotten(oldest.copy, wasMatched)
    return oldest.copy
  }

  /** Forgets what is too old at `nowMs`. */
  forgetExpired(nowMs: number): void {
    for (const episode of this.#episodes.values())
      if (episode.expiresAtMs === undefined) this.#forgetAged(episode, nowMs)
      else if (nowMs >= episode.expiresAtMs) this.#forget(episode)
  }

  #forgetAged(episode: Episode<C>, nowMs: number): void {
    for (const { copy, rememberedAtMs } of episode.byAge) {
      if (nowMs < rememberedAtMs + openLimitMs) break
      this.#take(episode, copy.key, false)
    }
    if (nowMs >= episode.heardAtMs + openLimitMs) this.#fallSilent(episode)
  }

  #fallSilent(episode: Episode<C>): void {
    this.#forget(episode)
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
    this.#size -= episode.byAge.size
    for (const { copy } of episode.byAge) this.#forgotten(copy, false)
    episode.byAge.clear()
    episode.copies.clear()
  }
}

function beginningOf<C extends Copy>(report: Reported<C>): ReadonlySet<string> {
  if (report.ambiguous || retriedStatuses.includes(report.statusCode)) return new Set()
  const beginning = new Set(report.inFront)
  if (report.named !== undefined) beginning.add(report.named)
  // What stands on both sides of the named one returns in a resend as well.
  for (const { key } of report.behind) beginning.delete(key)
  return beginning
}

/** A connection that was open before the report may bring the same without beginning a new run. */
function isNewRun<C>(episode: Episode<C>, { id, order }: Origin, key: string): boolean {
  return (id === episode.id || order > episode.order) && episode.beginning.has(key)
}

function matches<C>(episode: Episode<C>, origin: Origin): boolean {
  return episode.id !== origin.id || origin.hasPaused !== true
}

/** When a whole episode is forgotten, ms since the epoch. */
function endOf<C>({ expiresAtMs, heardAtMs }: Episode<C>): number {
  return expiresAtMs ?? heardAtMs + openLimitMs
}

/** When the oldest original of an open episode is forgotten, ms since the epoch. */
function agedAtMs<C>({ expiresAtMs, byAge }: Episode<C>): number {
  const [oldest] = byAge
  return expiresAtMs === undefined && oldest ? oldest.rememberedAtMs + openLimitMs : Infinity
}
