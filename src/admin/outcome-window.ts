/** What became of the notifications of a route in the last five minutes and in the last hour. */
import type { RouteCounters } from '../relay/route-counters.ts'

/** By some name. */
export type Counts = Readonly<Record<string, number>>

/** Counts of one route within a time. */
export interface Outcomes {
  readonly delivered: number
  readonly unregistered: number
  readonly expired: number
  /** Told or not. */
  readonly rejected: number
  /** By reason. */
  readonly rejections: Counts
  /** By cause. */
  readonly retries: Counts
}

/** `before-the-hour`: from the start to an hour ago. */
export type WindowName = 'five-minutes' | 'hour' | 'before-the-hour'

type Counters = Pick<RouteCounters, 'settled' | 'rejections' | 'retries'>

/** The owner calls {@link OutcomeWindow.take} so often. */
export const sampleMs = 5000
const recentSamples = 300_000 / sampleMs
const minuteSamples = 60_000 / sampleMs
const minutes = 60

/**
 * Compares the counters of a route, which only grow, with samples of them. Keeps 5 minutes of samples,
 * and an hour of one sample a minute. Nothing is counted for each notification.
 */
export class OutcomeWindow {
  readonly #counters: Counters
  /** Oldest first. */
  readonly #recent: Outcomes[] = [none]
  readonly #hour: Outcomes[] = [none]
  #taken = 0

  constructor(counters: Counters) {
    this.#counters = counters
  }

  take(): void {
    const now = read(this.#counters)
    keep(this.#recent, now, recentSamples)
    if (++this.#taken % minuteSamples === 0) keep(this.#hour, now, minutes)
  }

  /** A window that is longer than the route has run begins at the start of the route. */
  within(window: WindowName): Outcomes {
    const anHourAgo = this.#hour[0] ?? none
    if (window === 'before-the-hour') return anHourAgo
    const before = window === 'hour' ? anHourAgo : (this.#recent[0] ?? none)
    return difference(read(this.#counters), before)
  }
}

const none: Outcomes = {
  delivered: 0,
  unregistered: 0,
  expired: 0,
  rejected: 0,
  rejections: {},
  retries: {},
}

function keep(samples: Outcomes[], sample: Outcomes, most: number): void {
  samples.push(sample)
  // Between `most` intervals there is one sample more.
  if (samples.length > most + 1) samples.shift()
}

function read({ settled, rejections, retries }: Counters): Outcomes {
  const { delivered, unregistered, expired } = settled
  const rejected = sumOf(rejections)
  const copies = { rejections: { ...rejections }, retries: { ...retries } }
  return { delivered, unregistered, expired, rejected, ...copies }
}

function difference(now: Outcomes, before: Outcomes): Outcomes {
  return {
    delivered: now.delivered - before.delivered,
    unregistered: now.unregistered - before.unregistered,
    expired: now.expired - before.expired,
    rejected: now.rejected - before.rejected,
    rejections: differences(now.rejections, before.rejections),
    retries: differences(now.retries, before.retries),
  }
}

function differences(now: Counts, before: Counts): Counts {
  return Object.fromEntries(
    Object.entries(now).map(([name, count]) => [name, count - (before[name] ?? 0)]),
  )
}

/** The sum of counts by some name. */
export function sumOf(counts: Counts): number {
  return Object.values(counts).reduce((sum, count) => sum + count, 0)
}

/** Notifications that have their final outcome. Resends repeat the outcome of their first copy. */
export function endingsOf({ delivered, unregistered, rejected, expired }: Outcomes): number {
  return delivered + unregistered + rejected + expired
}

/** Answers of any kind, those after which the proxy sends again included. */
export function answersOf(outcomes: Outcomes): number {
  return outcomes.delivered + outcomes.unregistered + outcomes.rejected + sumOf(outcomes.retries)
}
