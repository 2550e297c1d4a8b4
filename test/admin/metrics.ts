/** The names and labels that dashboards and alerts are written with. */
import t from 'tap'
import { createMetrics, type MetricSources, type RouteGauge } from '../../src/admin/metrics.ts'
import { LatencyHistogram } from '../../src/timing/latency-histogram.ts'
import { newCounters } from '../../src/relay/route-counters.ts'

import { token } from '../fixtures/hex.ts'
import { RawSender } from '../fixtures/raw-sender.ts'
import { setStage } from '../fixtures/stage.ts'

function route(name: string, changes: Partial<RouteGauge> = {}): RouteGauge {
  return {
    name,
    counters: newCounters(),
    owned: 0,
    ownedLimit: 100_000,
    isUp: false,
    upstream: { sessions: 0, streamLimit: 0, inFlight: 0, waiting: 0 },
    requestLatency: new LatencyHistogram(),
    connections: 0,
    feedbackWaiting: 0,
    ...changes,
  }
}

const sources: MetricSources = {
  version: '1.2.3',
  routes: () => [route('app')],
  listeners: () => [],
  alarms: () => ({ sent: 0, failed: 0 }),
  certificates: () => [],
  store: () => ({ entries: 0, bytes: undefined, healthy: true }),
  problems: () => [],
}

/** The samples as Prometheus reads them, without the prefix, and without those of the process. */
async function samples(given: Partial<MetricSources> = {}): Promise<string[]> {
  const lines = samplesIn(await createMetrics({ ...sources, ...given }).metrics())
  return lines.filter((line) => !line.startsWith('problem{'))
}

function samplesIn(text: string): string[] {
  return text
    .split('\n')
    .filter((line) => /^apns_legacy_proxy_(?!process_|nodejs_)/.test(line))
    .map((line) => line.slice('apns_legacy_proxy_'.length))
}

t.test('every series of a route is there before anything has happened, at zero', async (t) => {
  const lines = (await samples()).filter((line) => line.includes('route="app"'))
  t.strictSame(
    lines.filter((line) => !/^rejections|_bucket/.test(line)),
    [
      'notifications_received_total{route="app",command="0"} 0',
      'notifications_received_total{route="app",command="1"} 0',
      'notifications_received_total{route="app",command="2"} 0',
      'notifications_recovered_total{route="app"} 0',
      'notifications_settled_total{route="app",outcome="delivered"} 0',
      'notifications_settled_total{route="app",outcome="unregistered"} 0',
      'notifications_settled_total{route="app",outcome="rejected"} 0',
      'notifications_settled_total{route="app",outcome="untold"} 0',
      'notifications_settled_total{route="app",outcome="resent"} 0',
      'notifications_settled_total{route="app",outcome="expired"} 0',
      'retries_total{route="app",cause="throttled"} 0',
      'retries_total{route="app",cause="server-error"} 0',
      'retries_total{route="app",cause="foreign"} 0',
      'retries_total{route="app",cause="unanswered"} 0',
      'retries_total{route="app",cause="other-answer"} 0',
      'foreign_answers_total{route="app"} 0',
      'request_duration_seconds_sum{route="app"} 0',
      'request_duration_seconds_count{route="app"} 0',
      'error_response_delay_seconds_sum{route="app"} 0',
      'error_response_delay_seconds_count{route="app"} 0',
      'notifications_owned{route="app"} 0',
      'notifications_owned_limit{route="app"} 100000',
      'requests_in_flight{route="app"} 0',
      'requests_waiting{route="app"} 0',
      'route_up{route="app"} 0',
      'provider_sessions{route="app"} 0',
      'provider_stream_limit{route="app"} 0',
      'sender_connections{route="app"} 0',
      'feedback_waiting{route="app"} 0',
    ],
  )
  t.ok(lines.includes('rejections_total{route="app",reason="BadDeviceToken"} 0'))
  t.ok(lines.includes('rejections_total{route="app",reason="other"} 0'))
})

