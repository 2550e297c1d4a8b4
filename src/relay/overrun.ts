/**
 * What was received behind a reported notification, remembered so that its resend is recognised
 * (delivery contract, D4 and D5). One for each route. Pure: time and connections are arguments.
 *
 * | clause | here |
 * |---|---|
 * | (a) matches on another connection; on the same one until its sender has paused | `matches` |
 * | (b) lives until 10 s after the sender's EOF, renewed by each match | `expiresAtMs` |
 * | (b) and while the same sender writes on without a pause, for 60 s | {@link Overrun.resumed} |
 * | (b) each copy for 60 s at most while the sender keeps its connection open | `rememberedAtMs` |
 * | (c) nothing is remembered when the EOF came first, nor for command 0 | {@link Overrun.withdrawn}, `ReplicatedState.compares` |
 * | (d) whoever repeats the beginning, on this connection or a later one, begins a new run: forget | `isNewRun` |
 * | (e) an ambiguous identifier: remembered from its first occurrence on | `Lane.report` |
 */
import { StatusCode } from '../binary/status-code.ts'

/** A client connection, as far as the contract cares. */
export interface Origin {
  /** No other connection of the route has it, in no process. */
  readonly id: string
  /** Hex SHA-256 of the sender's public key. */
  readonly sender: string
  /** Rises with every connection of the route opened. */
  readonly order: number
  /**
   * Its sender has paused since the error response, or since its first byte where there was none,
   * and so is not resending.
   */
  readonly hasPaused?: boolean
}

/** The first copy of a notification that may arrive again. */
export interface Copy {
  /** Of device token and payload: identifier and expiration may change in a resend. */
  readonly key: string
}

/** An error response. */
export interface Reported<C extends Copy> {
  /** Of the connection. */
  readonly id: string
  /** Hex SHA-256 of the sender's public key. */
  readonly sender: string
  /** Connections opened before the report have a lower {@link Origin.order}. */
  readonly order: number
  readonly statusCode: number
  /** Its key; undefined where nothing was sent of it, as with a token of the wrong size. */
  readonly named: string | undefined
  /** Keys of the first 16 received on this connection and the last 16 in front of the named one. */
  readonly inFront: readonly string[]
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

/** Silent for so long after an error response, a sender does not read it. */
const openLimitMs = 60_000
/** Connections of deaf senders that are remembered in case they speak again. */
const maxSilent = 10_000
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
  readonly id: string
  readonly sender: string
  readonly order: number
  /** Keys by which a new run betrays itself. */
  readonly beginning: ReadonlySet<string>
  /** A multiset: clients reorder and renumber. */
  readonly copies: Map<string, Remembered<C>[]>
  /** The same, the oldest first. */
  readonly byAge: Set<Remembered<C>>
  /** When the last notification arrived, or the report was made. */
  heardAtMs: number
  /** Undefined until the sender's EOF. */
  endedAtMs: number | undefined
  /** Undefined as long. */
  expiresAtMs: number | undefined
}

/** See the file's first lines. */
export class Overrun<C extends Copy> {
  /** See {@link OverrunLimits}; may change, for what is remembered from then on. */
  resendWindowMs: number
  readonly #maxEntries: number
  readonly #forgotten: (copy: C, wasMatched: boolean) => void
  /** By the id of the connection, in the order reported. */
  readonly #episodes = new Map<string, Episode<C>>()
  /** Those of deaf senders: nothing to compare with, until more arrives. */
  readonly #silent = new Map<string, Episode<C>>()
  readonly #listeners = new Set<string>()
  #size = 0

  /** @param forgotten hears of each copy that is no longer remembered, and whether it was matched */
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

  /** Whether there is anything to compare with at all: the usual case is no. */
  isActive(nowMs: number): boolean {
    for (const episode of this.#episodes.values()) if (nowMs < endOf(episode)) return true
    return false
  }

  /** Whether {@link forgetExpired} would find anything. */
  isDue(nowMs: number): boolean {
    for (const episode of this.#episodes.values())
      if (nowMs >= endOf(episode) || nowMs >= agedAtMs(episode)) return true
    return false
  }

  /** Whether anything is left that will have to be forgotten. */
  get isEmpty(): boolean {
    return this.#episodes.size === 0
  }

  /** Whether what arrives on a connection is overrun. */
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

  /** An error response is sent, before the sender's EOF. */
  reported(report: Reported<C>, nowMs: number): void {
    this.forgetExpired(nowMs)
    const episode = this.#begin(report, beginningOf(report), nowMs)
    for (const copy of report.behind) this.#remember(episode, copy, nowMs)
  }

  /** It was not sent after all: the sender's EOF came first. */
  withdrawn(id: string): void {
    const episode = this.#episodes.get(id)
    if (episode !== undefined) this.#forget(episode)
    this.#silent.delete(id)
  }

  /**
   * A notification arrived on a connection that was reported, so it is overrun as well.
   */
  arrived(origin: Origin, copy: C, nowMs: number): void {
    const episode = this.#episodes.get(origin.id) ?? this.#wake(origin, nowMs)
    episode.heardAtMs = nowMs
    this.#remember(episode, copy, nowMs)
  }

  /**
   * Bytes arrived on a connection. Its sender may have thousands of new notifications to write before
   * the resends: as long as it writes them without a pause, its window does not run out.
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

  /** The first copy that a notification repeats, used up by this; undefined when it is new. */
  match(origin: Origin, key: string, nowMs: number): C | undefined {
    for (const episode of this.#episodes.values()) {
      if (isNewRun(episode, origin, key)) this.#forget(episode)
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

  /** The sender's EOF: from now on the resend window runs. */
  ended(id: string, nowMs: number): void {
    this.forgetExpired(nowMs)
    this.#silent.delete(id)
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

  /** A deaf sender goes on; or its report was before this process's time. */
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

  /** The oldest copy with a key. */
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

  /** Time has passed. */
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
  // What stands on both sides of the named one returns in a resend too.
  for (const { key } of report.behind) beginning.delete(key)
  return beginning
}

/** A connection opened before the report may still bring what it has in common with that one. */
function isNewRun<C>(episode: Episode<C>, { id, order }: Origin, key: string): boolean {
  return (id === episode.id || order > episode.order) && episode.beginning.has(key)
}

function matches<C>(episode: Episode<C>, origin: Origin): boolean {
  return episode.id !== origin.id || origin.hasPaused !== true
}

/** When nothing of an episode is remembered any longer, ms. */
function endOf<C>({ expiresAtMs, heardAtMs }: Episode<C>): number {
  return expiresAtMs ?? heardAtMs + openLimitMs
}

/** When the oldest copy of an open episode is forgotten, ms. */
function agedAtMs<C>({ expiresAtMs, byAge }: Episode<C>): number {
  const [oldest] = byAge
  return expiresAtMs === undefined && oldest ? oldest.rememberedAtMs + openLimitMs : Infinity
}
