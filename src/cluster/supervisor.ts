/**
 * Runs several workers and replaces those that die. Each worker is a whole proxy. `node:cluster`
 * hands each new connection to the next worker; besides that, the workers share only Redis.
 */
import cluster, { type Worker } from 'node:cluster'
import { setTimeout as pause } from 'node:timers/promises'
import type { Logger } from '../log/log.ts'
import { backoffMs } from '../timing/backoff.ts'
import { readyMessage, stopMessage, workerVariable } from './worker.ts'

export interface SupervisorDeps {
  readonly log: Logger
  /** Whether the workers listen on inherited sockets of this process. */
  readonly hasInherited: boolean
  /** Whether a new worker would start like the others; logs the reason if not. */
  readonly mayReplace: () => boolean
}

export interface SupervisorEnd {
  /** Whether every worker settled all its notifications. */
  readonly drained: boolean
  /** Exit code of the worker that could not start; undefined after a stop. */
  readonly failure: number | undefined
}

interface Running {
  readonly worker: Worker
  isReady: boolean
  /** Whether a reload was requested before this worker was ready. */
  isReloadDue: boolean
}

const pauses = { firstMs: 100, longestMs: 10_000 }
/** A worker that ran this long did not fail at its start: the pauses begin again with the first. */
const steadyMs = 60_000

export class Supervisor {
  readonly #count: number
  readonly #deps: SupervisorDeps
  readonly #workers = new Map<number, Running>()
  readonly #stopping = new AbortController()
  #onServing: () => void = () => undefined
  #hasStarted = false
  #drained = true
  #failure: number | undefined

  constructor(count: number, deps: SupervisorDeps) {
    this.#count = count
    this.#deps = deps
  }

  /**
   * Resolves when all workers have ended: after {@link stop}, or because one could not start. The
   * others start when the first one serves, so that a failure common to all is reported once.
   */
  async run(): Promise<SupervisorEnd> {
    const others = Array.from({ length: this.#count - 1 }, (_, index) => index + 1)
    const first = this.#keep(0)
    const serving = new Promise<void>((resolve) => {
      this.#onServing = resolve
    })
    await Promise.race([first, serving])
    await Promise.all([first, ...others.map((number) => this.#keep(number))])
    return { drained: this.#drained, failure: this.#failure }
  }

  /** Each worker checks the new configuration itself, and keeps the old one if it is invalid. */
  reload(): void {
    for (const running of this.#workers.values())
      if (running.isReady) running.worker.send('SIGHUP')
      else running.isReloadDue = true
  }

  /** Kills a worker that does not serve yet: its notifications are in the journal. */
  stop(): void {
    if (this.#isStopping()) return
    this.#stopping.abort()
    for (const { worker, isReady } of this.#workers.values())
      if (isReady) worker.send('SIGTERM')
      else worker.process.kill('SIGKILL')
  }

  /** Kills all workers. */
  destroy(): void {
    this.#stopping.abort()
    for (const { worker } of this.#workers.values()) worker.process.kill('SIGKILL')
  }

  #isStopping(): boolean {
    return this.#stopping.signal.aborted
  }

  get #ready(): readonly Running[] {
    return [...this.#workers.values()].filter(({ isReady }) => isReady)
  }

  /** Runs a worker under this number, and replaces it when it ends. */
  async #keep(number: number): Promise<void> {
    for (let failures = 0; !this.#isStopping(); failures++) {
      const startedAtMs = performance.now()
      const code = await this.#runOnce(number)
      if (this.#isStopping()) this.#drained &&= code === 0
      else if (!this.#mayGoOn()) this.#giveUp(code)
      else {
        if (performance.now() - startedAtMs >= steadyMs) failures = 0
        await this.#rest(backoffMs(pauses, failures + 1))
      }
    }
  }

  /** When no worker listens, `node:cluster` closes the inherited sockets, and no worker can use them. */
  #mayGoOn(): boolean {
    return this.#hasStarted && (this.#ready.length > 0 || !this.#deps.hasInherited)
  }

  /** Meanwhile other workers take over the notifications of the dead one from Redis. */
  async #rest(pauseMs: number): Promise<void> {
    const { signal } = this.#stopping
    try {
      await pause(pauseMs, undefined, { signal })
      while (!this.#deps.mayReplace()) await pause(pauses.longestMs, undefined, { signal })
    } catch {
      this.#drained = false
    }
  }

  #giveUp(code: number | null): void {
    this.#failure = code === null || code === 0 ? 1 : code
    this.destroy()
  }

  /** Resolves with the exit code; null after a signal or a failed fork. */
  #runOnce(number: number): Promise<number | null> {
    const worker = cluster.fork({ [workerVariable]: String(number) })
    const running = { worker, isReady: false, isReloadDue: false }
    this.#workers.set(number, running)
    worker.on('message', (message: unknown) => {
      if (message === readyMessage) this.#serves(number, running)
      if (message === stopMessage) this.stop()
    })
    return new Promise((resolve) => {
      const ended = (code: number | null, signal: string | null): void => {
        this.#workers.delete(number)
        if (!this.#isStopping())
          this.#deps.log.error({ event: 'worker.ended', worker: number, code, signal })
        resolve(code)
      }
      worker.on('exit', ended)
      worker.on('error', () => {
        // Either a message to a worker that has just died, or the fork failed.
        if (worker.process.pid === undefined) ended(null, null)
      })
    })
  }

  #serves(number: number, running: Running): void {
    const { log } = this.#deps
    running.isReady = true
    this.#onServing()
    if (running.isReloadDue) running.worker.send('SIGHUP')
    log.info({ event: 'worker.started', worker: number, pid: running.worker.process.pid })
    if (this.#hasStarted || this.#ready.length < this.#count) return
    this.#hasStarted = true
    log.info({ event: 'workers.ready', workers: this.#count })
  }
}
