/** Counting senders: rates, bounds, and that what is written down is all there is. */
import t from 'tap'
import { SenderStatistics, statisticsSnapshot } from '../../src/statistics/sender-statistics.ts'
import {
  countConnection,
  countDay,
  countedOf,
  countName,
  countReceived,
  notificationsOf,
  type SenderRecord,
} from '../../src/statistics/sender-record.ts'
import type { Notification } from '../../src/binary/notification.ts'

const start = Date.UTC(2026, 10, 25, 12)

function certificate(key: string): { publicKeySha256: string; subject: string; notAfter: Date } {
  return { publicKeySha256: key, subject: `CN=${key}`, notAfter: new Date(start) }
}

function notification(changes: Partial<Notification> = {}): Notification {
  return {
    kind: 'notification',
    command: 2,
    identifier: 1,
    token: Buffer.alloc(32),
    payload: Buffer.from('{}'),
    expiration: 0,
    priority: 10,
    ...changes,
  }
}

function send(sender: SenderRecord, count: number): void {
  for (let left = count; left > 0; left--) countReceived(sender, notification(), 'alert')
}

t.test('a sender is one by its key and route, and is found again', (t) => {
  const statistics = new SenderStatistics(start)
  const sender = statistics.sender('app', certificate('a'), start)
  t.equal(statistics.sender('app', certificate('a'), start + 1), sender)
  t.not(statistics.sender('other', certificate('a'), start), sender)
  t.equal(statistics.find({ route: 'app', publicKeySha256: 'a' }), sender)
  t.equal(statistics.find({ route: 'app', publicKeySha256: 'b' }), undefined)
  t.match(sender, { subject: 'CN=a', firstSeenMs: start, lastSeenMs: start + 1, lastSentMs: null })
  t.end()
})

t.test('counts what HTTP/2 treats differently', (t) => {
  const sender = new SenderStatistics(start).sender('app', certificate('a'), start)
  countReceived(sender, notification({ payload: Buffer.from('{}', 'utf16le') }), 'alert')
  countReceived(sender, notification({ token: Buffer.alloc(33) }), 'background')
  countReceived(sender, notification({ expiration: undefined }), undefined)
  countReceived(sender, notification({ command: 0, expiration: undefined }), 'alert')
  countReceived(
    sender,
    { kind: 'refused', command: 1, identifier: 1, code: 'missing-token' },
    undefined,
  )
  t.match(sender, {
    commands: { 0: 1, 1: 1, 2: 3 },
    pushTypes: { alert: 2, background: 1, none: 1 },
    utf16Payloads: 1,
    longTokens: 1,
    withoutExpiration: 1,
    delivered: 0,
    uncounted: 0,
  })
  t.end()
})

t.test('knows the most in a second, in a minute, and on each day', (t) => {
  const statistics = new SenderStatistics(start)
  const sender = statistics.sender('app', certificate('a'), start)
  const sends: readonly (readonly [number, number])[] = [
    [1, 10],
    [2, 30],
    [61, 25],
    // Two seconds in one: the process was busy.
    [63, 40],
    [13 * 3600, 5],
  ]
  for (const [second, count] of sends) {
    statistics.sample(start + (second - (second === 63 ? 2 : 1)) * 1000)
    send(sender, count)
    statistics.sample(start + second * 1000)
  }
  t.match(sender, {
    peakPerSecond: 30,
    peakPerMinute: 65,
    lastSentMs: start + 13 * 3600 * 1000,
    days: { '2026-11-25': 105, '2026-11-26': 5 },
  })
  t.equal(notificationsOf(sender), 110)
  t.end()
})

