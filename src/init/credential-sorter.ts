/** Sorts credential files by their content, never by their names. */
import type { KeyObject } from 'node:crypto'
import type { PushCertificate } from '../credentials/certificate.ts'
import { newestPair } from '../credentials/credential.ts'
import { CredentialError } from '../credentials/credential-error.ts'
import { openCredentialFile } from '../credentials/credential-file.ts'

/** A passphrase, and the file where it is, or will be. */
export interface Passphrase {
  readonly text: string
  readonly file: string
}

/** One file: the certificates and keys in it. */
export interface Opened {
  readonly file: string
  readonly certificates: readonly PushCertificate[]
  readonly keys: readonly KeyObject[]
  /** The one that opened it. */
  readonly passphrase: Passphrase | undefined
}

/** A certificate with its key, which may be in another file: something to send with. */
export interface PushIdentity {
  readonly certificate: PushCertificate
  readonly file: string
  readonly keyFile: string | undefined
  readonly passphrase: Passphrase | undefined
}

/** A certificate without a key: what a sender is recognised by. */
export interface SenderIdentity {
  readonly certificate: PushCertificate
  readonly file: string
}

/** All that was given, sorted. */
export interface Credentials {
  readonly pushes: readonly PushIdentity[]
  readonly senders: readonly SenderIdentity[]
  /** Files with a key on P-256 that belongs to no certificate. */
  readonly signingKeys: readonly string[]
  /** Files with another key that belongs to no certificate. */
  readonly strayKeys: readonly string[]
}

/**
 * Opens a file with the first passphrase that fits; most need none.
 * @throws {CredentialError} of the last attempt
 */
export function openWithAny(file: string, passphrases: readonly Passphrase[]): Opened {
  let failure: unknown
  for (const passphrase of [undefined, ...passphrases]) {
    try {
      const opened = openCredentialFile(file, passphrase?.text)
      return { file, certificates: opened.certificates(), keys: opened.keys(), passphrase }
    } catch (error) {
      if (!isAboutPassphrase(error)) throw error
      failure = error
    }
  }
  throw failure
}

/** Whether another passphrase might do. */
export function isAboutPassphrase(error: unknown): error is CredentialError {
  return (
    error instanceof CredentialError &&
    (error.code === 'passphrase-needed' || error.code === 'wrong-passphrase')
  )
}

/**
 * Finds the key of each certificate, in its own file or any other.
 * @throws {CredentialError} `key-mismatch` for a file whose key belongs to none of its certificates
 */
export function sortCredentials(opened: readonly Opened[]): Credentials {
  const identities = opened.filter(({ certificates }) => certificates.length > 0)
  const keyFiles = opened.filter(({ certificates }) => certificates.length === 0)
  const pushes = identities.flatMap((holder) => pushIn(holder, keyFiles))
  const used = new Set(pushes.flatMap(({ file, keyFile }) => [file, keyFile]))
  const strays = keyFiles.filter(({ file }) => !used.has(file))
  return {
    pushes,
    senders: identities.flatMap((holder) =>
      used.has(holder.file) ? [] : [{ file: holder.file, certificate: leafOf(holder) }],
    ),
    signingKeys: strays.filter(holdsSigningKey).map(({ file }) => file),
    strayKeys: strays.filter((stray) => !holdsSigningKey(stray)).map(({ file }) => file),
  }
}

function pushIn(holder: Opened, keyFiles: readonly Opened[]): PushIdentity[] {
  const { file, certificates } = holder
  const owners = [holder, ...keyFiles]
  const pair = newestPair(
    certificates,
    owners.flatMap(({ keys }) => keys),
  )
  const owner = owners.find(({ keys }) => pair !== undefined && keys.includes(pair.key))
  if (pair !== undefined && owner !== undefined) {
    const keyFile = owner === holder ? undefined : owner.file
    const passphrase = owner.passphrase ?? holder.passphrase
    return [{ certificate: pair.certificate, file, keyFile, passphrase }]
  }
  if (holder.keys.length > 0) throw new CredentialError('key-mismatch', file)
  return []
}

/** The one that names a topic; others are its issuers. */
function leafOf({ certificates, file }: Opened): PushCertificate {
  const leaf = certificates.find(({ topic }) => topic !== undefined) ?? certificates[0]
  if (leaf === undefined) throw new CredentialError('not-a-certificate', file)
  return leaf
}

function holdsSigningKey({ keys }: Opened): boolean {
  return keys.some((key) => key.asymmetricKeyDetails?.namedCurve === 'prime256v1')
}