t.test('each count stands in its own series, by route', async (t) => {
  const counters = {
    ...newCounters(),
    received: { 0: 10, 1: 20, 2: 30 },
    recovered: 8,
    settled: { delivered: 31, unregistered: 2, rejected: 3, untold: 4, resent: 5, expired: 6 },
    rejections: { BadDeviceToken: 5, other: 2 },
    retries: { ...newCounters().retries, throttled: 7 },
    foreignAnswers: 9,
  }
  const busy = route('mdm', {
    counters,
    owned: 9,
    ownedLimit: 10,
    isUp: true,
    upstream: { sessions: 2, streamLimit: 1500, inFlight: 8, waiting: 1 },
    connections: 4,
    feedbackWaiting: 12,
  })
  const lines = await samples({ routes: () => [route('app'), busy] })
  t.strictSame(
    lines.filter((line) => line.includes('route="mdm"') && !/_seconds_/.test(line)),
    [
      'notifications_received_total{route="mdm",command="0"} 10',
      'notifications_received_total{route="mdm",command="1"} 20',
      'notifications_received_total{route="mdm",command="2"} 30',
      'notifications_recovered_total{route="mdm"} 8',
      'notifications_settled_total{route="mdm",outcome="delivered"} 31',
      'notifications_settled_total{route="mdm",outcome="unregistered"} 2',
      'notifications_settled_total{route="mdm",outcome="rejected"} 3',
      'notifications_settled_total{route="mdm",outcome="untold"} 4',
      'notifications_settled_total{route="mdm",outcome="resent"} 5',
      'notifications_settled_total{route="mdm",outcome="expired"} 6',
      'rejections_total{route="mdm",reason="BadDeviceToken"} 5',
      'rejections_total{route="mdm",reason="other"} 2',
      'retries_total{route="mdm",cause="throttled"} 7',
      'retries_total{route="mdm",cause="server-error"} 0',
      'retries_total{route="mdm",cause="foreign"} 0',
      'retries_total{route="mdm",cause="unanswered"} 0',
      'retries_total{route="mdm",cause="other-answer"} 0',
      'foreign_answers_total{route="mdm"} 9',
      'notifications_owned{route="mdm"} 9',
      'notifications_owned_limit{route="mdm"} 10',
      'requests_in_flight{route="mdm"} 8',
      'requests_waiting{route="mdm"} 1',
      'route_up{route="mdm"} 1',
      'provider_sessions{route="mdm"} 2',
      'provider_stream_limit{route="mdm"} 1500',
      'sender_connections{route="mdm"} 4',
      'feedback_waiting{route="mdm"} 12',
    ],
  )
  t.ok(lines.includes('notifications_owned{route="app"} 0'))
})

t.test(
  'a latency is a histogram of Prometheus: in seconds, each bucket with those below',
  async (t) => {
    const requestLatency = new LatencyHistogram()
    for (const ms of [1, 4, 5, 60_000]) requestLatency.add(ms)
    const text = await createMetrics({
      ...sources,
      routes: () => [route('app', { requestLatency })],
    }).metrics()
    t.match(text, '# TYPE apns_legacy_proxy_request_duration_seconds histogram')
    const lines = samplesIn(text).filter((line) => line.startsWith('request_duration_seconds'))
    t.strictSame(lines, [
      ...[
        ['0.001', 1],
        ['0.002', 1],
        ['0.003', 1],
        ['0.005', 3],
        ['0.01', 3],
        ['0.02', 3],
        ['0.03', 3],
        ['0.05', 3],
        ['0.1', 3],
        ['0.2', 3],
        ['0.3', 3],
        ['0.5', 3],
        ['1', 3],
        ['2', 3],
        ['3', 3],
        ['5', 3],
        ['10', 3],
        ['+Inf', 4],
      ].map(
        ([le, count]) =>
          `request_duration_seconds_bucket{le="${String(le)}",route="app"} ${String(count)}`,
      ),
      'request_duration_seconds_sum{route="app"} 60.01',
      'request_duration_seconds_count{route="app"} 4',
    ])
  },
)

