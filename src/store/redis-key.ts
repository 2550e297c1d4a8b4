/** The names of what is kept in Redis. One hash tag for all, so that they share a node of a cluster. */

/** Keys of the proxies that have a prefix in common. */
export interface RedisKeys {
  /** Hash of journals: the name of the process that has it, '' = nobody. */
  readonly journals: string
  /** Hash: number of an entry → see journal-entry.ts; its number and `s` → which are settled. */
  journal(name: string): string
  /** Lives as long as the process shows that it does. */
  alive(process: string): string
  /** Stream of {@link EventLog} events. */
  readonly eventLog: string
  /** Set of the names of routes that have had feedback. */
  readonly feedbackRoutes: string
  /** Hash: token in hexadecimal → UNIX seconds. */
  feedback(route: string): string
  /** Sorted set of the readers of a route by when their hold ends, ms. */
  readers(route: string): string
  /** As {@link feedback}: what a reader has. */
  held(reader: string): string
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
    providerToken: (name) => key(`provider-token:${name}`),
  }
}
