/** The keys in Redis. All have one hash tag, so that one cluster node has them all. */

/** The keys of the proxies with one prefix. */
export interface RedisKeys {
  /** Hash: name of a journal → the process that owns it; '' = none. */
  readonly journals: string
  /** Hash: number of an entry → the entry, see journal-entry.ts; its number and `s` → settled bits. */
  journal(name: string): string
  /** Exists while the lease of the process is valid. */
  alive(process: string): string
  /** Stream of {@link EventLog} events. */
  readonly eventLog: string
  /** Set: names of routes that have had feedback. */
  readonly feedbackRoutes: string
  /** Hash: token in hexadecimal → UNIX seconds. */
  feedback(route: string): string
  /** Sorted set: readers of a route, by the end of their hold, ms. */
  readers(route: string): string
  /** As {@link feedback}: the entries that a reader has. */
  held(reader: string): string
  /** Hash: route → the set-up with which APNs has accepted a notification. */
  readonly proofs: string
  /** A provider token; a secret. */
  providerToken(name: string): string
}

export function redisKeys(prefix: string): RedisKeys {
  const key = (name: string): string => `{${prefix}}:${name}`
  return {
    journals: key('journals'),
    journal: (name) => key(`journal:${name}`),
    alive: (process) => key(`alive:${process}`),
    eventLog: key('event-log'),
    feedbackRoutes: key('feedback-routes'),
    feedback: (route) => key(`feedback:${route}`),
    readers: (route) => key(`readers:${route}`),
    held: (reader) => key(`held:${reader}`),
    proofs: key('proofs'),
    providerToken: (name) => key(`provider-token:${name}`),
  }
}
