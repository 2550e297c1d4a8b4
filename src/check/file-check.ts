/** Whether files with keys and passphrases are kept from other users, and the data directory is usable. */
import { accessSync, constants, existsSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Parts } from '../config/configuration.ts'
import { error, warning, type Finding } from './finding.ts'

/** Read by anybody with an account on the machine. */
const readableByOthers = 0o004

/** A finding for each file that others can read, none where all are private. */
export function secretFileFindings(parts: Parts): Finding[] {
  const unique = new Map(secretFiles(parts).map(([subject, file]) => [file, subject]))
  return [...unique]
    .filter(([file]) => isOpen(file))
    .map(([file, subject]) => tooOpen(subject, file))
}

type SecretFile = readonly [subject: string, file: string]

function secretFiles({ admin, tls, store, routes }: Parts): SecretFile[] {
  const named: (readonly [string, string | undefined])[] = [
    ['admin.tokenFile', admin?.tokenFile],
    ['tls.key', tls?.key],
    ['tls.passphraseFile', tls?.passphraseFile],
    ['storePasswordFile', store?.storePasswordFile],
    ...routes.flatMap((route, index) =>
      [
        ['certificate', route?.key === undefined ? route?.certificate : undefined] as const,
        ['key', route?.key] as const,
        ['passphraseFile', route?.passphraseFile] as const,
        ['signingKey', route?.signingKey] as const,
      ].map(([key, file]) => [`routes[${index}].${key}`, file] as const),
    ),
  ]
  return named.flatMap(([subject, file]) => (file === undefined ? [] : [[subject, file]]))
}

/** Windows has no such bits: Node makes up some there. */
function isOpen(file: string): boolean {
  if (process.platform === 'win32' || !existsSync(file)) return false
  return (statSync(file).mode & readableByOthers) !== 0
}

function tooOpen(subject: string, file: string): Finding {
  return warning(
    subject,
    `every user of this machine can read ${file}, and pose as you with it`,
    `chmod 600 ${file}`,
  )
}

/** The folder itself, or the nearest above it that exists, has to be writable. */
export function dataDirectoryFindings(directory: string): Finding[] {
  let nearest = directory
  while (!existsSync(nearest)) nearest = dirname(nearest)
  try {
    accessSync(nearest, constants.W_OK)
    if (statSync(nearest).isDirectory()) return []
  } catch {
    // Told below.
  }
  return [
    error(
      'dataDirectory',
      `${nearest} is not a folder that can be written: nothing can be kept for later`,
      'let the user that runs the proxy write it, or name another folder',
    ),
  ]
}