t.test('is bounded in all that a peer chooses', (t) => {
  const statistics = new SenderStatistics(start)
  for (let one = 0; one < 1100; one++)
    statistics.sender('app', certificate(String(one)), start + one)
  for (let one = 0; one < 200; one++)
    statistics.countRefused(
      { address: String(one), cause: 'x', subject: 'y'.repeat(10_000) },
      start + one,
    )
  const { senders, strangers } = statistics.snapshot([])
  t.equal(senders.length, 1000)
  t.equal(senders[0]?.publicKeySha256, '100')
  t.equal(strangers.length, 100)
  t.equal(strangers.at(-1)?.address, '199')
  const [sender] = senders
  if (sender === undefined) throw new TypeError('a sender')
  for (let one = 0; one < 100; one++) {
    countConnection(sender, `10.0.0.${one}`, 'TLSv1.2')
    countName(sender.rejections, `Reason${one}\n${'z'.repeat(1000)}`)
    countDay(sender, start + one * 86_400_000, 1)
  }
  t.same(sender.addresses.length, 8)
  t.equal(sender.addresses[0], '10.0.0.99')
  t.equal(Object.keys(sender.rejections).length, 41)
  t.equal(sender.rejections['other'], 60)
  t.equal(Object.keys(sender.days).length, 31)
  t.ok(JSON.stringify(statistics.snapshot([])).length < 800_000)
  t.notMatch(Object.keys(sender.rejections)[0], /\n/)
  t.end()
})

t.test('a stranger that comes again is counted, and is the last to be forgotten', (t) => {
  const statistics = new SenderStatistics(start)
  const old = { address: '10.0.0.1', cause: 'tls-version', offered: 'TLSv1' }
  statistics.countRefused(old, start)
  statistics.countRefused({ address: '10.0.0.2', cause: 'no-certificate' }, start + 1)
  statistics.countRefused(old, start + 2)
  t.match(statistics.snapshot([]).strangers, [
    { address: '10.0.0.2', count: 1 },
    { ...old, count: 2, firstSeenMs: start, lastSeenMs: start + 2 },
  ])
  t.end()
})

t.test('does not claim to know what became of pushes that an earlier process left', (t) => {
  const earlier = new SenderStatistics(start)
  const before = earlier.sender('app', certificate('a'), start)
  send(before, 10)
  before.delivered = 6
  countName(before.rejections, 'BadDeviceToken')
  const written = JSON.parse(JSON.stringify(earlier.snapshot([]))) as { senders: object[] }
  const senderOf = (statistics: SenderStatistics): SenderRecord =>
    statistics.sender('app', certificate('a'), start)
  t.equal(countedOf(before), 10)
  const next = senderOf(new SenderStatistics(start, statisticsSnapshot.parse(written)))
  t.equal(countedOf(next), 7)
  send(next, 2)
  t.equal(countedOf(next), 9)

  const { delivered, uncounted, expired, ...old } = before
  t.same([delivered, uncounted, expired], [6, 0, 0])
  const fromOld = statisticsSnapshot.parse({ ...written, senders: [old] })
  t.match(fromOld.senders, [{ delivered: 0, uncounted: null, expired: 0 }])
  t.equal(countedOf(senderOf(new SenderStatistics(start, fromOld))), 1)

  const route = { name: 'app', topic: 'x', environment: 'sandbox', credential: 'signing-key' }
  const routes = [{ ...route, credentialNotAfterMs: null }]
  t.match(statisticsSnapshot.parse({ ...written, routes }).routes, [{ reach: 'unknown' }])
  t.end()
})

t.test('goes on from what was written down, and rates do not count that again', (t) => {
  const statistics = new SenderStatistics(start)
  send(statistics.sender('app', certificate('a'), start), 50)
  statistics.countRefused({ address: 'x', cause: 'no-certificate' }, start)
  statistics.sample(start + 1000)
  const written = statisticsSnapshot.parse(JSON.parse(JSON.stringify(statistics.snapshot([]))))
  t.same(written, statistics.snapshot([]))
  const next = new SenderStatistics(start + 5000, written)
  const sender = next.sender('app', certificate('a'), start + 5000)
  next.sample(start + 6000)
  t.equal(sender.peakPerSecond, 50)
  send(sender, 10)
  next.sample(start + 7000)
  t.match(sender.days, { '2026-11-25': 60 })
  t.equal(next.snapshot([]).sinceMs, start)
  t.equal(next.snapshot([]).strangers.length, 1)
  t.end()
})
