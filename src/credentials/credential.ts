/** Loads the credentials with which the proxy identifies itself: push certificates and signing keys. */
import { X509Certificate, type KeyObject } from 'node:crypto'
import type { PushCertificate } from './certificate.ts'
import { CredentialError } from './credential-error.ts'
import { openCredentialFile, readCredentialFile } from './credential-file.ts'
import { identitiesIn, identityFor, type Purpose } from './identity.ts'
import { isPkcs12 } from './pkcs12.ts'
import { firstLineIn, type SecretLine } from './secret-file.ts'

export { CredentialError } from './credential-error.ts'

/** A certificate with its key. */
export interface CertificateCredential {
  readonly kind: 'certificate'
  readonly certificate: PushCertificate
  /** The certificate, then those of its issuers that the files contain. */
  readonly certificatePem: string
  /** Unencrypted PKCS#8. Secret. */
  readonly keyPem: string
  /** Further certificates in the files whose keys are there too. */
  readonly others: readonly PushCertificate[]
}

/** An Apple authentication key (.p8), which signs provider tokens. */
export interface SigningKey {
  readonly kind: 'signing-key'
  /** Elliptic-curve key on P-256. Secret. */
  readonly privateKey: KeyObject
  readonly keyId: string
  readonly teamId: string
}

interface CertificateFiles {
  readonly certificate: string
  readonly key?: string | undefined
  readonly passphrase?: string
  /** Has the passphrase in its first line. */
  readonly passphraseFile?: string | undefined
}

/**
 * Loads a certificate and its private key from PEM (one file or two, key encrypted or not), DER
 * with a separate key, or PKCS#12. Of several certificates with their keys, this takes the one that
 * fits the purpose, or else the push certificate that expires last.
 *
 * @throws {@link CredentialError}
 */
export function loadCertificateCredential(
  files: CertificateFiles,
  purpose?: Purpose,
): CertificateCredential {
  const { passphraseFile } = files
  const secret = passphraseFile === undefined ? undefined : firstLineIn(passphraseFile)
  try {
    return credentialIn(files, secret?.text ?? files.passphrase, purpose)
  } catch (error) {
    throw secret === undefined ? error : withForm(error, secret)
  }
}

/** An error about the passphrase, with how its file was read. */
function withForm(error: unknown, { form }: SecretLine): unknown {
  const isAbout = error instanceof CredentialError && error.code === 'wrong-passphrase'
  return isAbout ? new CredentialError(error.code, error.file, ` (read as ${form})`) : error
}

function credentialIn(
  files: CertificateFiles,
  passphrase: string | undefined,
  purpose: Purpose | undefined,
): CertificateCredential {
  const keyFile = files.key ?? files.certificate
  const own = openCredentialFile(files.certificate, passphrase)
  const certificates = some(own.certificates(), 'not-a-certificate', files.certificate)
  const holder = files.key === undefined ? own : openCredentialFile(files.key, passphrase)
  const keys = some(holder.keys(), 'no-private-key', keyFile)
  const identities = identitiesIn(certificates, keys)
  const chosen = identityFor(purpose, identities, files.certificate)
  if (chosen === undefined) throw new CredentialError('key-mismatch', keyFile)
  return {
    kind: 'certificate',
    certificate: chosen.certificate,
    certificatePem: chainFrom(chosen.certificate, certificates).join(''),
    keyPem: chosen.key.export({ type: 'pkcs8', format: 'pem' }).toString(),
    others: identities.filter((other) => other !== chosen).map(({ certificate }) => certificate),
  }
}

function some<Item>(
  items: readonly Item[],
  code: 'not-a-certificate' | 'no-private-key',
  file: string,
): readonly Item[] {
  if (items.length === 0) throw new CredentialError(code, file)
  return items
}

/** TLS needs each certificate followed by its issuer. Files have them in any order. */
function chainFrom(leaf: PushCertificate, all: readonly PushCertificate[]): string[] {
  const others = all.filter(({ fingerprint256 }) => fingerprint256 !== leaf.fingerprint256)
  const x509 = new X509Certificate(leaf.pem)
  const issuer = others.find(({ pem }) => x509.checkIssued(new X509Certificate(pem)))
  return issuer ? [leaf.pem, ...chainFrom(issuer, others)] : [leaf.pem]
}

/**
 * All certificates in a PEM or DER file, in its order. Ignores keys in the file.
 *
 * @throws {@link CredentialError}
 */
export function loadCertificates(file: string): PushCertificate[] {
  if (isPkcs12(readCredentialFile(file))) throw new CredentialError('pkcs12-unexpected', file)
  const certificates = openCredentialFile(file, undefined).certificates()
  return [...some(certificates, 'not-a-certificate', file)]
}

/** All certificates of a file, as PEM. @throws {@link CredentialError} */
export function certificatesIn(file: string): string {
  return loadCertificates(file)
    .map(({ pem }) => pem)
    .join('')
}

/**
 * Loads an authentication key (.p8). Key id and team id are 10 characters each.
 * — source: Apple, "Establishing a token-based connection to APNs"
 *
 * @throws {@link CredentialError}
 */
export function loadSigningKey(file: string, keyId: string, teamId: string): SigningKey {
  const privateKey = readSigningKey(file)
  const { namedCurve } = privateKey.asymmetricKeyDetails ?? {}
  if (namedCurve !== 'prime256v1') throw new CredentialError('signing-key-not-p256', file)
  if (!appleId.test(keyId)) throw new CredentialError('invalid-key-id', file)
  if (!appleId.test(teamId)) throw new CredentialError('invalid-team-id', file)
  return { kind: 'signing-key', privateKey, keyId, teamId }
}

const appleId = /^[A-Z0-9]{10}$/

/** Not an encrypted one: a route has no passphrase for it. */
function readSigningKey(file: string): KeyObject {
  try {
    const [key] = openCredentialFile(file, undefined).keys()
    if (key !== undefined) return key
  } catch (error) {
    if (!(error instanceof CredentialError) || error.code !== 'passphrase-needed') throw error
  }
  throw new CredentialError('not-a-signing-key', file)
}
