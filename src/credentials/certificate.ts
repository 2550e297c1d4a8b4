/** Reads a push certificate: its subject, topics, environments and expiry. */
import { createHash, X509Certificate, type KeyObject } from 'node:crypto'
import { CredentialError } from './credential-error.ts'
import {
  decodeTopics,
  environmentOids,
  extensionsOf,
  topicsOid,
  voipTopicsOid,
} from './apple-extension.ts'

/** The two environments of APNs. A device token is valid in one of them. */
export type Environment = 'production' | 'sandbox'

/**
 * Host names of Apple's binary gateway and feedback service, as senders have them configured.
 * — source: Apple, "Binary Provider API" and "The Feedback Service"
 */
export const appleHosts = {
  production: ['gateway.push.apple.com', 'feedback.push.apple.com'],
  sandbox: ['gateway.sandbox.push.apple.com', 'feedback.sandbox.push.apple.com'],
} as const satisfies Readonly<Record<Environment, readonly string[]>>

export const allAppleHosts: readonly string[] = [...appleHosts.production, ...appleHosts.sandbox]

/** The fields of a certificate that the proxy uses. Any X.509 certificate has them. */
export interface PushCertificate {
  readonly pem: string
  /** All attributes of the subject in one line, for logs. */
  readonly subject: string
  /**
   * Subject attribute UID (0.9.2342.19200300.100.1.1): the topic that the binary protocol implied.
   * — source: Apple, "Sending notification requests to APNs"
   */
  readonly topic: string | undefined
  /** The UID, then the topics in the certificate's topic lists, without duplicates. */
  readonly topics: readonly string[]
  /** Production first; empty if the certificate names none. */
  readonly environments: readonly Environment[]
  /** Hex SHA-256 of the DER SubjectPublicKeyInfo. The proxy identifies senders by this value. */
  readonly publicKeySha256: string
  /** Hex SHA-256 of the certificate. */
  readonly fingerprint256: string
  readonly notAfter: Date
}

/** Whether the certificate has what Apple gives push certificates alone: environments or a topic list. */
export function hasPushMark({ environments, topics, topic }: PushCertificate): boolean {
  return environments.length > 0 || topics.some((listed) => listed !== topic)
}

/** The environment for which `init` plans a route: a certificate for both serves production. */
export function usualEnvironment({ environments }: PushCertificate): Environment {
  return environments[0] ?? 'production'
}

/** Whether the certificate signs apps: its UID is a team ID, which has no dot. */
export function isForSigning(certificate: PushCertificate): boolean {
  return !hasPushMark(certificate) && certificate.topic?.includes('.') === false
}

const environments: readonly Environment[] = ['production', 'sandbox']
const topicListOids = [topicsOid, voipTopicsOid]

/** Hex SHA-256 of a key's DER SubjectPublicKeyInfo; `key` is a public key. */
export function publicKeySha256(key: KeyObject): string {
  return createHash('sha256')
    .update(key.export({ type: 'spki', format: 'der' }))
    .digest('hex')
}

/**
 * Reads one certificate: the first, if a PEM text has several.
 *
 * @param file the name in an error message, for a certificate from a file
 * @throws {@link CredentialError} `not-a-certificate`
 */
export function readCertificate(pemOrDer: string | Buffer, file = 'certificate'): PushCertificate {
  try {
    return describe(new X509Certificate(pemOrDer))
  } catch {
    throw new CredentialError('not-a-certificate', file)
  }
}

function describe(x509: X509Certificate): PushCertificate {
  // Throws if OpenSSL cannot decode the key. In that case toLegacyObject() of Node 24.4–24.21 crashes.
  const { publicKey } = x509
  const extensions = extensionsOf(x509.raw)
  const topic = uidOf(x509)
  const listed = topicListOids.flatMap((oid) => decodeTopics(extensions.get(oid) ?? emptyList))
  return {
    pem: x509.toString(),
    subject: oneLine(x509),
    topic,
    topics: [...new Set(topic === undefined ? listed : [topic, ...listed])],
    environments: environments.filter((name) => extensions.has(environmentOids[name])),
    publicKeySha256: publicKeySha256(publicKey),
    fingerprint256: createHash('sha256').update(x509.raw).digest('hex'),
    notAfter: validDate(x509.validTo),
  }
}

const emptyList = Buffer.from([0x30, 0x00])

function attributesOf(x509: X509Certificate): { name: string; value: string }[] {
  // A repeated attribute is an array, although the declared type says string.
  return Object.entries(x509.toLegacyObject().subject).flatMap(([name, values]) =>
    [values ?? []].flat().map((value) => ({ name, value })),
  )
}

function uidOf(x509: X509Certificate): string | undefined {
  return attributesOf(x509).find(({ name }) => name === 'UID')?.value
}

function oneLine(x509: X509Certificate): string {
  return attributesOf(x509)
    .map(({ name, value }) => `${name}=${value.replaceAll(/\p{Cc}/gu, ' ')}`)
    .join(', ')
}

function validDate(text: string): Date {
  const date = new Date(text)
  if (Number.isNaN(date.getTime())) throw new RangeError('the date of expiry cannot be read')
  return date
}

/** The form of dates in messages: 2021-03-31, UTC. */
export function dayOf(date: Date): string {
  return date.toISOString().slice(0, 10)
}
