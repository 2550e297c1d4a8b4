/** What is called wrong, how loudly, and what is said to help. */
import t from 'tap'
import type { RouteState, ProxyState } from '../../src/admin/proxy-state.ts'
import { healthOf } from '../../src/admin/health.ts'
import { routeState, sampleAtMs, proxyState } from '../fixtures/status-sample.ts'

const dayMs = 24 * 60 * 60 * 1000

function certificate(daysLeft: number): Partial<RouteState> {
  const notAfterMs = sampleAtMs + daysLeft * dayMs
  return { credential: { kind: 'certificate', subject: 'UID=com.example.shop', notAfterMs } }
}

function withRoute(changes: Partial<RouteState>): ProxyState {
  return proxyState({ routes: [routeState(changes)] })
}

const rows: readonly {
  readonly name: string
  readonly state: ProxyState
  readonly level: string
  readonly what?: string
}[] = [
  { name: 'an ordinary day', state: withRoute({}), level: 'healthy' },
  { name: 'a certificate for 31 days', state: withRoute(certificate(31)), level: 'healthy' },
  {
    name: 'a certificate for 30 days',
    state: withRoute(certificate(30)),
    level: 'warning',
    what: 'The push certificate expires in 30 days: APNs refuses it then.',
  },
  { name: 'a certificate for 7.1 days', state: withRoute(certificate(7.1)), level: 'warning' },
  {
    name: 'a certificate for a week',
    state: withRoute(certificate(7)),
    level: 'alarm',
    what: 'The push certificate expires in 7 days: APNs refuses it then.',
  },
  {
    name: 'a certificate for a day',
    state: withRoute(certificate(1.5)),
    level: 'alarm',
    what: 'The push certificate expires in 1 day: APNs refuses it then.',
  },
  {
    name: 'a certificate for hours',
    state: withRoute(certificate(0.2)),
    level: 'alarm',
    what: 'The push certificate expires within a day: APNs refuses it then.',
  },
  {
    name: 'a certificate that has expired',
    state: withRoute(certificate(-1)),
    level: 'alarm',
    what: 'The push certificate has expired.',
  },
  {
    name: 'a signing key never expires',
    state: withRoute({ credential: { kind: 'signing-key', keyId: 'K', teamId: 'T' } }),
    level: 'healthy',
  },
  {
    name: 'the gateway’s own certificate',
    state: proxyState({
      routes: [],
      gatewayCertificateNotAfterMs: sampleAtMs + 12.5 * dayMs,
    }),
    level: 'warning',
    what: 'The server certificate expires in 12 days: senders that verify it can no longer connect.',
  },
  {
    name: 'a refused credential',
    state: withRoute({ isUp: false, isOut: true, downReason: 'BadCertificate', owned: 1 }),
    level: 'alarm',
    what: 'APNs refuses the credential of this route: BadCertificate. 1 notification waits in the journal.',
  },
  {
    name: 'a suspected set-up',
    state: withRoute({
      isUp: false,
      downReason: 'BadDeviceToken for every token: wrong certificate, topic or environment?',
      isSuspicious: true,
      owned: 23,
    }),
    level: 'alarm',
    what: 'APNs rejects every token of this route: BadDeviceToken for every token: wrong certificate, topic or environment? The proxy tells no sender meanwhile. 23 notifications wait in the journal.',
  },
  {
    name: 'an unproven route',
    state: withRoute({ standing: 'unproven' }),
    level: 'healthy',
  },
  {
    name: 'an answer that is not APNs’',
    state: withRoute({ foreignAnswer: { reason: 'HTTP 302', atMs: sampleAtMs - 299_999 } }),
    level: 'alarm',
    what: 'A program between this machine and APNs answers in place of APNs: HTTP 302. The proxy sends again what it has answered.',
  },
  {
    name: 'an answer long ago that was not APNs’',
    state: withRoute({ foreignAnswer: { reason: 'HTTP 302', atMs: sampleAtMs - 300_001 } }),
    level: 'healthy',
  },
  {
    name: 'no connection',
    state: withRoute({ isUp: false, isOut: true, outageCause: 'ECONNREFUSED', owned: 1200 }),
    level: 'alarm',
    what: 'No connection to APNs: ECONNREFUSED. 1,200 notifications wait in the journal.',
  },
  {
    name: 'no connection yet',
    state: withRoute({ isUp: false, isOut: true, owned: 0 }),
    level: 'alarm',
    what: 'No connection to APNs. Nothing is waiting.',
  },
  {
    name: 'a session that is just being replaced',
    state: withRoute({ isUp: false, outageCause: 'closed by the peer' }),
    level: 'healthy',
  },
  {
    name: 'a journal that cannot be written',
    state: proxyState({ store: 'full', routes: [] }),
    level: 'alarm',
    what: 'The journal cannot be written. Senders wait until it can.',
  },
  {
    name: 'a Redis that is away',
    state: proxyState({ store: 'unwritten', routes: [] }),
    level: 'alarm',
    what: 'Redis cannot be reached. The proxy still sends notifications to APNs, and keeps undelivered ones in memory only.',
  },
  {
    name: 'a Redis that was not there at the start',
    state: proxyState({ store: 'awaited', routes: [] }),
    level: 'alarm',
    what: 'Redis has been unreachable since the start. No sender can connect.',
  },
  {
    name: 'a journal that is full',
    state: withRoute({ owned: 100_000 }),
    level: 'alarm',
    what: 'The journal is full: 100,000 notifications are owned. Senders wait.',
  },
  {
    name: 'feedback that was read today',
    state: withRoute({ feedbackWaiting: 9, feedbackReadAtMs: sampleAtMs - dayMs / 2 }),
    level: 'healthy',
  },
  {
    name: 'feedback that nobody reads',
    state: withRoute({ feedbackWaiting: 9, feedbackReadAtMs: null }),
    level: 'warning',
    what: '9 tokens wait in the feedback service, which nobody has read for a day.',
  },
]

for (const { name, state, level, what } of rows)
  t.test(name, (t) => {
    const health = healthOf(state)
    t.equal(health.level, level)
    t.equal(health.problems[0]?.what, what ?? health.problems[0]?.what)
    t.equal(health.problems.length, level === 'healthy' ? 0 : 1)
    for (const { cure } of health.problems) t.match(cure, /^\p{Lu}.*\.$/u)
    t.end()
  })

t.test('a known reason brings its own meaning, an unknown one does not', (t) => {
  const cureOf = (downReason: string): string | undefined =>
    healthOf(withRoute({ downReason })).problems[0]?.cure
  t.match(cureOf('BadCertificate'), /^APNs rejects the certificate/)
  t.match(cureOf('tls alert'), /^“apns-legacy-proxy check/)
  t.end()
})

t.test('alarms come before warnings, whatever route they are of', (t) => {
  const routes = [
    routeState({ name: 'first', ...certificate(20) }),
    routeState({ name: 'second', ...certificate(2) }),
  ]
  const { level, problems } = healthOf(proxyState({ routes }))
  t.equal(level, 'alarm')
  t.strictSame(
    problems.map(({ route }) => route),
    ['second', 'first'],
  )
  t.end()
})
