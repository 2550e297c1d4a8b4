/** One HTTP/2 connection to the provider API: the narrow door that the pool knows. */
import type { Outcome } from '../apns/outcome.ts'
import type { ProviderToken } from '../apns/provider-token.ts'
import type { Delivery } from '../relay/delivery.ts'
import type { Histogram } from '../relay/histogram.ts'

/** What an HTTP/2 connection offers, whoever implements it. */
export interface ProviderSession {
  /** Requests that it would take now; 0 before the peer's SETTINGS and once it is draining. */
  readonly room: number
  /** Requests sent and not yet answered. */
  readonly inFlight: number
  /** Requests that the peer takes at a time; Infinity where it does not say, 0 before its SETTINGS. */
  readonly streamLimit: number
  /** Whether it has answered a request: a peer that never does is not to be rushed at again. */
  readonly served: boolean
  /** Sends a delivery's request; only while there is {@link room}. It is answered in any case. */
  send(delivery: Delivery): void
  /** Takes no more requests, lets those in flight finish, then closes. Idempotent. */
  drain(): void
  /** Closes now; what is in flight is answered as unavailable. Idempotent. */
  destroy(cause: string): void
}

/** Who is told what happens to a session. */
export interface SessionOwner {
  /** From a request to its whole answer; those without one are not counted. */
  readonly requestLatency: Histogram
  /** What became of a delivery, once for each time that it was sent. */
  answered(delivery: Delivery, outcome: Outcome): void
  /** There is more {@link ProviderSession.room} than before. */
  roomy(): void
  /** The peer takes no new requests; `reason` from its GOAWAY. */
  draining(reason: string): void
  /** The end, once. `credential`: the peer refused it, in the handshake or in its GOAWAY. */
  closed(cause: string, credential: boolean): void
}

/** Opens a session for an owner. */
export type OpenSession = (owner: SessionOwner) => ProviderSession

/** Whom to connect to, and as whom. */
export interface SessionTarget {
  /** `https://host[:port]`; `http:` goes without TLS, which only a test does. */
  readonly origin: string
  /** PEM, when the route sends with its push certificate. */
  readonly certificate: { readonly certificatePem: string; readonly keyPem: string } | undefined
  /** PEM, beside the roots that Node trusts. */
  readonly certificateAuthority: string | undefined
  /** When the route sends with a signing key. */
  readonly providerToken: ProviderToken | undefined
  /** `http://[user:password@]host:port` of an HTTP proxy that lets CONNECT through; a secret. */
  readonly proxy: string | undefined
  /** In [0, 1); chooses among the addresses of a name. */
  readonly random: () => number
}

/** Milliseconds that bound a session's patience. */
export interface SessionTimes {
  /** From the first packet to the peer's SETTINGS. Default 10,000. */
  readonly connectTimeoutMs: number
  /** From request to answer. Default 10,000. */
  readonly requestTimeoutMs: number
  /** Silence after which the peer is asked whether it is still there. Default 60,000. */
  readonly pingIntervalMs: number
  /** How long it may take to say so. Default 5,000. */
  readonly pingTimeoutMs: number
}
