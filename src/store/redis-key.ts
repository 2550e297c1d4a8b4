/** The keys in Redis. All have one hash tag, so that one cluster node has them all. */

type Key =
  /** Hash: name of a journal → the process that owns it; '' = none. */
  | 'journals'
  /** By journal. Hash: number → entry, see journal-entry.ts; number and `s` → settled bits. */
  | `journal:${string}`
  /** By process. Exists while its lease is valid. */
  | `alive:${string}`
  /** Stream of {@link EventLog} events. */
  | 'event-log'
  /** Set: names of routes that have had feedback. */
  | 'feedback-routes'
  /** By route. Hash: token in hexadecimal → UNIX seconds. */
  | `feedback:${string}`
  /** By route. Sorted set: readers, by the end of their hold, ms. */
  | `readers:${string}`
  /** By reader. As `feedback`: the entries that the reader has. */
  | `held:${string}`
  /** Hash: route → the set-up with which APNs has accepted a notification. */
  | 'proofs'
  /** Stream of {@link ToldRecord}. */
  | 'told'
  /** By signing key. A provider token; a secret. */
  | `provider-token:${string}`

/** The keys of the proxies with one prefix. */
export type RedisKeys = (key: Key) => string

export function redisKeys(prefix: string): RedisKeys {
  return (key) => `{${prefix}}:${key}`
}
