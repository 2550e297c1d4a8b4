/** Checks that other users cannot read keys and passphrases, and that the data directory is writable. */
import { accessSync, constants, existsSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Parts } from '../config/schema.ts'
import { referencedFiles } from '../config/referenced-files.ts'
import { error, warning, type Finding } from './finding.ts'

const readableByOthers = 0o004

/** One finding for each secret file that other users can read, under its last key. */
export function secretFileFindings(parts: Parts): Finding[] {
  const secrets = referencedFiles(parts).filter(({ secret }) => secret)
  return [...new Map(secrets.map(({ key, path }) => [path, key]))]
    .filter(([path]) => isOpen(path))
    .map(([path, key]) =>
      warning(
        key,
        `every user of this machine can read ${path}, and use it to impersonate you`,
        `chmod 600 ${path}`,
      ),
    )
}

/** Windows has no such bits: Node invents them there. */
function isOpen(file: string): boolean {
  if (process.platform === 'win32' || !existsSync(file)) return false
  return (statSync(file).mode & readableByOthers) !== 0
}

/** The folder, or its nearest existing parent, must be writable. */
export function dataDirectoryFindings(directory: string): Finding[] {
  let nearest = directory
  while (!existsSync(nearest)) nearest = dirname(nearest)
  try {
    accessSync(nearest, constants.W_OK)
    if (statSync(nearest).isDirectory()) return []
  } catch {
    // The finding below covers both cases.
  }
  return [
    error(
      'dataDirectory',
      `${nearest} is not a folder that the proxy can write: it could not store notifications`,
      'allow the user that runs the proxy to write to it, or name another folder',
    ),
  ]
}
