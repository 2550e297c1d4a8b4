/** Writes several new files, all or none, and never overwrites a file. */
import { closeSync, existsSync, mkdirSync, openSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

export interface NewFile {
  /** Relative to the common folder. */
  readonly path: string
  readonly content: string
  /** Only the owner may read it. */
  readonly secret: boolean
}

/**
 * Writes all files or none.
 * @throws Error that names all existing files, or the system's error. Then no new file remains.
 */
export function writeNewFiles(directory: string, files: readonly NewFile[]): void {
  const existing = files.map(({ path }) => join(directory, path)).filter((path) => existsSync(path))
  if (existing.length > 0)
    throw new Error(
      `${existing.join(', ')} ${existing.length === 1 ? 'exists' : 'exist'} already, and init does ` +
        'not overwrite files; name an empty folder with --directory',
    )
  const written: string[] = []
  try {
    for (const { path, content, secret } of files) {
      const place = join(directory, path)
      mkdirSync(dirname(place), { recursive: true })
      const file = openSync(place, 'wx', secret ? 0o600 : 0o644)
      written.push(place)
      writeFileSync(file, content)
      closeSync(file)
    }
  } catch (error) {
    for (const place of written) rmSync(place)
    throw error
  }
}
