/** Keeps a connection to Redis, and says whether it can be used just now. */
import type { Cancel, Clock } from '../clock.ts'
import type { OpenConnection, RedisConnection, Reply } from './redis-connection.ts'

/** Hears of the connection. */
export interface LinkObserver {
  /** It is gone, answers nothing, or answers with errors; told once until it is back. */
  lost(error: Error): void
  /** It can be used, for the first time or again. */
  back(): void
}

/** What a link is given. */
export interface LinkDeps {
  readonly open: OpenConnection
  readonly clock: Clock
  readonly observer: LinkObserver
  /** Makes a new connection usable: what has to be read or written first. */
  readonly resume: () => Promise<void>
}

/** Redis cannot be reached. Radius: the command. */
export class UnreachableError extends Error {
  override readonly name = 'UnreachableError'
}

/** After so long without an answer to what was asked, a connection is given up. */
const patienceMs = 3000
const watchMs = 500
const retryMs = 500

/**
 * A command that fails, with whatever error, ends the connection: the writers of this store are not
 * asked to understand errors, they start again from what Redis has. Nothing is queued meanwhile.
 */
export class RedisLink {
  readonly #deps: LinkDeps
  #connection: RedisConnection | undefined
  #state: 'down' | 'resuming' | 'up' | 'closed' = 'down'
  /** Why it is down, once that has been told. */
  #told = false
  #waiting = 0
  #progressAtMs = 0
  #watchedAtMs = 0
  #cancelWatch: Cancel | undefined
  #cancelRetry: Cancel | undefined
  #opening: AbortController | undefined

  constructor(deps: LinkDeps) {
    this.#deps = deps
  }

  /** Whether what is sent has a chance. */
  get isUp(): boolean {
    return this.#state === 'up'
  }

  /** Whether commands are taken, if only those that make it usable. */
  get isConnected(): boolean {
    return this.#connection !== undefined
  }

  /** Connects, and again whenever that is needed, until it is closed. */
  start(): void {
    void this.#open()
  }

  /**
   * Commands of one turn of the event loop go out together.
   * @throws {UnreachableError} at once while there is no connection, and whatever Redis answers
   * instead; the connection is over then
   */
  async send(args: readonly (string | Buffer)[]): Promise<Reply> {
    const connection = this.#connection
    if (connection === undefined) throw new UnreachableError('no connection to Redis')
    try {
      return await this.#answerOf(connection, args)
    } catch (error) {
      this.#lose(connection, error)
      throw error
    }
  }

  /** For what need not be allowed or understood: undefined instead of an error. */
  async try(args: readonly (string | Buffer)[]): Promise<Reply | undefined> {
    const connection = this.#connection
    if (connection === undefined) return undefined
    try {
      return await this.#answerOf(connection, args)
    } catch {
      return undefined
    }
  }

  /** Something is wrong with what Redis holds: does again what a new connection begins with. */
  async resume(): Promise<void> {
    const connection = this.#connection
    if (connection === undefined || this.#state === 'resuming') return
    this.#state = 'resuming'
    try {
      await this.#deps.resume()
      if (connection !== this.#connection) return
      this.#state = 'up'
      this.#told = false
      this.#deps.observer.back()
    } catch (error) {
      this.#lose(connection, error)
    }
  }

  close(): void {
    this.#state = 'closed'
    this.#cancelRetry?.()
    this.#cancelWatch?.()
    this.#opening?.abort()
    this.#connection?.destroy()
    this.#connection = undefined
  }

  async #open(): Promise<void> {
    this.#cancelRetry = undefined
    const opening = new AbortController()
    this.#opening = opening
    const cancel = this.#deps.clock.after(patienceMs, () => {
      opening.abort(new UnreachableError('Redis does not answer'))
    })
    try {
      const connection: RedisConnection = await this.#deps.open((error) => {
        this.#lose(connection, error)
      }, opening.signal)
      if (this.#state === 'closed') {
        connection.destroy()
        return
      }
      this.#connection = connection
      this.#waiting = 0
      this.#watch()
      await this.resume()
    } catch (error) {
      this.#fail(opening.signal.aborted ? opening.signal.reason : error)
    } finally {
      cancel()
      this.#opening = undefined
    }
  }

  /** Waits for it, and counts as waiting, so that {@link #watch} finds out when nothing comes. */
  async #answerOf(connection: RedisConnection, args: readonly (string | Buffer)[]): Promise<Reply> {
    if (this.#waiting++ === 0) this.#progressAtMs = this.#deps.clock.now()
    try {
      return await connection.send(args)
    } finally {
      if (connection === this.#connection) {
        this.#waiting--
        this.#progressAtMs = this.#deps.clock.now()
      }
    }
  }

  /** Late news of a connection that is over already are none. */
  #lose(connection: RedisConnection, error: unknown): void {
    if (connection !== this.#connection) return
    this.#connection = undefined
    connection.destroy()
    this.#cancelWatch?.()
    this.#fail(error)
  }

  #fail(error: unknown): void {
    if (this.#state === 'closed') return
    this.#state = 'down'
    this.#cancelRetry ??= this.#deps.clock.after(retryMs, () => {
      void this.#open()
    })
    if (this.#told) return
    this.#told = true
    this.#deps.observer.lost(error instanceof Error ? error : new Error(String(error)))
  }

  /** A process that has not run for a while has not looked at what was answered meanwhile. */
  #watch(): void {
    const now = this.#deps.clock.now()
    if (now - this.#watchedAtMs > 2 * watchMs) this.#progressAtMs = now
    this.#watchedAtMs = now
    if (this.#waiting > 0 && now - this.#progressAtMs > patienceMs && this.#connection) {
      this.#lose(this.#connection, new UnreachableError('Redis does not answer'))
      return
    }
    this.#cancelWatch = this.#deps.clock.after(watchMs, () => {
      this.#watch()
    })
  }
}
