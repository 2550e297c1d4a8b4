/** The outcome of one request to the provider API. */
import { reasonRow, type Amendment } from './reason.ts'

/** A response of the provider API. */
export interface ProviderResponse {
  readonly status: number
  /** Empty on 200. */
  readonly body: string
  /** From `retry-after`, which Apple does not document but may send. */
  readonly retryAfterSeconds?: number
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
    }
  | { readonly kind: 'credential'; readonly reason: string }

/** One shared object, because most requests have this outcome. */
export const delivered: Outcome = { kind: 'delivered' }

export function outcomeOf(response: ProviderResponse): Outcome {
  if (response.status === 200) return delivered
  const { reason: stated, timestamp } = readBody(response.body)
  const reason = stated ?? `HTTP ${response.status}`
  const row = reasonRow(response.status, stated)
  switch (row.meaning) {
    case 'unregistered':
      return { kind: 'unregistered', reason, timestamp: secondsOf(timestamp) }
    case 'rejected':
      return { kind: 'rejected', reason, amendment: row.amendment }
    case 'credential':
      return { kind: 'credential', reason }
    case 'retry-now':
      return { kind: 'unavailable', reason, retry: 'now' }
    case 'stale-provider-token':
    case 'retry-later':
      return { kind: 'unavailable', reason, retry: 'later', ...retryAfterOf(response) }
  }
}

function retryAfterOf({ retryAfterSeconds }: ProviderResponse): { retryAfterMs?: number } {
  return retryAfterSeconds === undefined ? {} : { retryAfterMs: retryAfterSeconds * 1000 }
}

/** The 410 timestamp is in milliseconds. — source: pushy#237 */
function secondsOf(timestamp: number | undefined): number | undefined {
  const seconds = Math.floor((timestamp ?? NaN) / 1000)
  return seconds >= 0 && seconds <= 0xffff_ffff ? seconds : undefined
}

/** Reads the JSON of a response body or of a GOAWAY's debug data; ignores malformed values. */
export function readBody(body: string): { reason?: string; timestamp?: number } {
  try {
    const parsed: unknown = JSON.parse(body)
    if (typeof parsed !== 'object' || parsed === null) return {}
    const { reason, timestamp }: { reason?: unknown; timestamp?: unknown } = parsed
    return {
      ...(typeof reason === 'string' ? { reason } : {}),
      ...(typeof timestamp === 'number' ? { timestamp } : {}),
    }
  } catch {
    return {}
  }
}
