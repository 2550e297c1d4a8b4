/** What several processes know of the same senders, as one census. */
import { mostStrangers, nameOfStranger, type CensusFacts, type StrangerFacts } from './census.ts'
import { mostAddresses, nameOfSender, type SenderFacts } from './sender-facts.ts'

/** Peaks of processes that run at the same time add up; of two in turn the higher one counts. */
export type Together = 'at-once' | 'in-turn'

/** Counts are added up. @param one whose routes and beginning hold for both */
export function mergedCensus(one: CensusFacts, other: CensusFacts, how: Together): CensusFacts {
  const strangers = merged(one.strangers, other.strangers, nameOfStranger, mergedStranger)
  return {
    ...one,
    senders: merged(one.senders, other.senders, nameOfSender, (first, second) =>
      mergedSender(first, second, how),
    ),
    strangers: strangers
      .sort((first, second) => first.lastSeenMs - second.lastSeenMs)
      .slice(-mostStrangers),
  }
}

function merged<T>(
  some: readonly T[],
  more: readonly T[],
  nameOf: (value: T) => string,
  merge: (one: T, other: T) => T,
): T[] {
  const all = new Map(some.map((value) => [nameOf(value), value]))
  for (const value of more) {
    const known = all.get(nameOf(value))
    all.set(nameOf(value), known === undefined ? value : merge(known, value))
  }
  return [...all.values()]
}

function mergedSender(one: SenderFacts, other: SenderFacts, how: Together): SenderFacts {
  const [later, earlier] = one.lastSeenMs > other.lastSeenMs ? [one, other] : [other, one]
  const sum = (read: (sender: SenderFacts) => number): number => read(one) + read(other)
  const counts = (read: (sender: SenderFacts) => Record<string, number>): Record<string, number> =>
    added(read(one), read(other))
  const peak = (read: (sender: SenderFacts) => number): number =>
    how === 'at-once' ? sum(read) : Math.max(read(one), read(other))
  return {
    ...later,
    firstSeenMs: Math.min(one.firstSeenMs, other.firstSeenMs),
    lastSentMs: latest(one.lastSentMs, other.lastSentMs),
    feedbackReadMs: latest(one.feedbackReadMs, other.feedbackReadMs),
    addresses: [...new Set([...later.addresses, ...earlier.addresses])].slice(0, mostAddresses),
    commands: {
      0: sum(({ commands }) => commands[0]),
      1: sum(({ commands }) => commands[1]),
      2: sum(({ commands }) => commands[2]),
    },
    connections: sum(({ connections }) => connections),
    utf16Payloads: sum(({ utf16Payloads }) => utf16Payloads),
    longTokens: sum(({ longTokens }) => longTokens),
    withoutExpiration: sum(({ withoutExpiration }) => withoutExpiration),
    repeatedIdentifiers: sum(({ repeatedIdentifiers }) => repeatedIdentifiers),
    untold: sum(({ untold }) => untold),
    silenced: sum(({ silenced }) => silenced),
    resent: sum(({ resent }) => resent),
    unregistered: sum(({ unregistered }) => unregistered),
    feedbackReads: sum(({ feedbackReads }) => feedbackReads),
    tlsVersions: counts(({ tlsVersions }) => tlsVersions),
    pushTypes: counts(({ pushTypes }) => pushTypes),
    days: counts(({ days }) => days),
    rejections: counts(({ rejections }) => rejections),
    unreadable: counts(({ unreadable }) => unreadable),
    peakPerSecond: peak(({ peakPerSecond }) => peakPerSecond),
    peakPerMinute: peak(({ peakPerMinute }) => peakPerMinute),
  }
}

function mergedStranger(one: StrangerFacts, other: StrangerFacts): StrangerFacts {
  return {
    ...(one.lastSeenMs > other.lastSeenMs ? one : other),
    count: one.count + other.count,
    firstSeenMs: Math.min(one.firstSeenMs, other.firstSeenMs),
  }
}

function added(
  one: Readonly<Record<string, number>>,
  other: Readonly<Record<string, number>>,
): Record<string, number> {
  const all = { ...one }
  for (const [name, count] of Object.entries(other)) all[name] = (all[name] ?? 0) + count
  return all
}

function latest(one: number | null, other: number | null): number | null {
  if (one === null || other === null) return one ?? other
  return Math.max(one, other)
}
