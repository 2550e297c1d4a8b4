/** Loads a secret that two programs share, such as the token that protects the admin port. */
import { firstLineIn } from '../credentials/secret-file.ts'

/** Characters: too many to guess. */
const shortest = 16

/**
 * Reads the first line of a file.
 * @throws {RangeError} if it is too short or has other characters than visible ASCII
 * @throws {CredentialError} if the file cannot be read
 */
export function loadSharedSecret(file: string): string {
  const { text, form } = firstLineIn(file)
  const secret = text.trim()
  if (secret.length >= shortest && /^[\x21-\x7e]+$/.test(secret)) return secret
  throw new RangeError(
    `the first line of ${file} (read as ${form}) must be ${shortest} or more letters, digits and ` +
      'signs without spaces; openssl rand -hex 32 makes one',
  )
}
