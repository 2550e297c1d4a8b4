/** The interface between the pool and one HTTP/2 connection to the provider API. */
import type { Outcome } from '../apns/outcome.ts'
import type { ProviderToken } from '../apns/provider-token.ts'
import type { Delivery } from '../relay/delivery.ts'
import type { LatencyHistogram } from '../timing/latency-histogram.ts'

/** One HTTP/2 connection. */
export interface ProviderSession {
  /** Requests that can be sent now; 0 before the peer's SETTINGS and once the session drains. */
  readonly room: number
  /** Requests sent and not yet answered. */
  readonly inFlight: number
  /** Requests that the peer accepts at a time; Infinity without a limit, 0 before its SETTINGS. */
  readonly streamLimit: number
  /** Whether the peer has answered a request; if not, the pool pauses before the next session. */
  readonly served: boolean
  /** Sends a delivery's request, only while there is {@link room}; each is answered. */
  send(delivery: Delivery): void
  /** Takes no more requests, and closes once those in flight are answered. Idempotent. */
  drain(): void
  /** Closes now; requests in flight are answered as unavailable. Idempotent. */
  destroy(cause: string): void
}

/** Is told about the events of a session. */
export interface SessionOwner {
  /** From a request to its complete answer; requests without an answer do not count. */
  readonly requestLatency: LatencyHistogram
  /** Called once for each time that a delivery was sent. */
  answered(delivery: Delivery, outcome: Outcome): void
  /** {@link ProviderSession.room} has increased. */
  hasRoom(): void
  /** The session takes no more requests. `reason`: from the peer's GOAWAY, or ours. */
  draining(reason: string): void
  /** Called once. `credential`: the peer refused it, in the handshake or in its GOAWAY. */
  closed(cause: string, credential: boolean): void
}

/** What happens to the sessions of a pool; each name is also that of the log event. */
export type SessionEvent =
  | { readonly event: 'session.opening' }
  | { readonly event: 'session.ready' }
  /** The session takes no more requests. `reason`: of the peer's GOAWAY, or our own. */
  | { readonly event: 'session.draining'; readonly reason: string }
  /** A session, or the attempt to open one, ended; the next attempt follows after `retryInMs`. */
  | { readonly event: 'session.closed'; readonly cause: string; readonly retryInMs: number }

/** The load of one session. */
export interface SessionUse {
  readonly state: 'opening' | 'ready' | 'draining'
  readonly inFlight: number
  /** Infinity if the peer names none, 0 before its SETTINGS. */
  readonly streamLimit: number
}

/** Limits of a pool. */
export interface PoolLimits {
  /** Default 8; Apple recommends a small number of long-lived sessions. */
  readonly maxSessions: number
}

/** Opens a session for an owner. */
export type OpenSession = (owner: SessionOwner) => ProviderSession

/** The peer, and the credential to use with it. */
export interface SessionTarget {
  /** `https://host[:port]`; `http:` without TLS, for tests only. */
  readonly origin: string
  /** PEM, if the route uses a push certificate. */
  readonly certificate: { readonly certificatePem: string; readonly keyPem: string } | undefined
  /** PEM, in addition to the roots that Node trusts. */
  readonly certificateAuthority: string | undefined
  /** If the route uses a signing key. */
  readonly providerToken: ProviderToken | undefined
  /** `scheme://[user:password@]host:port`: http, https, socks5 or socks5h; a secret. */
  readonly proxy: string | undefined
  /** In [0, 1); chooses among the addresses of a name. */
  readonly random: () => number
}

/** The time limits of a session, milliseconds. */
export interface SessionTimes {
  /** From the first packet to the peer's SETTINGS. Default 10,000. */
  readonly connectTimeoutMs: number
  /** From request to answer. Default 10,000. */
  readonly requestTimeoutMs: number
  /** Silence after which a PING is sent. Default 60,000. */
  readonly pingIntervalMs: number
  /** From a PING to its answer. Default 5,000. */
  readonly pingTimeoutMs: number
}
