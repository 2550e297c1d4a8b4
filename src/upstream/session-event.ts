/** What happens to the sessions of a pool, for whoever logs it. */

/** Each name is also that of the log event. */
export type SessionEvent =
  | { readonly event: 'session.opening' }
  | { readonly event: 'session.ready' }
  /** The session takes no more requests. `reason`: of the peer's GOAWAY, or our own. */
  | { readonly event: 'session.draining'; readonly reason: string }
  /** A session, or the attempt to open one, ended; the next attempt follows after `retryInMs`. */
  | { readonly event: 'session.closed'; readonly cause: string; readonly retryInMs: number }
