/** Sorts credential files by their content. Their names do not matter. */
import type { KeyObject } from 'node:crypto'
import {
  usualEnvironment,
  type Environment,
  type PushCertificate,
} from '../credentials/certificate.ts'
import { CredentialError } from '../credentials/credential-error.ts'
import { openCredentialFile } from '../credentials/credential-file.ts'
import { identitiesIn, pushIdentities } from '../credentials/identity.ts'
import type { SecretLine } from '../credentials/secret-file.ts'

export interface Passphrase extends SecretLine {
  /** Has the passphrase, or will have it. */
  readonly file: string
}

/** The content of one file. */
export interface Opened {
  readonly file: string
  readonly certificates: readonly PushCertificate[]
  readonly keys: readonly KeyObject[]
  /** The passphrase that opened the file. */
  readonly passphrase: Passphrase | undefined
}

/** A certificate without a key. The proxy identifies a sender by it. */
export interface SenderIdentity {
  readonly certificate: PushCertificate
  readonly file: string
}

/** A certificate with its key, which can be in another file. The proxy sends with it. */
export interface PushIdentity extends SenderIdentity {
  /** Those for which the file has a certificate with this topic and key. */
  readonly environments: readonly Environment[]
  readonly keyFile: string | undefined
  readonly passphrase: Passphrase | undefined
}

export interface Credentials {
  readonly pushes: readonly PushIdentity[]
  readonly senders: readonly SenderIdentity[]
  /** Files with a key on P-256 that matches no certificate. */
  readonly signingKeys: readonly string[]
  /** Files with another key that matches no certificate. */
  readonly strayKeys: readonly string[]
}

/**
 * Opens a file without a passphrase, or else with the first one that fits.
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

/** Whether another passphrase could open the file. */
export function isAboutPassphrase(error: unknown): error is CredentialError {
  return (
    error instanceof CredentialError &&
    (error.code === 'passphrase-needed' || error.code === 'wrong-passphrase')
  )
}

/**
 * Finds the key of each certificate, in its own file or any other.
 * @throws {CredentialError} `key-mismatch` for a file whose keys match none of its certificates
 */
export function sortCredentials(opened: readonly Opened[]): Credentials {
  const identities = opened.filter(({ certificates }) => certificates.length > 0)
  const keyFiles = opened.filter(({ certificates }) => certificates.length === 0)
  const found = identities.map((holder) => pushesIn(holder, keyFiles))
  const pushes = found.flatMap(newestOfEach)
  const further = found.flat().filter((push) => !pushes.some((other) => haveSameKey(push, other)))
  const used = new Set(pushes.flatMap(({ file, keyFile }) => [file, keyFile]))
  const strays = keyFiles.filter(({ file }) => !used.has(file))
  return {
    pushes,
    senders: [
      ...identities
        .filter(({ file }) => !used.has(file))
        .map((holder) => ({ file: holder.file, certificate: leafOf(holder) })),
      ...further,
    ],
    signingKeys: strays.filter(holdsSigningKey).map(({ file }) => file),
    strayKeys: strays.filter((stray) => !holdsSigningKey(stray)).map(({ file }) => file),
  }
}

/** Production first, then what expires last. */
function pushesIn(holder: Opened, keyFiles: readonly Opened[]): PushIdentity[] {
  const { file, certificates } = holder
  const owners = [holder, ...keyFiles]
  const found = identitiesIn(
    certificates,
    owners.flatMap(({ keys }) => keys),
  )
  if (found.length === 0 && holder.keys.length > 0) throw new CredentialError('key-mismatch', file)
  const pushes = pushIdentities(found).map(({ certificate, key }) => {
    const owner = owners.find(({ keys }) => keys.includes(key))
    const keyFile = owner === holder ? undefined : owner?.file
    const environments = found
      .map((other) => other.certificate)
      .filter(({ topic }) => topic === certificate.topic)
      .filter(({ publicKeySha256 }) => publicKeySha256 === certificate.publicKeySha256)
      .flatMap((other) => other.environments)
    const passphrase = owner?.passphrase ?? holder.passphrase
    return { certificate, file, environments, keyFile, passphrase }
  })
  const rank = ({ certificate }: PushIdentity): number =>
    Number(usualEnvironment(certificate) === 'sandbox')
  return pushes.sort((one, other) => rank(one) - rank(other))
}

/** Of the identities of one file, the first for each topic and environment, and for each topic and key. */
function newestOfEach(identities: readonly PushIdentity[]): PushIdentity[] {
  return identities.filter((push, index) => {
    const earlier = identities
      .slice(0, index)
      .filter(({ certificate }) => certificate.topic === push.certificate.topic)
    return !earlier.some(
      (other) =>
        haveSameKey(push, other) ||
        usualEnvironment(push.certificate) === usualEnvironment(other.certificate),
    )
  })
}

/** The proxy tells senders apart by their keys. */
export function haveSameKey(one: SenderIdentity, other: SenderIdentity): boolean {
  return one.certificate.publicKeySha256 === other.certificate.publicKeySha256
}

/** The certificate that names a topic. The others are its issuers. */
function leafOf({ certificates, file }: Opened): PushCertificate {
  const leaf = certificates.find(({ topic }) => topic !== undefined) ?? certificates[0]
  if (leaf === undefined) throw new CredentialError('not-a-certificate', file)
  return leaf
}

function holdsSigningKey({ keys }: Opened): boolean {
  return keys.some((key) => key.asymmetricKeyDetails?.namedCurve === 'prime256v1')
}
