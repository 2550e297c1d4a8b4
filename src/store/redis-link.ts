/** Keeps a connection to Redis, and says whether it can be used just now. */
import type { Cancel, Clock } from '../timing/clock.ts'
import type { OpenConnection, RedisConnection, Reply } from './redis-connection.ts'
import { every, Timer } from '../timing/timer.ts'

/** What a link is given. */
export interface LinkDeps {
  readonly open: OpenConnection
  readonly clock: Clock
  /** Makes a new connection usable: what has to be read or written first. */
  readonly resume: () => Promise<void>
  /** It can be used, for the first time or again. */
  readonly back: () => void
  /** It is gone, answers nothing, or answers with errors; once for each attempt. */
  readonly lost: (error: Error) => void
}

/** Redis cannot be reached. Radius: the command. */
export class UnreachableError extends Error {
  override readonly name = 'UnreachableError'
}

type State =
  /** The next attempt has its time. */
  | { readonly kind: 'down' }
  | { readonly kind: 'opening'; readonly opening: AbortController }
  /** Takes the commands that make it usable, and then all. */
  | { readonly kind: 'resuming' | 'up'; readonly connection: WatchedConnection }
  | { readonly kind: 'closed' }

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
  readonly #retry: Timer
  #state: State = { kind: 'down' }

  constructor(deps: LinkDeps) {
    this.#deps = deps
    this.#retry = new Timer(deps.clock, retryMs, () => {
      this.start()
    })
  }

  /** Whether what is sent has a chance. */
  get isUp(): boolean {
    return this.#state.kind === 'up'
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
      return await connection.send(args)
    } catch (error) {
      this.#lose(connection, error)
      throw error
    }
  }

  /** For what need not be allowed or understood: undefined instead of an error. */
  async try(args: readonly (string | Buffer)[]): Promise<Reply | undefined> {
    try {
      return await this.#connection?.send(args)
    } catch {
      return undefined
    }
  }

  /** Something is wrong with what Redis holds: does again what a new connection begins with. */
  async resume(): Promise<void> {
    if (this.#state.kind === 'up') await this.#resume(this.#state.connection)
  }

  close(): void {
    this.#become({ kind: 'closed' })
  }

  get #connection(): WatchedConnection | undefined {
    return 'connection' in this.#state ? this.#state.connection : undefined
  }

  /** The one place that changes the state, and ends what the last one held. */
  #become(state: State): void {
    const last = this.#state
    this.#state = state
    if (state.kind === 'down') this.#retry.start()
    else this.#retry.stop()
    if (last.kind === 'opening' && state.kind === 'closed') last.opening.abort()
    if ('connection' in last && !('connection' in state)) last.connection.destroy()
  }

  async #open(): Promise<void> {
    const { open, clock } = this.#deps
    const opening = new AbortController()
    this.#become({ kind: 'opening', opening })
    const cancel = clock.after(patienceMs, () => {
      opening.abort(new UnreachableError('Redis does not answer'))
    })
    try {
      const opened = await open((error) => {
        this.#lose(connection, error)
      }, opening.signal)
      const connection: WatchedConnection = new WatchedConnection(opened, clock, (error) => {
        this.#lose(connection, error)
      })
      if (this.#state.kind === 'closed') connection.destroy()
      else await this.#resume(connection)
    } catch (error) {
      this.#fail(opening.signal.aborted ? opening.signal.reason : error)
    } finally {
      cancel()
    }
  }

  async #resume(connection: WatchedConnection): Promise<void> {
    this.#become({ kind: 'resuming', connection })
    try {
      await this.#deps.resume()
      if (connection !== this.#connection) return
      this.#become({ kind: 'up', connection })
      this.#deps.back()
    } catch (error) {
      this.#lose(connection, error)
    }
  }

  /** Late news of a connection that is over already are none. */
  #lose(connection: WatchedConnection, error: unknown): void {
    if (connection === this.#connection) this.#fail(error)
  }

  #fail(error: unknown): void {
    if (this.#state.kind === 'closed') return
    this.#become({ kind: 'down' })
    this.#deps.lost(error instanceof Error ? error : new Error(String(error)))
  }
}

/** Finds out when nothing is answered. */
class WatchedConnection {
  readonly #connection: RedisConnection
  readonly #clock: Clock
  readonly #cancelWatch: Cancel
  #waiting = 0
  #progressAtMs = 0
  #watchedAtMs: number

  constructor(connection: RedisConnection, clock: Clock, silent: (error: Error) => void) {
    this.#connection = connection
    this.#clock = clock
    this.#watchedAtMs = clock.now()
    this.#cancelWatch = every(clock, watchMs, () => {
      if (this.#isSilent(clock.now())) silent(new UnreachableError('Redis does not answer'))
    })
  }

  async send(args: readonly (string | Buffer)[]): Promise<Reply> {
    if (this.#waiting++ === 0) this.#progressAtMs = this.#clock.now()
    try {
      return await this.#connection.send(args)
    } finally {
      this.#waiting--
      this.#progressAtMs = this.#clock.now()
    }
  }

  destroy(): void {
    this.#cancelWatch()
    this.#connection.destroy()
  }

  /** A process that has not run for a while has not looked at what was answered meanwhile. */
  #isSilent(now: number): boolean {
    if (now - this.#watchedAtMs > 2 * watchMs) this.#progressAtMs = now
    this.#watchedAtMs = now
    return this.#waiting > 0 && now - this.#progressAtMs > patienceMs
  }
}