t.test('two ports of one kind are counted together', async (t) => {
  const listener = (timeout: number): ReturnType<MetricSources['listeners']>[number] => ({
    kind: 'gateway',
    counters: {
      handshakeFailures: { timeout, 'not-tls': 2 },
      refused: { 'unknown-certificate': 3 },
      dropped: 4,
    },
  })
  const lines = await samples({ listeners: () => [listener(1), listener(10)] })
  t.strictSame(
    lines.filter((line) => line.includes('listener=')),
    [
      'handshake_failures_total{listener="gateway",cause="timeout"} 11',
      'handshake_failures_total{listener="gateway",cause="not-tls"} 4',
      'senders_refused_total{listener="gateway",refusal="unknown-certificate"} 6',
      'connections_dropped_total{listener="gateway"} 8',
    ],
  )
})

t.test('what holds for the process', async (t) => {
  const lines = await samples({
    routes: () => [],
    certificates: () => [
      { credential: 'server-certificate', route: '', expiresInSeconds: 86_400 },
      { credential: 'push-certificate', route: 'mdm', expiresInSeconds: -5 },
    ],
    alarms: () => ({ sent: 3, failed: 1 }),
    store: () => ({ entries: 7, bytes: 4096, healthy: false }),
  })
  t.strictSame(lines, [
    'certificate_expiry_seconds{credential="server-certificate",route=""} 86400',
    'certificate_expiry_seconds{credential="push-certificate",route="mdm"} -5',
    'alarms_total{outcome="sent"} 3',
    'alarms_total{outcome="failed"} 1',
    'journal_entries 7',
    'journal_healthy 0',
    'store_bytes 4096',
    `build_info{version="1.2.3",node="${process.versions.node}"} 1`,
  ])
})

t.test('a store that is elsewhere takes nothing on this disk, rather than 0', async (t) => {
  t.notOk((await samples()).some((line) => line.startsWith('store_bytes')))
})

t.test('a problem is 1 while it lasts, and every other one is 0', async (t) => {
  const texts = { what: '', cure: '' }
  const metrics = createMetrics({
    ...sources,
    routes: () => [route('app'), route('mdm')],
    problems: () => [
      { ...texts, code: 'throttled', severity: 'alarm', route: 'mdm' },
      { ...texts, code: 'redis-unreachable', severity: 'alarm' },
    ],
  })
  const lines = samplesIn(await metrics.metrics()).filter((line) => line.startsWith('problem{'))
  t.strictSame(
    lines.filter((line) => line.endsWith(' 1')),
    [
      'problem{route="",code="redis-unreachable",severity="alarm"} 1',
      'problem{route="mdm",code="throttled",severity="alarm"} 1',
    ],
  )
  t.ok(lines.includes('problem{route="app",code="throttled",severity="alarm"} 0'))
  t.ok(lines.includes('problem{route="app",code="rejected-many",severity="warning"} 0'))
  t.equal(lines.length, new Set(lines).size)
})

t.test('what is read twice is counted once', async (t) => {
  const counters = newCounters()
  const metrics = createMetrics({ ...sources, routes: () => [route('app', { counters })] })
  const delivered = /settled_total\{route="app",outcome="delivered"\} (\d+)/
  counters.settled.delivered = 3
  t.equal(delivered.exec(await metrics.metrics())?.[1], '3')
  t.equal(delivered.exec(await metrics.metrics())?.[1], '3')
  counters.settled.delivered = 5
  t.equal(delivered.exec(await metrics.metrics())?.[1], '5')
})

