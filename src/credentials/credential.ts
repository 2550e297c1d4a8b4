/** Loads the credentials with which the proxy identifies itself: push certificates and signing keys. */
import { createPrivateKey, createPublicKey, X509Certificate, type KeyObject } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { publicKeySha256, type PushCertificate } from './certificate.ts'
import { CredentialError } from './credential-error.ts'
import { openCredentialFile, pemBlocks, readCredentialFile } from './credential-file.ts'
import { isPkcs12 } from './pkcs12.ts'

export { CredentialError } from './credential-error.ts'

/** A certificate with its key. */
export interface CertificateCredential {
  readonly kind: 'certificate'
  readonly certificate: PushCertificate
  /** The certificate, then those of its issuers that the files contain. */
  readonly certificatePem: string
  /** Unencrypted PKCS#8. Secret. */
  readonly keyPem: string
}

/** An Apple authentication key (.p8), which signs provider tokens. */
export interface SigningKey {
  readonly kind: 'signing-key'
  /** Elliptic-curve key on P-256. Secret. */
  readonly privateKey: KeyObject
  readonly keyId: string
  readonly teamId: string
}

/**
 * Loads a certificate and its private key from PEM (one file or two, key encrypted or not), DER
 * with a separate key, or PKCS#12. If several certificates have the key, as after a renewal, this
 * takes the one that expires last.
 *
 * @throws {@link CredentialError}, and the system's error for a passphrase file that it cannot read
 */
export function loadCertificateCredential(files: {
  certificate: string
  key?: string | undefined
  passphrase?: string
  /** Has the passphrase in its text, without the last end of line. */
  passphraseFile?: string | undefined
}): CertificateCredential {
  const keyFile = files.key ?? files.certificate
  const { passphraseFile } = files
  const passphrase = passphraseFile === undefined ? files.passphrase : passphraseIn(passphraseFile)
  const own = openCredentialFile(files.certificate, passphrase)
  const certificates = some(own.certificates(), 'not-a-certificate', files.certificate)
  const holder = files.key === undefined ? own : openCredentialFile(files.key, passphrase)
  const keys = some(holder.keys(), 'no-private-key', keyFile)
  const pair = newestPair(certificates, keys)
  if (pair === undefined) throw new CredentialError('key-mismatch', keyFile)
  return {
    kind: 'certificate',
    certificate: pair.certificate,
    certificatePem: chainFrom(pair.certificate, certificates).join(''),
    keyPem: pair.key.export({ type: 'pkcs8', format: 'pem' }).toString(),
  }
}

/** The passphrase in a file, without the last end of line. */
export function passphraseIn(file: string): string {
  return readFileSync(file, 'utf8').replace(/\r?\n$/, '')
}

function some<Item>(
  items: readonly Item[],
  code: 'not-a-certificate' | 'no-private-key',
  file: string,
): readonly Item[] {
  if (items.length === 0) throw new CredentialError(code, file)
  return items
}

/** Among the certificates whose key is given, the one that expires last, with its first key. */
export function newestPair(
  certificates: readonly PushCertificate[],
  keys: readonly KeyObject[],
): { readonly certificate: PushCertificate; readonly key: KeyObject } | undefined {
  const byPublicKey = new Map(
    keys.toReversed().map((key) => [publicKeySha256(createPublicKey(key)), key]),
  )
  const [pair] = certificates
    .flatMap((certificate) => {
      const key = byPublicKey.get(certificate.publicKeySha256)
      return key === undefined ? [] : [{ certificate, key }]
    })
    .sort((one, other) => other.certificate.notAfter.getTime() - one.certificate.notAfter.getTime())
  return pair
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

function readSigningKey(file: string): KeyObject {
  const block = pemBlocks(readCredentialFile(file)).find(({ label }) =>
    label.endsWith('PRIVATE KEY'),
  )
  try {
    return createPrivateKey(block?.text ?? '')
  } catch {
    throw new CredentialError('not-a-signing-key', file)
  }
}
