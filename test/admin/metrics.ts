/** The names and labels that dashboards and alerts are written with. */
import t from 'tap'
import { createMetrics, type RouteGauge } from '../../src/admin/metrics.ts'
import { newTally } from '../../src/relay/tally.ts'

function route(name: string, changes: Partial<RouteGauge> = {}): RouteGauge {
  return {
    name,
    tally: newTally(),
    owned: 0,
    upstream: { sessions: 0, inFlight: 0, waiting: 0 },
    connections: 0,
    ...changes,
  }
}

/** The samples as Prometheus reads them, without those of the Node process. */
async function samples(routes: readonly RouteGauge[]): Promise<string[]> {
  const text = await createMetrics(() => routes).metrics()
  return text
    .split('\n')
    .filter((line) => /^apns_legacy_proxy_(?!process_|nodejs_)/.test(line))
    .map((line) => line.slice('apns_legacy_proxy_'.length))
}

t.test('every series is there before anything has happened, at zero', async (t) => {
  t.strictSame(await samples([route('app')]), [
    'notifications_received_total{route="app",command="0"} 0',
    'notifications_received_total{route="app",command="1"} 0',
    'notifications_received_total{route="app",command="2"} 0',
    'notifications_settled_total{route="app",outcome="delivered"} 0',
    'notifications_settled_total{route="app",outcome="unregistered"} 0',
    'notifications_settled_total{route="app",outcome="rejected"} 0',
    'notifications_settled_total{route="app",outcome="untold"} 0',
    'notifications_settled_total{route="app",outcome="resent"} 0',
    'notifications_settled_total{route="app",outcome="expired"} 0',
    'retries_total{route="app"} 0',
    'notifications_owned{route="app"} 0',
    'requests_in_flight{route="app"} 0',
    'requests_waiting{route="app"} 0',
    'provider_sessions{route="app"} 0',
    'sender_connections{route="app"} 0',
  ])
})

t.test('each count stands in its own series, by route', async (t) => {
  const tally = {
    received: { 0: 10, 1: 20, 2: 30 },
    settled: { delivered: 31, unregistered: 2, rejected: 3, untold: 4, resent: 5, expired: 6 },
    retries: 7,
  }
  const busy = route('mdm', {
    tally,
    owned: 9,
    upstream: { sessions: 2, inFlight: 8, waiting: 1 },
    connections: 4,
  })
  const lines = await samples([route('app'), busy])
  t.strictSame(
    lines.filter((line) => line.includes('route="mdm"')),
    [
      'notifications_received_total{route="mdm",command="0"} 10',
      'notifications_received_total{route="mdm",command="1"} 20',
      'notifications_received_total{route="mdm",command="2"} 30',
      'notifications_settled_total{route="mdm",outcome="delivered"} 31',
      'notifications_settled_total{route="mdm",outcome="unregistered"} 2',
      'notifications_settled_total{route="mdm",outcome="rejected"} 3',
      'notifications_settled_total{route="mdm",outcome="untold"} 4',
      'notifications_settled_total{route="mdm",outcome="resent"} 5',
      'notifications_settled_total{route="mdm",outcome="expired"} 6',
      'retries_total{route="mdm"} 7',
      'notifications_owned{route="mdm"} 9',
      'requests_in_flight{route="mdm"} 8',
      'requests_waiting{route="mdm"} 1',
      'provider_sessions{route="mdm"} 2',
      'sender_connections{route="mdm"} 4',
    ],
  )
  t.equal(lines.filter((line) => line.includes('route="app"')).length, 15)
})

t.test('what is read twice is counted once', async (t) => {
  const tally = newTally()
  const metrics = createMetrics(() => [route('app', { tally })])
  const delivered = /settled_total\{route="app",outcome="delivered"\} (\d+)/
  tally.settled.delivered = 3
  t.equal(delivered.exec(await metrics.metrics())?.[1], '3')
  t.equal(delivered.exec(await metrics.metrics())?.[1], '3')
  tally.settled.delivered = 5
  t.equal(delivered.exec(await metrics.metrics())?.[1], '5')
})

t.test('every series says what it is, and the process reports on itself', async (t) => {
  const text = await createMetrics(() => [route('app')]).metrics()
  t.match(text, '# TYPE apns_legacy_proxy_notifications_received_total counter')
  t.match(text, '# TYPE apns_legacy_proxy_notifications_settled_total counter')
  t.match(text, '# TYPE apns_legacy_proxy_retries_total counter')
  t.match(text, '# TYPE apns_legacy_proxy_notifications_owned gauge')
  t.match(text, '# HELP apns_legacy_proxy_notifications_settled_total Notifications that ended')
  t.match(text, /^apns_legacy_proxy_process_cpu_seconds_total [\d.]+$/m)
})

t.test('a route that is gone is not told of any more', async (t) => {
  let routes = [route('old'), route('new')]
  const metrics = createMetrics(() => routes)
  t.match(await metrics.metrics(), 'notifications_owned{route="old"}')
  routes = [route('new')]
  t.notMatch(await metrics.metrics(), 'route="old"')
})

t.test('several proxies in one process keep their counts apart', async (t) => {
  t.equal((await samples([route('one')])).length, 15)
  t.equal((await samples([route('two')])).length, 15)
})
