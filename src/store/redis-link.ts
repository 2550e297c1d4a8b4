/** Keeps one connection to Redis open, and reconnects after any failure. */
import type { Cancel, Clock } from '../timing/clock.ts'
import { afterReading, Timer } from '../timing/timer.ts'
import type { OpenConnection, RedisConnection, Reply } from './redis-dialler.ts'

export interface LinkDeps {
  readonly open: OpenConnection
  readonly clock: Clock
  /** Reads and writes what must precede all other commands on a new connection. */
  readonly resume: () => Promise<void>
  /** The link is up, for the first time or again. */
  readonly back: () => void
  /** The connection failed, timed out or answered with an error; once for each attempt. */
  readonly lost: (error: Error) => void
}

/** Redis cannot be reached. Radius: the command. */
export class UnreachableError extends Error {
  override readonly name = 'UnreachableError'
}

function noAnswer(): UnreachableError {
  return new UnreachableError('Redis does not answer')
}

type State =
  /** The retry timer runs. */
  | { readonly kind: 'down' }
  | { readonly kind: 'opening'; readonly opening: AbortController }
  /** `resuming`: sends the commands of `resume` only. */
  | { readonly kind: 'resuming' | 'up'; readonly connection: RedisConnection }
  | { readonly kind: 'closed' }

/** A connection is closed if Redis answers nothing for this long while commands wait. */
const patienceMs = 3000
const retryMs = 500

/**
 * Any error of a command closes the connection. So the writers of this store need not interpret
 * errors: they start again from what Redis has. While the link is down, no command is queued.
 */
export class RedisLink {
  readonly #deps: LinkDeps
  readonly #retry: Timer
  #state: State = { kind: 'down' }

  constructor(deps: LinkDeps) {
    this.#deps = deps
    this.#retry = new Timer(deps.clock, retryMs, () => this.start())
  }

  get isUp(): boolean {
    return this.#state.kind === 'up'
  }

  /** Whether it is up or resuming. */
  get isConnected(): boolean {
    return this.#connection !== undefined
  }

  /** Connects, and reconnects when needed, until `close`. */
  start(): void {
    void this.#open()
  }

  /**
   * Commands of one turn of the event loop are sent together.
   * @throws {UnreachableError} at once while there is no connection
   * @throws an error that Redis answered; the connection is then closed
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

  /** For optional commands: returns undefined instead of an error, and keeps the connection. */
  async try(args: readonly (string | Buffer)[]): Promise<Reply | undefined> {
    try {
      return await this.#connection?.send(args)
    } catch {
      return undefined
    }
  }

  /** Repeats the start of a new connection, because Redis does not have the expected data. */
  async resume(): Promise<void> {
    if (this.#state.kind === 'up') await this.#resume(this.#state.connection)
  }

  close(): void {
    this.#become({ kind: 'closed' })
  }

  get #connection(): RedisConnection | undefined {
    return 'connection' in this.#state ? this.#state.connection : undefined
  }

  /** The one place that changes the state. Releases what the last state had. */
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
    const cancel = clock.after(patienceMs, () => opening.abort(noAnswer()))
    try {
      const opened = await open((error) => this.#lose(connection, error), opening.signal)
      const connection: RedisConnection = watched(opened, clock, () =>
        this.#lose(connection, noAnswer()),
      )
      if (this.#state.kind === 'closed') connection.destroy()
      else await this.#resume(connection)
    } catch (error) {
      this.#fail(opening.signal.aborted ? opening.signal.reason : error)
    } finally {
      cancel()
    }
  }

  async #resume(connection: RedisConnection): Promise<void> {
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

  /** Ignores late errors of an earlier connection. */
  #lose(connection: RedisConnection, error: unknown): void {
    if (connection === this.#connection) this.#fail(error)
  }

  #fail(error: unknown): void {
    if (this.#state.kind === 'closed') return
    this.#become({ kind: 'down' })
    this.#deps.lost(error instanceof Error ? error : new Error(String(error)))
  }
}

/** A connection that calls `silent` when Redis answers nothing while commands wait. */
function watched(connection: RedisConnection, clock: Clock, silent: () => void): RedisConnection {
  let waiting = 0
  let cancel: Cancel | undefined
  const watch = (): void => {
    cancel?.()
    cancel = waiting > 0 ? afterReading(clock, patienceMs, silent) : undefined
  }
  return {
    async send(args) {
      if (waiting++ === 0) watch()
      try {
        return await connection.send(args)
      } finally {
        waiting--
        watch()
      }
    },
    destroy() {
      cancel?.()
      connection.destroy()
    },
  }
}
