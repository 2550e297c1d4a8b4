/** Applies a changed configuration: on SIGHUP, and when a file that it names has changed. */
import { unwatchFile, watchFile } from 'node:fs'
import { configurationFor } from '../cluster/worker.ts'
import { ConfigError } from '../config/config-error.ts'
import { examineConfiguration, type Configuration } from '../config/configuration.ts'
import { referencedFiles } from '../config/referenced-file.ts'
import { reasonsForRestart } from '../config/restart-needed.ts'
import type { Logger } from '../log/log.ts'
import type { Proxy } from '../proxy/proxy.ts'
import type { SignalSource } from './stop-signal.ts'

/** Files are polled: not every file system notifies of a change. */
const pollMs = 2000
/** A certificate and its key are two files, and are not written at the same moment. */
const settleMs = 1000

/** What is reloaded, and when. */
export interface ReloadingDeps {
  /** Of the configuration that `proxy` is started with. */
  readonly path: string
  readonly proxy: Proxy
  /** When it can be reloaded; a SIGHUP before waits. */
  readonly started: Promise<unknown>
  readonly log: Logger
  readonly signals: SignalSource
  /** Number of this process, where it is one of several. */
  readonly worker: number | undefined
}

/** Reloads until {@link Reloading.stop}. A configuration with mistakes is logged, and changes nothing. */
export class Reloading {
  readonly #deps: ReloadingDeps
  #watched: ReadonlySet<string> = new Set()
  #soon: NodeJS.Timeout | undefined
  #last: Promise<unknown>

  constructor(deps: ReloadingDeps) {
    this.#last = deps.started.catch(() => undefined)
    this.#deps = deps
    this.#watch()
    deps.signals.on('SIGHUP', this.#reload)
  }

  stop(): void {
    this.#deps.signals.off('SIGHUP', this.#reload)
    clearTimeout(this.#soon)
    for (const file of this.#watched) unwatchFile(file, this.#changed)
  }

  readonly #changed = (): void => {
    clearTimeout(this.#soon)
    this.#soon = setTimeout(this.#reload, settleMs).unref()
  }

  /** One at a time. */
  readonly #reload = (): void => {
    this.#last = this.#last.then(() => this.#apply())
  }

  async #apply(): Promise<void> {
    const { path, proxy, log, worker } = this.#deps
    try {
      const configuration = nextConfiguration(path, proxy.configuration, worker)
      log.level = configuration.log.level
      await proxy.reload(configuration)
      this.#watch()
      const routes = configuration.routes.map(({ name }) => name)
      log.info({ event: 'configuration.reloaded', routes })
    } catch (error) {
      logRefused(log, error, 'the proxy goes on with what it had')
    }
  }

  #watch(): void {
    for (const file of this.#watched) unwatchFile(file, this.#changed)
    const { parts } = examineConfiguration(this.#deps.path)
    this.#watched = new Set(parts && referencedFiles(parts).map((file) => file.path))
    for (const file of this.#watched)
      watchFile(file, { interval: pollMs, persistent: false }, this.#changed)
  }
}

/**
 * The configuration on the disk, for a process that runs on another.
 * @param worker number of this process, where it is one of several
 * @throws {ConfigError} where the file has mistakes, or changes what needs a restart
 */
export function nextConfiguration(path: string, running: Configuration, worker = 0): Configuration {
  const { configuration, problems } = examineConfiguration(path)
  if (configuration === undefined) throw new ConfigError(path, problems)
  const next = configurationFor(worker, configuration)
  const reasons = reasonsForRestart(next, running)
  if (reasons.length > 0) throw new ConfigError(path, reasons)
  return next
}

/** Logs why a configuration is not applied. */
export function logRefused(log: Logger, error: unknown, consequence: string): void {
  const why = error instanceof ConfigError ? { problems: error.problems } : { err: error }
  log.error({ event: 'configuration.refused', ...why }, consequence)
}
