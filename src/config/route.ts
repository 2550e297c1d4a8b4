/** One route: who sends, as whom it is sent on, and how. */
import { readFileSync } from 'node:fs'
import type { PushType } from '../apns/push-type.ts'
import type { Environment, PushCertificate } from '../credentials/certificate.ts'
import {
  loadCertificateCredential,
  loadCertificates,
  loadSigningKey,
  type CertificateCredential,
  type SigningKey,
} from '../credentials/credential.ts'
import type { RelayPolicy } from '../relay/relay-policy.ts'
import { isPublicKey, type ConfigurationFile, type RouteEntry } from './schema.ts'

/** What holds for every route that does not say otherwise. */
export type PolicyDefaults = Pick<
  ConfigurationFile,
  'unregistered' | 'retryForSeconds' | 'errorDeadlineMs' | 'resendWindowSeconds'
>

/** A route with everything loaded. */
export interface Route extends RelayPolicy {
  readonly name: string
  readonly environment: Environment
  readonly credential: CertificateCredential | SigningKey
  /** Hex SHA-256 of the public key of each sender that it serves. */
  readonly senderKeys: readonly string[]
  readonly pushType: PushType | undefined
  readonly errorDeadlineMs: number
  /** 4,096; 5,120 for VoIP topics. — source: Apple, "Generating a remote notification" */
  readonly maxPayloadBytes: number
}

/**
 * Runs a part of the loading; undefined when it failed, and the problem is noted under `at`, or
 * under `key` where the fault is in the key file.
 */
export type Attempt = <T>(at: string, run: () => T, keyFile?: string) => T | undefined

/** Loads what an entry names; undefined when a part of it failed. */
export function loadRoute(
  entry: RouteEntry,
  defaults: PolicyDefaults,
  attempt: Attempt,
): Route | undefined {
  const credential = attempt(
    entry.signingKey === undefined ? 'certificate' : 'signingKey',
    () => loadCredential(entry),
    entry.key,
  )
  const senders = attempt('senderCertificates', () => loadSenders(entry))
  if (credential === undefined || senders === undefined) return undefined
  const own = credential.kind === 'certificate' ? credential.certificate : undefined
  const topic = attempt('topic', () => topicOf(entry, own))
  const environment = attempt('environment', () => environmentOf(entry, own))
  if (topic === undefined || environment === undefined) return undefined
  return {
    name: entry.name,
    environment,
    topic,
    credential,
    senderKeys: senders.length > 0 || own === undefined ? senders : [own.publicKeySha256],
    pushType: entry.pushType,
    priority: entry.priority,
    unregistered: entry.unregistered ?? defaults.unregistered,
    retryForSeconds: entry.retryForSeconds ?? defaults.retryForSeconds,
    errorDeadlineMs: entry.errorDeadlineMs ?? defaults.errorDeadlineMs,
    resendWindowSeconds:
      entry.resendWindowSeconds ?? defaults.resendWindowSeconds ?? usualWindowSeconds(topic),
    maxPayloadBytes: topic.endsWith('.voip') ? 5120 : 4096,
  }
}

/** A repeated wake-up of a managed device is harmless, a suppressed one is not. */
function usualWindowSeconds(topic: string): number {
  return topic.startsWith('com.apple.mgmt.') ? 0 : 10
}

function loadCredential(entry: RouteEntry): CertificateCredential | SigningKey {
  const { certificate = '', signingKey, keyId = '', teamId = '' } = entry
  if (signingKey !== undefined) return loadSigningKey(signingKey, keyId, teamId)
  return loadCertificate({ ...entry, certificate })
}

/**
 * Loads a certificate and its key with the passphrase in a file of its own.
 * @throws {@link CredentialError}
 */
export function loadCertificate(files: {
  certificate: string
  key?: string | undefined
  passphraseFile?: string | undefined
}): CertificateCredential {
  const { certificate, key, passphraseFile } = files
  return loadCertificateCredential({
    certificate,
    ...(key !== undefined && { key }),
    ...(passphraseFile !== undefined && {
      passphrase: readFileSync(passphraseFile, 'utf8').replace(/\r?\n$/, ''),
    }),
  })
}

function loadSenders({ senderCertificates = [] }: RouteEntry): string[] {
  return senderCertificates.flatMap((entry) =>
    isPublicKey(entry)
      ? [entry.slice('sha256:'.length)]
      : loadCertificates(entry).map(({ publicKeySha256 }) => publicKeySha256),
  )
}

function topicOf({ topic }: RouteEntry, own: PushCertificate | undefined): string {
  const chosen = topic ?? own?.topic
  if (chosen === undefined)
    throw new RangeError('the certificate names none (no UID in its subject); give it here')
  if (own !== undefined && own.topics.length > 0 && !own.topics.includes(chosen))
    throw new RangeError(
      `the certificate is for ${own.topics.join(', ')}; leave topic out or choose one of these`,
    )
  return chosen
}

function environmentOf({ environment }: RouteEntry, own: PushCertificate | undefined): Environment {
  if (own === undefined || own.environments.length === 0) return environment
  if (own.environments.includes(environment)) return environment
  throw new RangeError(
    `the certificate is for ${own.environments.join(' and ')}, not for ${environment}: APNs would ` +
      'refuse every push; correct environment, or give the certificate of the other one',
  )
}
