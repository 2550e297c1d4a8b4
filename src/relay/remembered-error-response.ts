/** What was received behind one error response, and what begins a new run of its sender. */
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
   * The sender has written nothing for half a second: since the error response if there was one,
   * otherwise since its first byte. What it writes from then on is wanted. `gateway/connection.ts` sets it.
   */
  readonly hasPaused?: boolean
}

/** A notification that its sender may write again. */
export interface Resendable {
  /** Hash of device token and payload. Identifier and expiration may change in a resend. */
  readonly key: string
}

/** An error response. */
export interface Reported<C extends Resendable> {
  /** Of the connection that is reported. */
  readonly id: string
  /** Hex SHA-256 of the sender's public key. */
  readonly sender: string
  /** Connections opened before the report have a lower {@link Origin.order}. */
  readonly order: number
  readonly statusCode: number
  /**
   * The key of the notification whose identifier the error response carries; undefined where no
   * request was made of it, for instance for a token of wrong size.
   */
  readonly named: string | undefined
  /** Keys of the first 16 received on this connection and the last 16 in front of the named one. */
  readonly inFront: readonly string[]
  /** What a resender sends again: all behind the named one, or from its first namesake on. */
  readonly behind: readonly C[]
  /** The identifier stood for several notifications of the lane. */
  readonly ambiguous: boolean
}

interface Remembered<C> {
  readonly copy: C
  readonly rememberedAtMs: number
}

/** How long a copy is remembered while the sender keeps its connection open, ms. */
const openLimitMs = 60_000
/** After these statuses a sender retries the named notification: its return is no new run. */
const retriedStatuses: readonly number[] = [
  StatusCode.processingError,
  StatusCode.shutdown,
  StatusCode.unknown,
]

/** One for each error response that is remembered. */
export class RememberedErrorResponse<C extends Resendable> {
  /** Of the reported connection. */
  readonly id: string
  readonly sender: string
  readonly order: number
  /** Keys of what stood in front of the named one: their return is a new run. */
  readonly #beginning: ReadonlySet<string>
  /** A multiset, because clients reorder and renumber. */
  readonly #copies = new Map<string, Remembered<C>[]>()
  /** The same, the oldest first. */
  readonly #byAge = new Set<Remembered<C>>()
  /** When the last notification arrived, or the report was made. */
  lastArrivedAtMs: number
  /** When the sender's EOF came. */
  #endedAtMs: number | undefined
  /** Undefined until the sender's EOF. */
  #expiresAtMs: number | undefined

  /** @param report undefined where the error response is older than this process */
  constructor(
    { id, sender, order }: Pick<Origin, 'id' | 'sender' | 'order'>,
    report: Reported<C> | undefined,
    nowMs: number,
  ) {
    this.id = id
    this.sender = sender
    this.order = order
    this.#beginning = report === undefined ? new Set() : beginningOf(report)
    this.lastArrivedAtMs = nowMs
  }

  get hasEnded(): boolean {
    return this.#endedAtMs !== undefined
  }

  /** When all of it is forgotten, ms since the epoch. */
  get forgetAtMs(): number {
    return this.#expiresAtMs ?? this.lastArrivedAtMs + openLimitMs
  }

  /** Whether anything is forgotten at `nowMs`. */
  isDue(nowMs: number): boolean {
    const [oldest] = this.#byAge
    const isAged = oldest !== undefined && nowMs >= oldest.rememberedAtMs + openLimitMs
    return nowMs >= this.forgetAtMs || (isAged && !this.hasEnded)
  }

  /** A connection that was open before the report may bring the same without beginning a new run. */
  isNewRun({ id, order }: Origin, key: string): boolean {
    return (id === this.id || order > this.order) && this.#beginning.has(key)
  }

  matches(origin: Origin): boolean {
    return this.id !== origin.id || origin.hasPaused !== true
  }

  /** The sender's EOF. The resend window begins. */
  end(nowMs: number, windowMs: number): void {
    this.#endedAtMs = nowMs
    this.#expiresAtMs = nowMs + windowMs
  }

  /** A resend has come: the next one has the whole window again. */
  renew(nowMs: number, windowMs: number): void {
    if (this.hasEnded) this.#expiresAtMs = nowMs + windowMs
  }

  /** Bytes arrived on another connection, on which its sender has not paused. */
  resumed({ sender, order }: Origin, nowMs: number, windowMs: number): void {
    if (this.#endedAtMs === undefined || sender !== this.sender || order <= this.order) return
    const untilMs = Math.min(nowMs + windowMs, this.#endedAtMs + openLimitMs)
    this.#expiresAtMs = Math.max(this.forgetAtMs, untilMs)
  }

  remember(copy: C, nowMs: number): void {
    const remembered = { copy, rememberedAtMs: nowMs }
    this.#byAge.add(remembered)
    const copies = this.#copies.get(copy.key)
    if (copies === undefined) this.#copies.set(copy.key, [remembered])
    else copies.push(remembered)
  }

  /** The oldest copy with a key, which is remembered no more. */
  take(key: string): C | undefined {
    const copies = this.#copies.get(key)
    const oldest = copies?.shift()
    if (copies?.length === 0) this.#copies.delete(key)
    if (oldest === undefined) return undefined
    this.#byAge.delete(oldest)
    return oldest.copy
  }

  /** Forgets and returns the copies that are as old as {@link openLimitMs}. */
  takeAged(nowMs: number): C[] {
    const aged: C[] = []
    for (const { copy, rememberedAtMs } of this.#byAge) {
      if (nowMs < rememberedAtMs + openLimitMs) break
      aged.push(copy)
    }
    for (const { key } of aged) this.take(key)
    return aged
  }

  /** Forgets and returns all copies. */
  takeAll(): C[] {
    const all = [...this.#byAge].map(({ copy }) => copy)
    this.#byAge.clear()
    this.#copies.clear()
    return all
  }
}

function beginningOf<C extends Resendable>(report: Reported<C>): ReadonlySet<string> {
  if (report.ambiguous || retriedStatuses.includes(report.statusCode)) return new Set()
  const beginning = new Set(report.inFront)
  if (report.named !== undefined) beginning.add(report.named)
  // What stands on both sides of the named one returns in a resend as well.
  for (const { key } of report.behind) beginning.delete(key)
  return beginning
}
