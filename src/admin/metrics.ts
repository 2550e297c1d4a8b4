/** What Prometheus reads: counts that the parts keep anyway, fetched when asked for. */
import { Counter, Gauge, Registry, collectDefaultMetrics } from 'prom-client'
import type { Histogram } from '../relay/histogram.ts'
import { settledOutcomes, type RouteCounters } from '../relay/route-counters.ts'
import { CountedHistogram } from './counted-histogram.ts'

/** What is measured of one route. */
export interface RouteGauge {
  readonly name: string
  readonly counters: RouteCounters
  /** Received and not yet settled. */
  readonly owned: number
  /** So many of these, and senders have to wait. */
  readonly ownedLimit: number
  /** Whether notifications can be sent, as far as is known. */
  readonly isUp: boolean
  /** Provider sessions that take requests. */
  readonly upstream: {
    readonly sessions: number
    /** Requests that they take at a time. */
    readonly streamLimit: number
    readonly inFlight: number
    /** Requests waiting for room. */
    readonly waiting: number
  }
  readonly requestLatency: Histogram
  /** Senders connected. */
  readonly connections: number
  /** Tokens that wait for a reader of the feedback service. */
  readonly feedbackWaiting: number
}

/** What is measured of one port for senders. */
export interface ListenerGauge {
  readonly kind: string
  readonly counters: {
    /** By cause. */
    readonly handshakeFailures: Readonly<Record<string, number>>
    /** By what was wrong with the sender. */
    readonly refused: Readonly<Record<string, number>>
    /** Connections beyond `maxConnections`. */
    readonly dropped: number
  }
}

/** How long a certificate has still to go. */
export interface CertificateGauge {
  readonly credential: 'server-certificate' | 'push-certificate'
  /** Empty for the gateway's own, which serves every route. */
  readonly route: string
  /** Negative once it has expired. */
  readonly expiresInSeconds: number
}

/** What is measured of the store. */
export interface StoreGauge {
  /** Notifications in the journal. */
  readonly entries: number
  /** Undefined where it is not on this machine's disk. */
  readonly bytes: number | undefined
  /** Whether it can be written. */
  readonly healthy: boolean
}

/** Where the numbers are. */
export interface MetricSources {
  readonly version: string
  readonly routes: () => readonly RouteGauge[]
  readonly listeners: () => readonly ListenerGauge[]
  readonly certificates: () => readonly CertificateGauge[]
  readonly store: () => StoreGauge
}

const prefix = 'apns_legacy_proxy_'

/** Of what prom-client knows of a process, the parts that nobody would act upon. */
const unhelpful =
  /_(nodejs_(active|external|heap_space|version)|eventloop_lag_(min|mean|stddev|p50|p90)|process_(virtual|heap))/

/** A registry of its own, so that several proxies fit into one process. */
export function createMetrics(sources: MetricSources): Registry {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry, prefix })
  for (const { name } of registry.getMetricsAsArray())
    if (unhelpful.test(name)) registry.removeSingleMetric(name)
  addRouteCounts(registry, sources)
  addRouteLatencies(registry, sources)
  addRouteGauges(registry, sources)
  addListenerCounts(registry, sources)
  addStanding(registry, sources)
  return registry
}

function addRouteCounts(registry: Registry, { routes }: MetricSources): void {
  counter(
    registry,
    'notifications_received_total',
    'Notifications that senders sent',
    ['route', 'command'],
    (set) => {
      for (const { name, counters } of routes())
        for (const [command, count] of Object.entries(counters.received))
          set({ route: name, command }, count)
    },
  )
  counter(
    registry,
    'notifications_recovered_total',
    'Notifications that an earlier process, or another one, had left in the journal',
    ['route'],
    (set) => {
      for (const { name, counters } of routes()) set({ route: name }, counters.recovered)
    },
  )
  counter(
    registry,
    'notifications_settled_total',
    'Notifications that ended, by outcome',
    ['route', 'outcome'],
    (set) => {
      for (const { name, counters } of routes())
        for (const outcome of settledOutcomes)
          set({ route: name, outcome }, counters.settled[outcome])
    },
  )
  counter(
    registry,
    'rejections_total',
    'Notifications rejected, told or not, by reason',
    ['route', 'reason'],
    (set) => {
      for (const { name, counters } of routes())
        for (const [reason, count] of Object.entries(counters.rejections))
          set({ route: name, reason }, count)
    },
  )
  counter(registry, 'retries_total', 'Requests sent once more', ['route'], (set) => {
    for (const { name, counters } of routes()) set({ route: name }, counters.retries)
  })
}