t.test('every series says what it is, and the process reports on itself', async (t) => {
  const text = await createMetrics(sources).metrics()
  t.match(text, '# TYPE apns_legacy_proxy_notifications_received_total counter')
  t.match(text, '# TYPE apns_legacy_proxy_notifications_owned gauge')
  t.match(text, '# HELP apns_legacy_proxy_notifications_settled_total Notifications that ended')
  t.match(text, /^apns_legacy_proxy_process_cpu_seconds_total [\d.]+$/m)
  t.match(text, '# TYPE apns_legacy_proxy_nodejs_eventloop_lag_p99_seconds gauge')
  t.notMatch(text, 'nodejs_active_handles')
})

t.test('a route that is gone is not told of any more', async (t) => {
  let routes = [route('old'), route('new')]
  const metrics = createMetrics({ ...sources, routes: () => routes })
  t.match(await metrics.metrics(), 'notifications_owned{route="old"}')
  routes = [route('new')]
  t.notMatch(await metrics.metrics(), 'route="old"')
})

t.test('several proxies in one process keep their counts apart', async (t) => {
  const [one, two] = [await samples(), await samples()]
  t.equal(one.length, two.length)
})

t.test('a running proxy measures all of it', async (t) => {
  const stage = await setStage(t, {
    file: {
      listeners: [
        { kind: 'gateway', host: '127.0.0.1', port: 0 },
        { kind: 'feedback', host: '127.0.0.1', port: 0 },
      ],
    },
    simulator: {
      answers: [
        { tokenPrefix: 'bad', reason: 'BadDeviceToken' },
        { tokenPrefix: 'dead', reason: 'Unregistered' },
      ],
    },
  })
  const read = async (): Promise<Map<string, number>> => {
    const response = await fetch(`http://127.0.0.1:${stage.adminPort}/metrics`, {
      headers: { connection: 'close' },
    })
    return new Map(
      samplesIn(await response.text()).map((line) => {
        const at = line.lastIndexOf(' ')
        return [line.slice(0, at), Number(line.slice(at + 1))]
      }),
    )
  }
  const stranger = RawSender.begin(t, stage, { minVersion: 'TLSv1.3', maxVersion: 'TLSv1.3' })
  await stranger.saw('close')
  const nobody = await RawSender.open(t, stage, { cert: undefined, key: undefined })
  await nobody.saw('end')
  const sender = await RawSender.open(t, stage)
  sender.write(`
    01 00000001 00000000 0020 ${token} 0002 7b7d
    01 00000002 00000000 0020 dead${token.slice(4)} 0002 7b7d
    01 00000003 00000000 0020 bad0${token.slice(4)} 0002 7b7d
  `)
  await sender.saw('end')
  const metrics = await read()
  const expected = {
    'rejections_total{route="app",reason="BadDeviceToken"}': 1,
    'rejections_total{route="app",reason="Unregistered"}': 0,
    'request_duration_seconds_count{route="app"}': 3,
    'error_response_delay_seconds_count{route="app"}': 1,
    'route_up{route="app"}': 1,
    'provider_sessions{route="app"}': 1,
    'provider_stream_limit{route="app"}': 1000,
    'feedback_waiting{route="app"}': 1,
    'handshake_failures_total{listener="gateway",cause="tls-version"}': 1,
    'handshake_failures_total{listener="feedback",cause="tls-version"}': 0,
    'senders_refused_total{listener="gateway",refusal="no-certificate"}': 1,
    'connections_dropped_total{listener="gateway"}': 0,
    journal_entries: 0,
    journal_healthy: 1,
  }
  for (const [name, value] of Object.entries(expected)) t.equal(metrics.get(name), value, name)
  t.ok((metrics.get('error_response_delay_seconds_sum{route="app"}') ?? 0) >= 0.02, 'the quiet')
  t.ok((metrics.get('store_bytes') ?? 0) >= 1024 * 1024)
  const days = (name: string): number => (metrics.get(name) ?? 0) / 86_400
  t.ok(days('certificate_expiry_seconds{credential="server-certificate",route=""}') > 300)
  t.ok(days('certificate_expiry_seconds{credential="push-certificate",route="app"}') > 300)
})
