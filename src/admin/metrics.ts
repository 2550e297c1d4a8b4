/** What Prometheus reads: counts that the parts keep anyway, fetched when asked for. */
import { Counter, Gauge, Registry, collectDefaultMetrics } from 'prom-client'
import { settledOutcomes, type Tally } from '../relay/tally.ts'

/** What is measured of one route. */
export interface RouteGauge {
  readonly name: string
  readonly tally: Tally
  /** Received and not yet settled. */
  readonly owned: number
  /** Provider sessions that take requests, the requests in flight, and those waiting for room. */
  readonly upstream: { sessions: number; inFlight: number; waiting: number }
  /** Senders connected. */
  readonly connections: number
}

const prefix = 'apns_legacy_proxy_'

/** A registry of its own, so that several proxies fit into one process. */
export function createMetrics(routes: () => readonly RouteGauge[]): Registry {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry, prefix })
  counter(
    registry,
    'notifications_received_total',
    'Notifications decoded',
    ['route', 'command'],
    (set) => {
      for (const { name, tally } of routes())
        for (const [command, count] of Object.entries(tally.received))
          set({ route: name, command }, count)
    },
  )
  counter(
    registry,
    'notifications_settled_total',
    'Notifications that ended, by outcome',
    ['route', 'outcome'],
    (set) => {
      for (const { name, tally } of routes())
        for (const outcome of settledOutcomes) set({ route: name, outcome }, tally.settled[outcome])
    },
  )
  counter(registry, 'retries_total', 'Requests sent once more', ['route'], (set) => {
    for (const { name, tally } of routes()) set({ route: name }, tally.retries)
  })
  gauge(
    registry,
    'notifications_owned',
    'Notifications received and not yet settled',
    routes,
    (route) => route.owned,
  )
  gauge(
    registry,
    'requests_in_flight',
    'Requests sent to APNs and not yet answered',
    routes,
    (route) => route.upstream.inFlight,
  )
  gauge(
    registry,
    'requests_waiting',
    'Requests waiting for room in a provider session',
    routes,
    (route) => route.upstream.waiting,
  )
  gauge(
    registry,
    'provider_sessions',
    'Provider sessions that take requests',
    routes,
    (route) => route.upstream.sessions,
  )
  gauge(registry, 'sender_connections', 'Senders connected', routes, (route) => route.connections)
  return registry
}

function counter<Label extends string>(
  registry: Registry,
  name: string,
  help: string,
  labelNames: Label[],
  read: (set: (labels: Record<Label, string>, value: number) => void) => void,
): void {
  new Counter({
    name: prefix + name,
    help,
    labelNames,
    registers: [registry],
    collect() {
      this.reset()
      read((labels, value) => {
        this.inc(labels, value)
      })
    },
  })
}

function gauge(
  registry: Registry,
  name: string,
  help: string,
  routes: () => readonly RouteGauge[],
  read: (route: RouteGauge) => number,
): void {
  new Gauge({
    name: prefix + name,
    help,
    labelNames: ['route'],
    registers: [registry],
    collect() {
      this.reset()
      for (const route of routes()) this.set({ route: route.name }, read(route))
    },
  })
}
