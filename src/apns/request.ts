/** Converts a notification to a request to the provider API. */
import type { Notification } from '../binary/notification.ts'
import type { Amendment } from './reason.ts'
import { readPayload } from './payload-encoding.ts'
import { inferPush, type Inference, type PushType } from './push-type.ts'

/** The content of a request; {@link requestHeaders} makes the header fields. */
export interface ProviderRequest {
  /** Lower-case UUID, the same for all attempts. */
  readonly apnsId: string
  /** Lower-case hexadecimal. */
  readonly token: string
  readonly topic: string
  readonly pushType: PushType | undefined
  readonly priority: number | undefined
  /** UNIX seconds, 0 = APNs tries once; undefined = APNs chooses how long to store. */
  readonly expiration: number | undefined
  readonly payload: Buffer
}

/** Changes the expiration of notifications. */
export interface ExpirationPolicy {
  /** For a notification without an expiration, seconds after its arrival. */
  readonly default?: number | undefined
  /** An earlier expiration is raised to so many seconds after the arrival. */
  readonly minimum?: number | undefined
}

/** The values that a route sets for all its notifications. */
export interface Addressing {
  readonly topic: string
  /** Undefined = inferred from topic and payload. */
  readonly pushType?: PushType | undefined
  /** Undefined = the sender's, or inferred. */
  readonly priority?: 5 | 10 | undefined
  /** Undefined = as the sender says. */
  readonly expiration?: ExpirationPolicy | undefined
}

/** The request for a notification; undefined when its payload is not a JSON object. */
export function requestFor(
  notification: Notification,
  addressing: Addressing,
  apnsId: string,
  receivedAtMs: number,
): ProviderRequest | undefined {
  const payload = readPayload(notification.payload)
  if (payload === undefined) return undefined
  const inference = inferPush(addressing.topic, payload.json)
  return {
    apnsId,
    token: notification.token.toString('hex'),
    topic: addressing.topic,
    pushType: addressing.pushType ?? inference.pushType,
    priority: addressing.priority ?? priorityOf(notification, addressing.pushType, inference),
    expiration: expirationOf(notification, addressing.expiration, receivedAtMs),
    payload: payload.bytes,
  }
}

/** By the push type that the route sets: an inferred priority fits the inferred push type only. */
const pinnedPriorities: Partial<Record<PushType, Inference['priority']>> = {
  background: 5,
  complication: 10,
}

function priorityOf(
  { priority }: Notification,
  pinned: PushType | undefined,
  inferred: Inference,
): number | undefined {
  const rule = pinned === undefined ? inferred.priority : (pinnedPriorities[pinned] ?? 'sender')
  if (rule === 'omit') return undefined
  if (rule !== 'sender') return rule
  return priority === 5 ? 5 : 10
}

/**
 * Command 0 has no expiration, and Apple stored such notifications. Command 2 without the item
 * means "do not store". — source: Apple, "Legacy Notification Format"; node-apn 1.x and PushSharp
 * omit it so
 */
function expirationOf(
  { command, expiration }: Notification,
  policy: ExpirationPolicy | undefined,
  receivedAtMs: number,
): number | undefined {
  const after = (seconds: number): number => Math.ceil(receivedAtMs / 1000 + seconds)
  const unset = command === 2 ? 0 : undefined
  if (policy === undefined) return expiration ?? unset
  const chosen = expiration ?? (policy.default === undefined ? unset : after(policy.default))
  if (policy.minimum === undefined || chosen === undefined) return chosen
  return Math.max(chosen, after(policy.minimum))
}

/** The same request for another topic. A push type that the proxy infers depends on the topic. */
export function readdress(request: ProviderRequest, addressing: Addressing): ProviderRequest {
  const { topic, pushType } = addressing
  const payload = readPayload(request.payload)
  const inferred = payload && inferPush(topic, payload.json).pushType
  return { ...request, topic, pushType: pushType ?? inferred ?? request.pushType }
}

const amendments = {
  'without-push-type': { pushType: undefined },
  'power-saving': { priority: 5 },
  'without-expiration': { expiration: undefined },
} as const satisfies Record<Amendment, Partial<ProviderRequest>>

/** The same request with a value changed that the proxy chose and APNs rejected. */
export function amend(request: ProviderRequest, amendment: Amendment): ProviderRequest {
  return { ...request, ...amendments[amendment] }
}

/** Method, path and headers. — source: Apple, "Sending notification requests to APNs" */
export function requestHeaders(
  request: ProviderRequest,
  authorization: string | undefined,
): Record<string, string> {
  const headers: Record<string, string> = {
    ':method': 'POST',
    ':path': `/3/device/${request.token}`,
    'apns-id': request.apnsId,
    'apns-topic': request.topic,
    'content-type': 'application/json',
    'content-length': String(request.payload.length),
  }
  if (authorization !== undefined) headers['authorization'] = authorization
  if (request.pushType !== undefined) headers['apns-push-type'] = request.pushType
  if (request.priority !== undefined) headers['apns-priority'] = String(request.priority)
  if (request.expiration !== undefined) headers['apns-expiration'] = String(request.expiration)
  return headers
}