function addRouteLatencies(registry: Registry, { routes }: MetricSources): void {
  histogram(
    registry,
    'request_duration_seconds',
    'From a request to the answer of APNs',
    routes,
    ({ requestLatency }) => requestLatency,
  )
  histogram(
    registry,
    'error_response_delay_seconds',
    'From the arrival of a rejected notification to its error response',
    routes,
    ({ counters }) => counters.errorResponseLatency,
  )
}

/** One value for each route. */
const routeGauges: readonly (readonly [
  name: string,
  help: string,
  read: (route: RouteGauge) => number,
])[] = [
  ['notifications_owned', 'Notifications received and not yet settled', ({ owned }) => owned],
  [
    'notifications_owned_limit',
    'Notifications owned at which senders have to wait',
    ({ ownedLimit }) => ownedLimit,
  ],
  [
    'requests_in_flight',
    'Requests sent to APNs and not yet answered',
    ({ upstream }) => upstream.inFlight,
  ],
  [
    'requests_waiting',
    'Requests waiting for room in a provider session',
    ({ upstream }) => upstream.waiting,
  ],
  ['route_up', '1 while notifications of the route can be sent', ({ isUp }) => Number(isUp)],
  [
    'provider_sessions',
    'Provider sessions that take requests',
    ({ upstream }) => upstream.sessions,
  ],
  [
    'provider_stream_limit',
    'Requests that all provider sessions together take at a time',
    ({ upstream }) => upstream.streamLimit,
  ],
  ['sender_connections', 'Senders connected', ({ connections }) => connections],
  [
    'feedback_waiting',
    'Tokens that wait for a reader of the feedback service',
    ({ feedbackWaiting }) => feedbackWaiting,
  ],
]

function addRouteGauges(registry: Registry, { routes }: MetricSources): void {
  for (const [name, help, read] of routeGauges)
    gauge(registry, name, help, ['route'], (set) => {
      for (const route of routes()) set({ route: route.name }, read(route))
    })
}

function addListenerCounts(registry: Registry, { listeners }: MetricSources): void {
  counter(
    registry,
    'handshake_failures_total',
    'TLS handshakes with senders that failed, by cause',
    ['listener', 'cause'],
    (set) => {
      for (const { kind, counters } of listeners())
        for (const [cause, count] of Object.entries(counters.handshakeFailures))
          set({ listener: kind, cause }, count)
    },
  )
  counter(
    registry,
    'senders_refused_total',
    'Senders that belong to no route',
    ['listener', 'refusal'],
    (set) => {
      for (const { kind, counters } of listeners())
        for (const [refusal, count] of Object.entries(counters.refused))
          set({ listener: kind, refusal }, count)
    },
  )
  counter(
    registry,
    'connections_dropped_total',
    'Connections beyond maxConnections',
    ['listener'],
    (set) => {
      for (const { kind, counters } of listeners()) set({ listener: kind }, counters.dropped)
    },
  )
}

/** What holds for the whole process. */
function addStanding(registry: Registry, { version, certificates, store }: MetricSources): void {
  gauge(
    registry,
    'certificate_expiry_seconds',
    'Until a certificate expires; negative afterwards',
    ['credential', 'route'],
    (set) => {
      for (const { credential, route, expiresInSeconds } of certificates())
        set({ credential, route }, expiresInSeconds)
    },
  )
  gauge(registry, 'journal_entries', 'Notifications in the journal', [], (set) => {
    set({}, store().entries)
  })
  gauge(registry, 'journal_healthy', '1 while the journal can be written', [], (set) => {
    set({}, Number(store().healthy))
  })
  gauge(registry, 'store_bytes', 'What the store takes on the disk', [], (set) => {
    const { bytes } = store()
    if (bytes !== undefined) set({}, bytes)
  })
  gauge(registry, 'build_info', 'What is running; always 1', ['version', 'node'], (set) => {
    set({ version, node: process.versions.node }, 1)
  })
}

type SetValue<Label extends string> = (labels: Record<Label, string>, value: number) => void

function counter<Label extends string>(
  registry: Registry,
  name: string,
  help: string,
  labelNames: Label[],
  read: (set: SetValue<Label>) => void,
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

function gauge<Label extends string>(
  registry: Registry,
  name: string,
  help: string,
  labelNames: Label[],
  read: (set: SetValue<Label>) => void,
): void {
  new Gauge({
    name: prefix + name,
    help,
    labelNames,
    registers: [registry],
    collect() {
      this.reset()
      // Without labels it would be 0 until it is set.
      if (labelNames.length === 0) this.remove()
      read((labels, value) => {
        this.set(labels, value)
      })
    },
  })
}

function histogram(
  registry: Registry,
  name: string,
  help: string,
  routes: () => readonly RouteGauge[],
  read: (route: RouteGauge) => Histogram,
): void {
  new CountedHistogram({ name: prefix + name, help, registers: [registry] }, () =>
    routes().map((route) => ({ route: route.name, buckets: read(route) })),
  )
}
