/** The metrics that Prometheus reads, as tables. Their values are counted elsewhere and read on request. */
import { Counter, Gauge, Registry, collectDefaultMetrics } from 'prom-client'
import type { LatencyHistogram } from '../timing/latency-histogram.ts'
import type { RouteCounters } from '../relay/route-counters.ts'
import { knownProblems } from './known-problem.ts'
import { keyOf, type Problem } from './problem.ts'
import { CountedHistogram } from './counted-histogram.ts'

/** The values of one route. */
export interface RouteGauge {
  readonly name: string
  readonly counters: RouteCounters
  /** Received and not yet settled. */
  readonly owned: number
  /** When `owned` reaches it, the proxy stops reading from senders. */
  readonly ownedLimit: number
  /** Whether the proxy can send notifications, as far as it knows. */
  readonly isUp: boolean
  /** Sessions that accept requests. */
  readonly upstream: {
    readonly sessions: number
    /** Requests that all sessions together accept at a time. */
    readonly streamLimit: number
    readonly inFlight: number
    /** Requests that wait for room in a session. */
    readonly waiting: number
  }
  readonly requestLatency: LatencyHistogram
  /** Connected senders. */
  readonly connections: number
  /** Tokens that wait for a reader of the feedback service. */
  readonly feedbackWaiting: number
}

/** The values of one listener for senders. */
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

/** When a certificate expires. */
export interface CertificateGauge {
  readonly credential: 'server-certificate' | 'push-certificate'
  /** Empty for the server certificate, which serves every route. */
  readonly route: string
  /** Negative after the certificate has expired. */
  readonly expiresInSeconds: number
}

/** The values of the store. */
export interface StoreGauge {
  /** Notifications in the journal. */
  readonly entries: number
  /** Undefined if the store is not on this machine's disk. */
  readonly bytes: number | undefined
  /** Whether writes succeed. */
  readonly healthy: boolean
}

/** The sources of all values. */
export interface MetricSources {
  readonly version: string
  readonly routes: () => readonly RouteGauge[]
  readonly listeners: () => readonly ListenerGauge[]
  /** Since the start, by outcome. */
  readonly alarms: () => Readonly<Record<string, number>>
  readonly certificates: () => readonly CertificateGauge[]
  readonly store: () => StoreGauge
  readonly problems: () => readonly Problem[]
}

const prefix = 'apns_legacy_proxy_'

/** Default metrics of prom-client that no operator would act upon. */
const unhelpful =
  /_(nodejs_(active|external|heap_space|version)|eventloop_lag_(min|mean|stddev|p50|p90)|process_(virtual|heap))/

/** Has its own registry, so that several proxies can run in one process. */
export function createMetrics(sources: MetricSources): Registry {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry, prefix })
  for (const { name } of registry.getMetricsAsArray())
    if (unhelpful.test(name)) registry.removeSingleMetric(name)
  const addRouteMetrics = (rows: readonly Row<RouteGauge>[]): void => {
    for (const [name, help, read, ...label] of rows)
      addMetric(registry, name, help, ['route', ...label], () =>
        sources.routes().flatMap((route) => samplesOf(route.name, read(route))),
      )
  }
  addRouteMetrics(routeCounters)
  for (const [name, help, read] of routeHistograms)
    new CountedHistogram({ name: prefix + name, help, registers: [registry] }, () =>
      sources.routes().map((route) => ({ route: route.name, buckets: read(route) })),
    )
  addRouteMetrics(routeGauges)
  for (const [name, help, read, ...label] of listenerMetrics)
    addMetric(registry, name, help, ['listener', ...label], () =>
      sources.listeners().flatMap(({ kind, counters }) => samplesOf(kind, read(counters))),
    )
  for (const [name, help, labels, read] of processMetrics)
    addMetric(registry, name, help, labels, () => read(sources))
  return registry
}

/** A value, and the values of its labels. */
type Sample = readonly [value: number, ...labels: readonly string[]]

/** Reads one value; with a label, one for each value of the label. */
type Row<Source> = readonly [
  name: string,
  help: string,
  read: (source: Source) => number | Readonly<Record<string, number>>,
  ...label: readonly string[],
]

const routeCounters: readonly Row<RouteGauge>[] = [
  [
    'notifications_received_total',
    'Notifications that senders sent',
    ({ counters }) => counters.received,
    'command',
  ],
  [
    'notifications_recovered_total',
    'Notifications that an earlier process, or another one, had left in the journal',
    ({ counters }) => counters.recovered,
  ],
  [
    'notifications_settled_total',
    'Notifications that ended, by outcome',
    ({ counters }) => counters.settled,
    'outcome',
  ],
  [
    'rejections_total',
    'Notifications rejected, told or not, by reason',
    ({ counters }) => counters.rejections,
    'reason',
  ],
  ['retries_total', 'Requests sent again, by cause', ({ counters }) => counters.retries, 'cause'],
  [
    'foreign_answers_total',
    'Answers of a program between the proxy and APNs',
    ({ counters }) => counters.foreignAnswers,
  ],
]

