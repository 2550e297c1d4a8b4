/** Keeps the census over restarts: one small file in the data directory, written now and then. */
import { existsSync, readFileSync } from 'node:fs'
import { mkdir, rename, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { Census, censusFacts, type CensusFacts, type RouteFacts } from './census/census.ts'
import type { Cancel, Clock } from './timing/clock.ts'

/** What a keeper is given. */
export interface CensusKeeperDeps {
  /** What is configured by now. */
  readonly routes: () => readonly RouteFacts[]
  readonly clock: Clock
  readonly observer: CensusObserver
}

/** Hears what goes wrong; the proxy goes on all the same. */
export interface CensusObserver {
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
export function readCensus(directory: string): CensusFacts | undefined {
  const file = join(directory, fileName)
  if (!existsSync(file)) return undefined
  const text = readFileSync(file, 'utf8')
  try {
    return censusFacts.parse(JSON.parse(text))
  } catch (cause) {
    throw new Error(`${file} is damaged, or of another version`, { cause })
  }
}

/** See the file's first line. */
export class CensusKeeper {
  readonly census: Census
  readonly #file: string
  readonly #deps: CensusKeeperDeps
  #written: string
  #saving: Promise<void> = Promise.resolve()
  #savedAtMs: number
  #cancel: Cancel | undefined

  private constructor(file: string, earlier: CensusFacts | undefined, deps: CensusKeeperDeps) {
    const now = deps.clock.now()
    this.#file = file
    this.#deps = deps
    this.census = new Census(now, earlier)
    this.#written = JSON.stringify(earlier)
    this.#savedAtMs = now
    this.#await()
  }

  /** Takes up what is in `directory`, where no other process may keep a census. */
  static async open(directory: string, deps: CensusKeeperDeps): Promise<CensusKeeper> {
    const file = join(directory, fileName)
    try {
      return new CensusKeeper(file, readCensus(directory), deps)
    } catch (error) {
      deps.observer.unreadable(file, error)
      await rename(file, `${file}.unreadable`).catch(() => undefined)
      return new CensusKeeper(file, undefined, deps)
    }
  }

  /** All that is known by now. */
  facts(): CensusFacts {
    const { clock, routes } = this.#deps
    this.census.sample(clock.now())
    return this.census.facts(routes())
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
      this.census.sample(now)
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
    const text = JSON.stringify(this.facts())
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
