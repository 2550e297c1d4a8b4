/** Reloads the configuration: on SIGHUP, and when its file or one that it names has changed. */
import { unwatchFile, watchFile } from 'node:fs'
import { configurationFor } from '../cluster/worker.ts'
import { ConfigError } from '../config/config-error.ts'
import {
  examineConfiguration,
  loadConfiguration,
  type Configuration,
} from '../config/configuration.ts'
import { referencedFiles } from '../config/referenced-files.ts'
import { reasonsForRestart } from '../config/restart-needed.ts'
import type { Logger } from '../log/log.ts'
import type { ReloadOutcome } from '../proxy/operator-action.ts'
import type { Proxy } from '../proxy/proxy.ts'
import { stopOrder, type SignalSource } from './stop-signal.ts'

/** Polls, because not every file system notifies of changes. */
const pollMs = 2000
/** Delay after a change: a certificate and its key are not written at the same moment. */
const settleMs = 1000

export interface ReloadingDeps {
  /** File of the configuration. */
  readonly path: string
  readonly proxy: Proxy
  /** Resolves when the proxy has started; a SIGHUP before that waits. */
  readonly started: Promise<unknown>
  readonly log: Logger
  readonly signals: SignalSource
  /** Number of this worker; undefined for a single process. */
  readonly worker: number | undefined
}

/** Reloads until {@link Reloading.stop}. Logs an invalid configuration and keeps the old one. */
export class Reloading {
  readonly #deps: ReloadingDeps
  #watched: ReadonlySet<string> = new Set()
  #soon: NodeJS.Timeout | undefined
  #last: Promise<unknown>
  /** The reload that waits for its turn. */
  #due: Promise<ReloadOutcome> | undefined
  #isStopped = false

  constructor(deps: ReloadingDeps) {
    this.#last = deps.started.catch(() => undefined)
    this.#deps = deps
    this.#watch()
    deps.signals.on('SIGHUP', this.#onSignal)
    // A proxy that stops applies nothing any more.
    for (const end of ['SIGINT', 'SIGTERM', stopOrder]) deps.signals.on(end, this.stop)
  }

  readonly stop = (): void => {
    this.#isStopped = true
    this.#deps.signals.off('SIGHUP', this.#onSignal)
    clearTimeout(this.#soon)
    for (const file of this.#watched) unwatchFile(file, this.#changed)
  }

  readonly #onSignal = (): void => {
    void this.reload()
  }

  readonly #changed = (): void => {
    clearTimeout(this.#soon)
    this.#soon = setTimeout(this.#onSignal, settleMs).unref()
  }

  /** Runs one reload at a time. All that are asked for while one runs become one. */
  reload(): Promise<ReloadOutcome> {
    this.#due ??= this.#last.then(() => this.#apply())
    this.#last = this.#due
    return this.#due
  }

  async #apply(): Promise<ReloadOutcome> {
    const { path, proxy, log, worker } = this.#deps
    const { level } = log
    this.#due = undefined
    if (this.#isStopped) return { problems: [{ path, message: 'the proxy stops' }] }
    // Before it reads, so that nothing that is saved later is missed.
    this.#watch()
    try {
      const configuration = nextConfiguration(path, proxy.configuration, worker)
      log.level = configuration.log.level
      await proxy.reload(configuration)
      const routes = configuration.routes.map(({ name }) => name)
      log.info({ event: 'configuration.reloaded', routes })
      return { routes }
    } catch (error) {
      log.level = level
      logRefused(log, error, 'the proxy keeps its old configuration')
      const message = error instanceof Error ? error.message : String(error)
      return {
        problems: error instanceof ConfigError ? [...error.problems] : [{ path, message }],
      }
    }
  }

  /** Goes on watching what it watches already: what was saved during a reload is found too. */
  #watch(): void {
    const { path } = this.#deps
    const { parts } = examineConfiguration(path)
    const named = parts && referencedFiles(parts).map((file) => file.path)
    const files = new Set([path, ...(named ?? this.#watched)])
    for (const file of this.#watched) if (!files.has(file)) unwatchFile(file, this.#changed)
    for (const file of files)
      if (!this.#watched.has(file))
        watchFile(file, { interval: pollMs, persistent: false }, this.#changed)
    this.#watched = files
  }
}

/**
 * Reads the configuration again.
 * @param running the configuration of this process
 * @param worker number of this worker; 0 for a single process
 * @throws {ConfigError} if the file is invalid, or changes a value that needs a restart
 */
export function nextConfiguration(path: string, running: Configuration, worker = 0): Configuration {
  const next = configurationFor(worker, loadConfiguration(path))
  const reasons = reasonsForRestart(next, running)
  if (reasons.length > 0) throw new ConfigError(path, reasons)
  return next
}

/** Logs why a configuration is not applied. */
export function logRefused(log: Logger, error: unknown, consequence: string): void {
  const why = error instanceof ConfigError ? { problems: error.problems } : { err: error }
  log.error({ event: 'configuration.refused', ...why }, consequence)
}