const routeGauges: readonly Row<RouteGauge>[] = [
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
    'Provider sessions that accept requests',
    ({ upstream }) => upstream.sessions,
  ],
  [
    'provider_stream_limit',
    'Requests that all provider sessions together accept at a time',
    ({ upstream }) => upstream.streamLimit,
  ],
  ['sender_connections', 'Senders connected', ({ connections }) => connections],
  [
    'feedback_waiting',
    'Tokens that wait for a reader of the feedback service',
    ({ feedbackWaiting }) => feedbackWaiting,
  ],
]

const routeHistograms: readonly (readonly [
  name: string,
  help: string,
  read: (route: RouteGauge) => LatencyHistogram,
])[] = [
  [
    'request_duration_seconds',
    'Time from a request to the answer of APNs',
    ({ requestLatency }) => requestLatency,
  ],
  [
    'error_response_delay_seconds',
    'Time from the arrival of a rejected notification to its error response',
    ({ counters }) => counters.errorResponseLatency,
  ],
]

const listenerMetrics: readonly Row<ListenerGauge['counters']>[] = [
  [
    'handshake_failures_total',
    'TLS handshakes with senders that failed, by cause',
    ({ handshakeFailures }) => handshakeFailures,
    'cause',
  ],
  ['senders_refused_total', 'Senders that belong to no route', ({ refused }) => refused, 'refusal'],
  ['connections_dropped_total', 'Connections beyond maxConnections', ({ dropped }) => dropped],
]

const processMetrics: readonly (readonly [
  name: string,
  help: string,
  labels: readonly string[],
  read: (sources: MetricSources) => readonly Sample[],
])[] = [
  [
    'certificate_expiry_seconds',
    'Time until a certificate expires; negative afterwards',
    ['credential', 'route'],
    ({ certificates }) =>
      certificates().map((one) => [one.expiresInSeconds, one.credential, one.route]),
  ],
  [
    'alarms_total',
    'Alarms for the receivers under alarms, by outcome',
    ['outcome'],
    ({ alarms }) => Object.entries(alarms()).map(([outcome, count]) => [count, outcome]),
  ],
  ['journal_entries', 'Notifications in the journal', [], ({ store }) => [[store().entries]]],
  [
    'journal_healthy',
    '1 while the journal can be written',
    [],
    ({ store }) => [[Number(store().healthy)]],
  ],
  [
    'store_bytes',
    'Size of the store on the disk',
    [],
    ({ store }) => {
      const { bytes } = store()
      return bytes === undefined ? [] : [[bytes]]
    },
  ],
  [
    'problem',
    '1 while the status page shows the problem',
    ['route', 'code', 'severity'],
    problemSamples,
  ],
  [
    'build_info',
    'Versions of the proxy and of Node; always 1',
    ['version', 'node'],
    ({ version }) => [[1, version, process.versions.node]],
  ],
]

/** All problems that can occur; those that do not are 0. */
function problemSamples({ problems, routes }: MetricSources): readonly Sample[] {
  const present = new Set(problems().map(keyOf))
  const owners = { proxy: [''], route: routes().map(({ name }) => name) }
  return knownProblems.flatMap(({ code, severity, of }) =>
    owners[of].map((route): Sample => {
      return [Number(present.has(keyOf({ code, route }))), route, code, severity]
    }),
  )
}

function samplesOf(owner: string, value: number | Readonly<Record<string, number>>): Sample[] {
  if (typeof value === 'number') return [[value, owner]]
  return Object.entries(value).map(([label, count]) => [count, owner, label])
}

/** Adds a counter if the name ends in `_total`, otherwise a gauge. */
function addMetric(
  registry: Registry,
  name: string,
  help: string,
  labelNames: readonly string[],
  read: () => readonly Sample[],
): void {
  const Metric = name.endsWith('_total') ? Counter : Gauge
  const metric: Counter | Gauge = new Metric({
    name: prefix + name,
    help,
    labelNames,
    registers: [registry],
    collect: () => {
      metric.reset()
      // Otherwise a metric without labels is 0 if there is no sample.
      if (labelNames.length === 0) metric.remove()
      for (const [value, ...labels] of read()) metric.labels(...labels).inc(value)
    },
  })
}
