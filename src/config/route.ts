/** Loads one route: its senders, its credential towards APNs, and its policy. */
import type { ExpirationPolicy } from '../apns/request.ts'
import type { PushType } from '../apns/push-type.ts'
import type { Environment, PushCertificate } from '../credentials/certificate.ts'
import {
  loadCertificateCredential,
  loadCertificates,
  loadSigningKey,
  type CertificateCredential,
  type SigningKey,
} from '../credentials/credential.ts'
import type { RoutePolicy } from '../relay/route-policy.ts'
import { isPublicKey, type Parts, type RouteEntry } from './schema.ts'

export interface Route extends RoutePolicy {
  readonly name: string
  readonly environment: Environment
  readonly credential: CertificateCredential | SigningKey
  /** Hex SHA-256 of the public key of each sender. */
  readonly senderKeys: readonly string[]
  readonly pushType: PushType | undefined
  readonly errorDeadlineMs: number
  /** Whether an unproven route holds rejections back that a wrong set-up explains (D17). */
  readonly holdUntilProven: boolean
  /** 4,096; 5,120 for VoIP topics. — source: Apple, "Generating a remote notification" */
  readonly maxPayloadBytes: number
}

/**
 * Runs one step of loading. If it fails, notes the problem under `at`, or under `key` if the fault is
 * in the key file, and returns undefined.
 */
export type Attempt = <T>(at: string, run: () => T, keyFile?: string) => T | undefined

/** @param defaults the policy of routes that have none of their own
 * @returns undefined if any step failed */
export function loadRoute(entry: RouteEntry, defaults: Parts, attempt: Attempt): Route | undefined {
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
    holdUntilProven: entry.holdUntilProven ?? defaults.holdUntilProven,
    expiration: entry.expiration ?? defaults.expiration ?? usualExpiration(topic),
    maxPayloadBytes: topic.endsWith('.voip') ? 5120 : 4096,
  }
}

/** For MDM, a duplicate wake-up is harmless, but a suppressed one is not. */
function usualWindowSeconds(topic: string): number {
  return topic.startsWith('com.apple.mgmt.') ? 0 : 10
}

/** A device that sleeps must find the wake-up when it is on again. */
function usualExpiration(topic: string): ExpirationPolicy | undefined {
  return topic.startsWith('com.apple.mgmt.') ? { default: 7 * 86_400 } : undefined
}

function loadCredential(entry: RouteEntry): CertificateCredential | SigningKey {
  const { certificate = '', signingKey, keyId = '', teamId = '' } = entry
  if (signingKey !== undefined) return loadSigningKey(signingKey, keyId, teamId)
  return loadCertificateCredential({ ...entry, certificate }, entry)
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
    throw new RangeError('the certificate names no topic (no UID in its subject); give it here')
  if (own !== undefined && own.topics.length > 0 && !own.topics.includes(chosen))
    throw new RangeError(
      `the certificate is for ${own.topics.join(', ')}; remove topic, or choose one of these`,
    )
  return chosen
}

function environmentOf({ environment }: RouteEntry, own: PushCertificate | undefined): Environment {
  if (own === undefined || own.environments.length === 0) return environment
  if (own.environments.includes(environment)) return environment
  throw new RangeError(
    `the certificate is for ${own.environments.join(' and ')}, not for ${environment}: APNs would ` +
      'reject every push; correct environment, or give a certificate for it',
  )
}
