/** Who may look at the administrator's port: whoever is on this machine, or whoever has the token. */
import { readFileSync } from 'node:fs'
import { isIPv4 } from 'node:net'

/** So that it cannot be tried out. */
const shortest = 16

/** Whether only this machine reaches what is bound to `host`. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIPv4(host) && host.startsWith('127.'))
}

/**
 * The first line of a file.
 * @throws {RangeError} when it is no good as a token
 */
export function loadAdminToken(file: string): string {
  const [line = ''] = readFileSync(file, 'utf8').split('\n')
  const token = line.trim()
  if (token.length >= shortest && /^[\x21-\x7e]+$/.test(token)) return token
  throw new RangeError(
    `the first line of ${file} must be ${shortest} or more letters, digits and signs without ` +
      'spaces: openssl rand -hex 32 makes one',
  )
}
