/** Writes several new files, all or none, and never overwrites a file. */
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

export interface NewFile {
  /** Relative to the common folder. */
  readonly path: string
  readonly content: string
  /** Only the owner may read it. */
  readonly secret: boolean
}

/**
 * Writes the files into a temporary folder, then moves each to its path.
 * @throws Error that names all existing files, or the system's error. Then no new file remains.
 */
export function writeNewFiles(directory: string, files: readonly NewFile[]): void {
  const existing = files.map(({ path }) => join(directory, path)).filter((path) => existsSync(path))
  if (existing.length > 0)
    throw new Error(
      `${existing.join(', ')} ${existing.length === 1 ? 'exists' : 'exist'} already, and init does ` +
        'not overwrite files; name an empty folder with --directory',
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
