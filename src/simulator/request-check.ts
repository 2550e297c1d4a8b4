/** Checks one request as APNs does, and returns the reason of a rejection. */
import { topicRules } from '../apns/push-type.ts'
import type { Reason } from '../apns/reason.ts'

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

function pathOf({ values }: HeaderFields): string {
  return values.get(':path') ?? ''
}

/** The part of the path behind `/3/device/`, unchecked; empty for another path. */
export function tokenOf(fields: HeaderFields): string {
  return /^\/3\/device\/(.*)$/s.exec(pathOf(fields))?.[1] ?? ''
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

interface CheckedRequest extends ReceivedRequest {
  /** See {@link topicOf}; empty if there is none. */
  readonly topic: string
}

type Check = (request: CheckedRequest) => Reason | undefined

/**
 * In order: the first fault is the answer. Apple documents the reasons and not their order. This one is
 * our choice: request line, credential, headers, token, payload.
 */
const checks: readonly Check[] = [
  fault('MethodNotAllowed', ({ fields }) => fields.values.get(':method') !== 'POST'),
  fault('MissingDeviceToken', ({ fields }) => /^\/3\/device\/?$/.test(pathOf(fields))),
  fault('BadPath', ({ fields }) => !/^\/3\/device\/[^/]*$/.test(pathOf(fields))),
  fault('DuplicateHeaders', ({ fields }) => fields.repeated),
  ({ credential }) => (credential.kind === 'none' ? 'MissingProviderToken' : credential.fault),
  form('apns-id', 'BadMessageId', isMessageId),
  form('apns-collapse-id', 'BadCollapseId', (id) => Buffer.byteLength(id, 'latin1') <= 64),
  form('apns-expiration', 'BadExpirationDate', (seconds) => /^\d{1,19}$/.test(seconds)),
  form('apns-priority', 'BadPriority', (priority, { fields }) =>
    prioritiesFor(fields.values.get('apns-push-type')).includes(priority),
  ),
  fault('MissingTopic', ({ fields, credential }) => topicOf(fields, credential) === undefined),
  fault('BadTopic', ({ topic }) => !/^[\w.-]{1,255}$/.test(topic)),
  fault(
    'Forbidden',
    ({ topic, credential }) => credential.kind === 'provider-token' && isManagementTopic(topic),
  ),
  fault('TopicDisallowed', ({ topic, credential }) => !mayUse(credential, topic)),
  form('apns-push-type', 'InvalidPushType', (pushType, { topic, credential }) => {
    const isPermitted = pushType !== 'location' || credential.kind === 'provider-token'
    return isPermitted && pushTypesFor(topic).includes(pushType)
  }),
  // 1 to 100 bytes in hexadecimal. — source: Apple, "Binary Provider API", for the 100
  fault('BadDeviceToken', ({ fields }) => !/^(?:[\da-f]{2}){1,100}$/i.test(tokenOf(fields))),
  fault('PayloadEmpty', ({ bodyBytes }) => bodyBytes === 0),
  fault('PayloadTooLarge', ({ topic, bodyBytes }) => bodyBytes > payloadLimitBytes(topic)),
]

/**
 * The reason why APNs rejects the request; undefined if APNs accepts it.
 * — source: Apple, "Handling notification responses from APNs"
 */
export function checkRequest(request: ReceivedRequest): Reason | undefined {
  const checked = { ...request, topic: topicOf(request.fields, request.credential) ?? '' }
  for (const check of checks) {
    const reason = check(checked)
    if (reason !== undefined) return reason
  }
  return undefined
}

function fault(reason: Reason, isAtFault: (request: CheckedRequest) => boolean): Check {
  return (request) => (isAtFault(request) ? reason : undefined)
}

/** The form of a header field, if the request has one of this name. */
function form(
  name: string,
  reason: Reason,
  holds: (value: string, request: CheckedRequest) => boolean,
): Check {
  return fault(reason, (request) => {
    const value = request.fields.values.get(name)
    return value !== undefined && !holds(value, request)
  })
}

/** Only 5 for a background push. — source: Apple, "Pushing background updates to your App" */
function prioritiesFor(pushType: string | undefined): readonly string[] {
  return pushType === 'background' ? ['5'] : ['10', '5', '1']
}

/** A certificate lists every topic with its suffix, a signing key only the bundle IDs. */
function mayUse(credential: Credential, topic: string): boolean {
  if (credential.kind === 'certificate') return credential.topics.includes(topic)
  if (credential.kind === 'none' || credential.topics === undefined) return true
  return credential.topics.includes(topic) || credential.topics.includes(bundleIdOf(topic))
}

/** True for the topic of a device management server, the UID of its push certificate. */
export function isManagementTopic(topic: string): boolean {
  return topic.startsWith('com.apple.mgmt.')
}

/** The suffix that a push type requires, and its push type. */
function suffixOf(topic: string): { readonly ends?: string; readonly pushType?: string } {
  return topicRules.find(({ ends }) => ends !== undefined && topic.endsWith(ends)) ?? {}
}

export function pushTypesFor(topic: string): readonly string[] {
  if (isManagementTopic(topic)) return ['mdm']
  const { pushType } = suffixOf(topic)
  return pushType === undefined ? ['alert', 'background'] : [pushType]
}

/** The app's bundle ID: `topic` without the suffix that a push type requires. */
export function bundleIdOf(topic: string): string {
  return topic.slice(0, topic.length - (suffixOf(topic).ends?.length ?? 0))
}

/** Maximum size of a payload. — source: Apple, "Generating a remote notification" */
export function payloadLimitBytes(topic: string): number {
  return topic.endsWith('.voip') ? 5120 : 4096
}
