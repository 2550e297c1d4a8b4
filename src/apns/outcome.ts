/** The outcome of one request to the provider API. */
import { reasonRow, type Amendment } from './reason.ts'

/** A response of the provider API. */
export interface ProviderResponse {
  readonly status: number
  /** Empty on a 200 of APNs. */
  readonly body: string
  /** APNs names the request in each answer; other programs on the way do not. */
  readonly hasApnsId: boolean
  /** From `retry-after`, which Apple does not document but may send. */
  readonly retryAfterSeconds?: number | undefined
}

/** Each request ends with exactly one outcome. */
export type Outcome =
  | { readonly kind: 'delivered' }
  | {
      readonly kind: 'unregistered'
      readonly reason: string
      /** UNIX seconds: since when the token is invalid; undefined if APNs sent no valid time. */
      readonly timestamp: number | undefined
    }
  | {
      readonly kind: 'rejected'
      readonly reason: string
      readonly amendment: Amendment | undefined
    }
  | {
      readonly kind: 'unavailable'
      readonly reason: string
      /** `now`: APNs has not processed the request; `later`: after a pause. */
      readonly retry: 'now' | 'later'
      readonly retryAfterMs?: number
      /** The HTTP status of APNs' answer; undefined if APNs did not answer. */
      readonly status?: number
      /** The answer does not come from APNs, but from a program between the proxy and APNs. */
      readonly isForeign?: true
    }
  | { readonly kind: 'credential'; readonly reason: string }

/** The request reached a server that does not serve this host. — source: RFC 9110, 15.5.20 */
const misdirected = 421
/** A peer that asks for more is asked again after an hour. */
const mostRetryAfterSeconds = 3600

/** One shared object, because most requests have this outcome. */
export const delivered: Outcome = { kind: 'delivered' }

export function outcomeOf(response: ProviderResponse): Outcome {
  const { status } = response
  const { reason: stated, timestamp } = readBody(response.body)
  const reason = stated ?? `HTTP ${status}`
  // A payload that a program on the way finds too large is too large there again.
  const isMisdirected = status === misdirected
  const isForeign = isMisdirected || (!response.hasApnsId && status !== 413)
  if (stated === undefined && isForeign) {
    const retry = isMisdirected ? 'now' : 'later'
    return { kind: 'unavailable', reason, retry, isForeign: true, ...retryAfterOf(response) }
  }
  if (status === 200) return delivered
  const row = reasonRow(status, stated)
  switch (row.meaning) {
    case 'unregistered':
      return { kind: 'unregistered', reason, timestamp: secondsOf(timestamp) }
    case 'rejected':
      return { kind: 'rejected', reason, amendment: row.amendment }
    case 'credential':
      return { kind: 'credential', reason }
    case 'retry-now':
      return { kind: 'unavailable', reason, retry: 'now', status }
    case 'stale-provider-token':
    case 'retry-later':
      return { kind: 'unavailable', reason, retry: 'later', status, ...retryAfterOf(response) }
  }
}

function retryAfterOf({ retryAfterSeconds }: ProviderResponse): { retryAfterMs?: number } {
  if (retryAfterSeconds === undefined) return {}
  return { retryAfterMs: Math.min(retryAfterSeconds, mostRetryAfterSeconds) * 1000 }
}

/** Smaller numbers are seconds: as milliseconds they would be in 1973 or before. */
const firstMilliseconds = 100_000_000_000

/** The 410 timestamp is in milliseconds. — source: pushy#237 */
function secondsOf(timestamp: number | undefined): number | undefined {
  const value = timestamp ?? NaN
  const seconds = Math.floor(value < firstMilliseconds ? value : value / 1000)
  return seconds >= 0 && seconds <= 0xffff_ffff ? seconds : undefined
}

/** The fields of a JSON body. */
interface Body {
  readonly reason?: string | undefined
  readonly timestamp?: number | undefined
}

/** Reads the JSON of a response body or of a GOAWAY's debug data; ignores malformed values. */
export function readBody(body: string): Body {
  try {
    const parsed: unknown = JSON.parse(body)
    if (typeof parsed !== 'object' || parsed === null) return {}
    const { reason, timestamp }: { reason?: unknown; timestamp?: unknown } = parsed
    return {
      reason: typeof reason === 'string' ? reason : undefined,
      timestamp: typeof timestamp === 'number' ? timestamp : undefined,
    }
  } catch {
    return {}
  }
}
