/** Loads a secret that two programs share, such as the token that protects the admin port. */
import { readFileSync } from 'node:fs'

/** Characters: too many to guess. */
const shortest = 16

/**
 * Reads the first line of a file.
 * @throws {RangeError} if it is too short or has other characters than visible ASCII
 */
export function loadSharedSecret(file: string): string {
  const [line = ''] = readFileSync(file, 'utf8').split('\n')
  const secret = line.trim()
  if (secret.length >= shortest && /^[\x21-\x7e]+$/.test(secret)) return secret
  throw new RangeError(
    `the first line of ${file} must be ${shortest} or more letters, digits and signs without ` +
      'spaces: openssl rand -hex 32 makes one',
  )
}
