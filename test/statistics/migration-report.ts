/** The report as text: who is in it, and that no peer writes Markdown into it. */
import t from 'tap'
import { SenderStatistics, type RouteRecord } from '../../src/statistics/sender-statistics.ts'
import { migrationReport, reportOf } from '../../src/statistics/migration-report.ts'
import { markdownOf } from '../../src/statistics/report-markdown.ts'
import { countConnection, countReceived } from '../../src/statistics/sender-record.ts'

const start = Date.UTC(2026, 10, 25, 12)
const nowMs = start + 36 * 3600 * 1000

const route: RouteRecord = {
  name: 'app',
  topic: 'com.example.app',
  environment: 'production',
  credential: 'certificate',
  credentialNotAfterMs: start + 400 * 86_400_000,
  reach: 'proven',
  reachReason: '',
  expiration: {},
}

const received = {
  kind: 'notification',
  command: 0,
  identifier: undefined,
  token: Buffer.alloc(32, 0xab),
  payload: Buffer.from('{"aps":{"alert":"secret"}}'),
  expiration: undefined,
  priority: undefined,
} as const

t.test('has each sender with verdict, steps and facts, those who send most first', (t) => {
  const statistics = new SenderStatistics(start)
  const notAfter = new Date(start)
  const small = statistics.sender(
    'app',
    { publicKeySha256: 'a', subject: 'CN=small', notAfter },
    start,
  )
  const big = statistics.sender('app', { publicKeySha256: 'b', subject: 'CN=big', notAfter }, start)
  countReceived(small, received, 'alert')
  for (let count = 0; count < 300; count++) countReceived(big, received, 'alert')
  countConnection(big, '10.0.0.1', 'TLSv1')
  statistics.sample(start + 1000)
  const spare: RouteRecord = { ...route, name: 'spare' }
  const report = reportOf(statistics.snapshot([route, spare]), nowMs)
  t.match(report.senders, [
    { notifications: 300, perDay: 150, verdict: 'replace', facts: { subject: 'CN=big' } },
    { notifications: 1, perDay: 1, verdict: 'put-right', route: { name: 'app' } },
  ])
  t.match(report.unusedRoutes, [{ name: 'spare' }])
  t.equal(JSON.stringify(migrationReport.parse(report)), JSON.stringify(report))
  const text = markdownOf(report)
  for (const part of [
    '| `CN=big` | `app` | 2026-11-25 12:00 UTC | 300 | Cannot speak to APNs',
    '## `CN=big`, route `app`\n\n**Cannot speak',
    '\n1. Give it a newer runtime',
    '| Commands | command 0: 300 |',
    '| Addresses | `10.0.0.1` |',
    '| Feedback read | never |',
    '## Routes without a sender',
    '- `spare`: `com.example.app`, production, certificate until 2027-12-30: nobody has come',
  ])
    t.ok(text.includes(part), part)
  t.notMatch(text, /undefined|NaN|null|abab|secret/)
  t.notMatch(JSON.stringify(report), /abab|secret/)
  t.end()
})

t.test('tells of those who were turned away, and what they offered', (t) => {
  const statistics = new SenderStatistics(start)
  const old = { address: '10.0.0.9', cause: 'tls-version', offered: 'TLSv1' }
  statistics.countRefused(old, start)
  const text = markdownOf(reportOf(statistics.snapshot([]), nowMs))
  t.match(text, 'No sender has connected in this time.')
  t.match(text, '| `10.0.0.9` |  | tls-version, offers TLSv1 at the most | 1 |')
  t.end()
})

t.test('what a peer calls itself stays one cell', (t) => {
  const statistics = new SenderStatistics(start)
  const subject = 'CN=`|\n# heading <b>'
  statistics.countRefused({ address: 'x', cause: 'unknown-certificate', subject }, start)
  statistics.sender('app', { publicKeySha256: 'a', subject, notAfter: new Date(start) }, start)
  const text = markdownOf(reportOf(statistics.snapshot([route]), nowMs))
  t.match(text, "`CN='' # heading <b>`")
  t.notMatch(text, /^# heading/m)
  t.end()
})
