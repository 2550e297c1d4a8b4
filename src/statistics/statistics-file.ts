/** Keeps the statistics over restarts: one small file in the data directory, written now and then. */
import { existsSync, readFileSync } from 'node:fs'
import { mkdir, rename, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import {
  SenderStatistics,
  statisticsSnapshot,
  type StatisticsSnapshot,
  type RouteRecord,
} from './sender-statistics.ts'
import type { Cancel, Clock } from '../timing/clock.ts'

/** What a keeper is given. */
export interface StatisticsFileDeps {
  /** What is configured by now. */
  readonly routes: () => readonly RouteRecord[]
  readonly clock: Clock
  readonly observer: StatisticsFileObserver
}

/** Hears what goes wrong; the proxy goes on all the same. */
export interface StatisticsFileObserver {
  /** What an earlier process left cannot be read; it was put aside. */
  unreadable(file: string, error: unknown): void
  writeFailed(file: string, error: unknown): void
}

const sampleMs = 1000
const saveMs = 60_000
const fileName = 'census.json'

/**
 * What a proxy has left in its data directory; undefined where it has left nothing.
 * @throws Error where the file is damaged, of a newer version, or may not be read
 */
export function readStatistics(directory: string): StatisticsSnapshot | undefined {
  const file = join(directory, fileName)
  if (!existsSync(file)) return undefined
  const text = readFileSync(file, 'utf8')
  try {
    return statisticsSnapshot.parse(JSON.parse(text))
  } catch (cause) {
    throw new Error(`${file} is damaged, or of another version`, { cause })
  }
}

/** See the file's first line. */
export class StatisticsFile {
  readonly statistics: SenderStatistics
  readonly #file: string
  readonly #deps: StatisticsFileDeps
  #written: string
  #saving: Promise<void> = Promise.resolve()
  #savedAtMs: number
  #cancel: Cancel | undefined

  private constructor(
    file: string,
    earlier: StatisticsSnapshot | undefined,
    deps: StatisticsFileDeps,
  ) {
    const now = deps.clock.now()
    this.#file = file
    this.#deps = deps
    this.statistics = new SenderStatistics(now, earlier)
    this.#written = JSON.stringify(earlier)
    this.#savedAtMs = now
    this.#await()
  }

  /** Takes up what is in `directory`, where no other process may keep statistics. */
  static async open(directory: string, deps: StatisticsFileDeps): Promise<StatisticsFile> {
    const file = join(directory, fileName)
    try {
      return new StatisticsFile(file, readStatistics(directory), deps)
    } catch (error) {
      deps.observer.unreadable(file, error)
      await rename(file, `${file}.unreadable`).catch(() => undefined)
      return new StatisticsFile(file, undefined, deps)
    }
  }

  /** All that is known by now. */
  snapshot(): StatisticsSnapshot {
    const { clock, routes } = this.#deps
    this.statistics.sample(clock.now())
    return this.statistics.snapshot(routes())
  }

  /** Writes what is known, and counts rates no more. */
  async close(): Promise<void> {
    this.#cancel?.()
    this.#cancel = undefined
    await this.#save()
  }

  #await(): void {
    const { clock } = this.#deps
    this.#cancel = clock.after(sampleMs, () => {
      this.#await()
      const now = clock.now()
      this.statistics.sample(now)
      if (now - this.#savedAtMs < saveMs) return
      this.#savedAtMs = now
      void this.#save()
    })
  }

  /** One at a time: a slow disk must not let an older text win. */
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
      this.#deps.observer.writeFailed(this.#file, error)
    }
  }
}
