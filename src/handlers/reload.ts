/** Takes up a changed configuration: on SIGHUP, and when a file that it names has changed. */
import { unwatchFile, watchFile } from 'node:fs'
import { ConfigError } from '../config/config-error.ts'
import { examineConfiguration, loadConfiguration } from '../config/configuration.ts'
import { referencedFiles } from '../config/referenced-file.ts'
import { reasonsForRestart } from '../config/restart-needed.ts'
import type { Logger } from '../log.ts'
import type { Service } from '../proxy.ts'

/** Asked for again and again: notice of a change does not come from every file system. */
const pollMs = 2000
/** A certificate and its key are two files, and are not written in one moment. */
const settleMs = 1000

/** Reloads until {@link Reloading.stop}. What cannot be used is told, and changes nothing. */
export class Reloading {
  readonly #path: string
  readonly #proxy: Service
  readonly #log: Logger
  #watched: ReadonlySet<string> = new Set()
  #soon: NodeJS.Timeout | undefined
  #last: Promise<unknown>

  /**
   * @param path of the configuration that `proxy` is started with
   * @param started when it can be reloaded; a SIGHUP before waits
   */
  constructor(path: string, proxy: Service, started: Promise<unknown>, log: Logger) {
    this.#last = started.catch(() => undefined)
    this.#path = path
    this.#proxy = proxy
    this.#log = log
    this.#watch()
    process.on('SIGHUP', this.#reload)
  }

  stop(): void {
    process.off('SIGHUP', this.#reload)
    clearTimeout(this.#soon)
    for (const file of this.#watched) unwatchFile(file, this.#changed)
  }

  readonly #changed = (): void => {
    clearTimeout(this.#soon)
    this.#soon = setTimeout(this.#reload, settleMs).unref()
  }

  /** One at a time. */
  readonly #reload = (): void => {
    this.#last = this.#last.then(() => this.#takeUp())
  }

  async #takeUp(): Promise<void> {
    try {
      const configuration = loadConfiguration(this.#path)
      const obstacles = reasonsForRestart(configuration, this.#proxy.configuration)
      if (obstacles.length > 0) throw new ConfigError(this.#path, obstacles)
      this.#log.level = configuration.log.level
      await this.#proxy.reload(configuration)
      this.#watch()
      const routes = configuration.routes.map(({ name }) => name)
      this.#log.info({ event: 'configuration.reloaded', routes })
    } catch (error) {
      this.#log.error(
        {
          event: 'configuration.refused',
          ...(error instanceof ConfigError ? { problems: error.problems } : { err: error }),
        },
        'the proxy goes on with what it had',
      )
    }
  }

  #watch(): void {
    for (const file of this.#watched) unwatchFile(file, this.#changed)
    const { parts } = examineConfiguration(this.#path)
    this.#watched = new Set(parts && referencedFiles(parts).map(({ path }) => path))
    for (const file of this.#watched)
      watchFile(file, { interval: pollMs, persistent: false }, this.#changed)
  }
}
