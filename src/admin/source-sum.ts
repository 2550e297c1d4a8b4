/** What several processes tell the administrator, as if they were one. */
import type { Totals } from './history.ts'
import type { RejectionRecord } from './rejections.ts'
import { storeStates, type RouteSource, type StoreState } from './status-source.ts'

/** What one process tells, as plain data. */
export interface Sources {
  readonly routes: readonly RouteSource[]
  /** Newest first. */
  readonly rejections: readonly RejectionRecord[]
  readonly totals: Totals
  readonly store: StoreState
}

const keptRejections = 50

/** A route as plain data: what it says now, and not where it knows that from. */
export function snapshotOf(route: RouteSource): RouteSource {
  const { received, recovered, settled, rejections, retries } = route.counters
  return {
    name: route.name,
    environment: route.environment,
    topic: route.topic,
    counters: { received, recovered, settled, rejections, retries },
    owned: route.owned,
    ownedLimit: route.ownedLimit,
    isUp: route.isUp,
    isOut: route.isOut,
    downReason: route.downReason,
    outageCause: route.outageCause,
    upstream: route.upstream,
    connections: route.connections,
    feedbackWaiting: route.feedbackWaiting,
    feedbackReadAtMs: route.feedbackReadAtMs,
    credential: route.credential,
    senders: route.senders,
    sessions: route.sessions,
  }
}

/** Adds up; what is not a number is bad where it is bad anywhere. */
export function sumOf(each: readonly Sources[]): Sources {
  const routes = new Map<string, RouteSource>()
  for (const route of each.flatMap((one) => one.routes)) {
    const known = routes.get(route.name)
    routes.set(route.name, known === undefined ? route : bothRoutes(known, route))
  }
  return {
    routes: [...routes.values()],
    rejections: each
      .flatMap(({ rejections }) => rejections)
      .sort((one, other) => other.atMs - one.atMs)
      .slice(0, keptRejections),
    totals: each.map(({ totals }) => totals).reduce(bothTotals, noTotals),
    store: each.map(({ store }) => store).reduce(worse, 'written'),
  }
}

const noTotals: Totals = { received: 0, delivered: 0, latency: [] }

function bothTotals(one: Totals, other: Totals): Totals {
  return {
    received: one.received + other.received,
    delivered: one.delivered + other.delivered,
    latency: other.latency.map((count, bucket) => count + (one.latency[bucket] ?? 0)),
  }
}

function worse(one: StoreState, other: StoreState): StoreState {
  return storeStates.indexOf(one) < storeStates.indexOf(other) ? other : one
}

function bothRoutes(one: RouteSource, other: RouteSource): RouteSource {
  return {
    ...one,
    counters: {
      received: added(one.counters.received, other.counters.received),
      recovered: one.counters.recovered + other.counters.recovered,
      settled: added(one.counters.settled, other.counters.settled),
      rejections: added(one.counters.rejections, other.counters.rejections),
      retries: one.counters.retries + other.counters.retries,
    },
    owned: one.owned + other.owned,
    ownedLimit: one.ownedLimit + other.ownedLimit,
    isUp: one.isUp && other.isUp,
    isOut: one.isOut || other.isOut,
    downReason: one.downReason ?? other.downReason,
    outageCause: one.outageCause ?? other.outageCause,
    upstream: added(one.upstream, other.upstream),
    connections: one.connections + other.connections,
    feedbackWaiting: Math.max(one.feedbackWaiting, other.feedbackWaiting),
    feedbackReadAtMs: latest(one.feedbackReadAtMs, other.feedbackReadAtMs),
    senders: [...one.senders, ...other.senders],
    sessions: [...one.sessions, ...other.sessions],
  }
}

/** Counts under the same names. */
function added<Counts extends object>(one: Counts, other: Counts): Counts {
  const all = new Map<string, number>(Object.entries(one))
  for (const [name, count] of Object.entries(other) as [string, number][])
    all.set(name, (all.get(name) ?? 0) + count)
  return Object.fromEntries(all) as Counts
}

function latest(one: number | null, other: number | null): number | null {
  if (one === null || other === null) return one ?? other
  return Math.max(one, other)
}
