/** Finds the identities in credential files, and the one that fits a route. */
import { createPublicKey, type KeyObject } from 'node:crypto'
import {
  dayOf,
  hasPushMark,
  publicKeySha256,
  usualEnvironment,
  type Environment,
  type PushCertificate,
} from './certificate.ts'
import { CredentialError } from './credential-error.ts'

/** A certificate with its key. */
export interface Identity {
  readonly certificate: PushCertificate
  readonly key: KeyObject
}

/** What a route is for. */
export interface Purpose {
  /** Undefined: that of the certificate. */
  readonly topic?: string | undefined
  readonly environment: Environment
}

/** Every certificate whose key is given, with its first key; those that expire last come first. */
export function identitiesIn(
  certificates: readonly PushCertificate[],
  keys: readonly KeyObject[],
): readonly Identity[] {
  const byPublicKey = new Map(
    keys.toReversed().map((key) => [publicKeySha256(createPublicKey(key)), key]),
  )
  return certificates
    .flatMap((certificate) => {
      const key = byPublicKey.get(certificate.publicKeySha256)
      return key === undefined ? [] : [{ certificate, key }]
    })
    .sort((one, other) => other.certificate.notAfter.getTime() - one.certificate.notAfter.getTime())
}

/** Those with Apple's push mark; all if none has it. An export can also hold certificates that sign apps. */
export function pushIdentities(identities: readonly Identity[]): readonly Identity[] {
  const marked = identities.filter(({ certificate }) => hasPushMark(certificate))
  return marked.length > 0 ? marked : identities
}

/**
 * The identity that fits a route, or the one that expires last if nothing distinguishes several.
 * @param purpose undefined: any
 * @throws {CredentialError} `several-identities`
 */
export function identityFor(
  purpose: Purpose | undefined,
  identities: readonly Identity[],
  file: string,
): Identity | undefined {
  const candidates = pushIdentities(identities)
  if (purpose === undefined || candidates.length < 2) return candidates[0]
  const { topic, environment } = purpose
  const ofTopic = candidates.filter(
    ({ certificate }) => topic === undefined || certificate.topics.includes(topic),
  )
  const ofBoth = ofTopic.filter(
    ({ certificate: { environments } }) =>
      environments.length === 0 || environments.includes(environment),
  )
  const fitting = ofBoth.length > 0 ? ofBoth : ofTopic
  const topics = new Set(fitting.map(({ certificate }) => certificate.topic))
  // In the sandbox, a certificate for it alone comes before one for both environments.
  const usual = ({ certificate }: Identity): boolean =>
    usualEnvironment(certificate) === environment
  if (topic === undefined ? topics.size === 1 : topics.size > 0)
    return fitting.find(usual) ?? fitting[0]
  const list = candidates.map(({ certificate }) => shortly(certificate)).join(', ')
  throw new CredentialError('several-identities', file, list)
}

/** `com.example.app (production, until 2027-03-31)`. */
export function shortly(certificate: PushCertificate): string {
  const { topic, subject, environments, notAfter } = certificate
  const until = `until ${dayOf(notAfter)}`
  if (!hasPushMark(certificate)) return `${subject} (no push certificate, ${until})`
  return `${topic ?? subject} (${[...environments, until].join(', ')})`
}
