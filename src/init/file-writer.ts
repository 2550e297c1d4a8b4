/** Writes several new files, all of them or none, and never over one that exists. */
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** A file to come into being. */
export interface NewFile {
  /** Relative to the folder of all. */
  readonly path: string
  readonly content: string
  /** Only the owner may read it. */
  readonly secret: boolean
}

/**
 * First into a folder beside their places, then each to its place.
 * @throws Error that names every file which exists already, and the system's error; nothing is left
 * behind then
 */
export function writeNewFiles(directory: string, files: readonly NewFile[]): void {
  const existing = files.map(({ path }) => join(directory, path)).filter((path) => existsSync(path))
  if (existing.length > 0)
    throw new Error(
      `${existing.join(', ')} ${existing.length === 1 ? 'exists' : 'exist'} already, and nothing is ` +
        'overwritten; name an empty folder with --directory',
    )
  mkdirSync(directory, { recursive: true })
  const stage = mkdtempSync(join(directory, '.init-'))
  const placed: string[] = []
  try {
    for (const [index, { content, secret }] of files.entries())
      writeFileSync(join(stage, String(index)), content, { mode: secret ? 0o600 : 0o644 })
    for (const [index, { path }] of files.entries()) {
      const place = join(directory, path)
      mkdirSync(dirname(place), { recursive: true })
      renameSync(join(stage, String(index)), place)
      placed.push(place)
    }
  } catch (error) {
    for (const place of placed) rmSync(place)
    throw error
  } finally {
    rmSync(stage, { recursive: true })
  }
}
