/** Keeps the statistics over restarts, in one small file of the data directory. */
import { readFileSync } from 'node:fs'
import { mkdir, rename, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import {
  SenderStatistics,
  statisticsSnapshot,
  type RouteRecord,
  type StatisticsSnapshot,
} from './sender-statistics.ts'
import type { Cancel, Clock } from '../timing/clock.ts'
import { every } from '../timing/timer.ts'

export interface StatisticsFileDeps {
  /** Routes as configured now. */
  readonly routes: () => readonly RouteRecord[]
  readonly clock: Clock
  /** The file of an earlier process cannot be read, and was renamed. The proxy continues. */
  readonly onUnreadable: (file: string, error: unknown) => void
  /** The proxy continues. */
  readonly onWriteFailed: (file: string, error: unknown) => void
}

const sampleMs = 1000
const saveMs = 60_000
const fileName = 'census.json'

/**
 * Reads the statistics that a proxy left in its data directory; undefined if it left none.
 * @throws Error if the file is damaged, of a newer version, or not readable
 */
export function readStatistics(directory: string): StatisticsSnapshot | undefined {
  const file = join(directory, fileName)
  const text = textOf(file)
  if (text === undefined) return undefined
  try {
    return statisticsSnapshot.parse(JSON.parse(text))
  } catch (cause) {
    throw new Error(`${file} is damaged, or of another version`, { cause })
  }
}

function textOf(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw error
  }
}

/** The statistics of this process. Samples them every second, and writes them every minute. */
export class StatisticsFile {
  readonly statistics: SenderStatistics
  readonly #file: string
  readonly #deps: StatisticsFileDeps
  readonly #timers: readonly Cancel[]
  #written: string
  #saving: Promise<void> = Promise.resolve()

  private constructor(
    file: string,
    earlier: StatisticsSnapshot | undefined,
    deps: StatisticsFileDeps,
  ) {
    const { clock } = deps
    this.#file = file
    this.#deps = deps
    this.statistics = new SenderStatistics(clock.now(), earlier)
    this.#written = JSON.stringify(earlier)
    this.#timers = [
      every(clock, sampleMs, () => this.statistics.sample(clock.now())),
      every(clock, saveMs, () => void this.#save()),
    ]
  }

  /** Continues the file in `directory`, which no other process may use. */
  static async open(directory: string, deps: StatisticsFileDeps): Promise<StatisticsFile> {
    const file = join(directory, fileName)
    try {
      return new StatisticsFile(file, readStatistics(directory), deps)
    } catch (error) {
      deps.onUnreadable(file, error)
      await rename(file, `${file}.unreadable`).catch(() => undefined)
      return new StatisticsFile(file, undefined, deps)
    }
  }

  snapshot(): StatisticsSnapshot {
    const { clock, routes } = this.#deps
    this.statistics.sample(clock.now())
    return this.statistics.snapshot(routes())
  }

  /** Writes the file, and stops sampling. */
  async close(): Promise<void> {
    for (const cancel of this.#timers) cancel()
    await this.#save()
  }

  /** One at a time: a slow disk must not let an older text replace a newer one. */
  #save(): Promise<void> {
    this.#saving = this.#saving.then(() => this.#write())
    return this.#saving
  }

  async #write(): Promise<void> {
    const text = JSON.stringify(this.snapshot())
    if (text === this.#written) return
    try {
      await mkdir(dirname(this.#file), { recursive: true, mode: 0o700 })
      await writeFile(`${this.#file}.new`, text, { mode: 0o600 })
      await rename(`${this.#file}.new`, this.#file)
      this.#written = text
    } catch (error) {
      this.#deps.onWriteFailed(this.#file, error)
    }
  }
}
