/** Checks one request as APNs does, and returns the reason of a rejection. */
import type { Reason } from './reason.ts'
import { bundleIdOf, isManagementTopic, payloadLimitBytes, pushTypesFor } from './topic-suffix.ts'

/** Header fields by name, pseudo-headers included. */
export interface HeaderFields {
  /** The first value of each name. */
  readonly values: ReadonlyMap<string, string>
  /** Whether a name occurs twice. */
  readonly repeated: boolean
}

/** The credential of a connection or a request. */
export type Credential =
  | { readonly kind: 'none' }
  | {
      readonly kind: 'certificate'
      /** Topics that it permits, the subject's UID first. */
      readonly topics: readonly string[]
      /** Why it permits nothing. */
      readonly fault: Reason | undefined
    }
  | {
      readonly kind: 'provider-token'
      /** Bundle IDs that its key is limited to; undefined = all. */
      readonly topics: readonly string[] | undefined
      readonly fault: Reason | undefined
    }

/** The checked parts of a request. */
export interface ReceivedRequest {
  readonly fields: HeaderFields
  readonly bodyBytes: number
  readonly credential: Credential
}

/** @param rawHeaders name, value, name, value …: unlike node:http2's object, with repeated names */
export function headerFields(rawHeaders: readonly string[]): HeaderFields {
  const values = new Map<string, string>()
  let repeated = false
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] ?? ''
    if (!values.has(name)) values.set(name, rawHeaders[at + 1] ?? '')
    // A client may split a cookie into several fields (RFC 9113, section 8.2.3).
    else if (name !== 'cookie') repeated = true
  }
  return { values, repeated }
}

const pathPrefix = '/3/device/'

/** The last part of `/3/device/…`, not checked; empty for another path. */
export function tokenOf({ values }: HeaderFields): string {
  const path = values.get(':path') ?? ''
  return path.startsWith(pathPrefix) ? path.slice(pathPrefix.length) : ''
}

/**
 * `apns-topic`, or the only topic of the certificate.
 * — source: Apple, "Sending notification requests to APNs"
 */
export function topicOf({ values }: HeaderFields, credential: Credential): string | undefined {
  const named = values.get('apns-topic')
  if (named !== undefined || credential.kind !== 'certificate') return named
  return credential.topics.length === 1 ? credential.topics[0] : undefined
}

/** A UUID in its canonical form. Apple asks for lower case, and itself writes upper case too. */
export function isMessageId(apnsId: string): boolean {
  return /^[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12}$/i.test(apnsId)
}

type Check = (request: ReceivedRequest) => Reason | undefined

/**
 * In order: the first that fails is the answer. Apple documents the reasons and not their order. This
 * one is our choice: request line, credential, headers, token, payload.
 */
const checks: readonly Check[] = [
  checkMethod,
  checkPath,
  ({ fields }) => (fields.repeated ? 'DuplicateHeaders' : undefined),
  checkCredential,
  form('apns-id', 'BadMessageId', isMessageId),
  form('apns-collapse-id', 'BadCollapseId', (id) => Buffer.byteLength(id, 'latin1') <= 64),
  form('apns-expiration', 'BadExpirationDate', (seconds) => /^\d{1,19}$/.test(seconds)),
  checkPriority,
  checkTopic,
  checkPushType,
  checkToken,
  checkPayload,
]

/**
 * The reason why APNs rejects the request; undefined if APNs accepts it.
 * — source: Apple, "Handling notification responses from APNs"
 */
export function checkRequest(request: ReceivedRequest): Reason | undefined {
  for (const check of checks) {
    const reason = check(request)
    if (reason !== undefined) return reason
  }
  return undefined
}

function form(name: string, reason: Reason, holds: (value: string) => boolean): Check {
  return ({ fields }) => {
    const value = fields.values.get(name)
    return value === undefined || holds(value) ? undefined : reason
  }
}

function checkMethod({ fields }: ReceivedRequest): Reason | undefined {
  return fields.values.get(':method') === 'POST' ? undefined : 'MethodNotAllowed'
}

function checkPath({ fields }: ReceivedRequest): Reason | undefined {
  const path = fields.values.get(':path') ?? ''
  if (path === pathPrefix || path === pathPrefix.slice(0, -1)) return 'MissingDeviceToken'
  return path.startsWith(pathPrefix) && !tokenOf(fields).includes('/') ? undefined : 'BadPath'
}

function checkCredential({ credential }: ReceivedRequest): Reason | undefined {
  return credential.kind === 'none' ? 'MissingProviderToken' : credential.fault
}

/** Priority 10 is an error for a background push. — source: Apple, "Pushing background updates to your App" */
function checkPriority({ fields: { values } }: ReceivedRequest): Reason | undefined {
  const priority = values.get('apns-priority')
  if (priority === undefined) return undefined
  const allowed = values.get('apns-push-type') === 'background' ? ['5'] : ['10', '5', '1']
  return allowed.includes(priority) ? undefined : 'BadPriority'
}

function checkTopic({ fields, credential }: ReceivedRequest): Reason | undefined {
  const topic = topicOf(fields, credential)
  if (topic === undefined) return 'MissingTopic'
  if (!/^[\w.-]{1,255}$/.test(topic)) return 'BadTopic'
  if (credential.kind === 'provider-token' && isManagementTopic(topic)) return 'Forbidden'
  return mayUse(credential, topic) ? undefined : 'TopicDisallowed'
}

/** A certificate lists every topic with its suffix, a signing key only the bundle IDs. */
function mayUse(credential: Credential, topic: string): boolean {
  if (credential.kind === 'certificate') return credential.topics.includes(topic)
  if (credential.kind === 'none' || credential.topics === undefined) return true
  return credential.topics.includes(topic) || credential.topics.includes(bundleIdOf(topic))
}

function checkPushType({ fields, credential }: ReceivedRequest): Reason | undefined {
  const pushType = fields.values.get('apns-push-type')
  if (pushType === undefined) return undefined
  const allowed = pushTypesFor(topicOf(fields, credential) ?? '')
  const withCertificate = pushType !== 'location' || credential.kind !== 'certificate'
  return allowed.includes(pushType) && withCertificate ? undefined : 'InvalidPushType'
}

/** 1 to 100 bytes in hexadecimal. — source: Apple, "Binary Provider API", for the 100 */
function checkToken({ fields }: ReceivedRequest): Reason | undefined {
  return /^(?:[\da-f]{2}){1,100}$/i.test(tokenOf(fields)) ? undefined : 'BadDeviceToken'
}

function checkPayload({ fields, credential, bodyBytes }: ReceivedRequest): Reason | undefined {
  if (bodyBytes === 0) return 'PayloadEmpty'
  const limit = payloadLimitBytes(topicOf(fields, credential) ?? '')
  return bodyBytes > limit ? 'PayloadTooLarge' : undefined
}
