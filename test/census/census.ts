/** Counting senders: rates, bounds, and that what is written down is all there is. */
import t from 'tap'
import { Census, censusFacts } from '../../src/census/census.ts'
import {
  countConnection,
  countDay,
  countName,
  countReceived,
  notificationsOf,
  type SenderFacts,
} from '../../src/census/sender-facts.ts'
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

function send(sender: SenderFacts, count: number): void {
  for (let left = count; left > 0; left--) countReceived(sender, notification(), 'alert')
}

t.test('a sender is one by its key and route, and is found again', (t) => {
  const census = new Census(start)
  const sender = census.sender('app', certificate('a'), start)
  t.equal(census.sender('app', certificate('a'), start + 1), sender)
  t.not(census.sender('other', certificate('a'), start), sender)
  t.equal(census.find({ route: 'app', publicKeySha256: 'a' }), sender)
  t.equal(census.find({ route: 'app', publicKeySha256: 'b' }), undefined)
  t.match(sender, { subject: 'CN=a', firstSeenMs: start, lastSeenMs: start + 1, lastSentMs: null })
  t.end()
})

t.test('counts what HTTP/2 treats differently', (t) => {
  const sender = new Census(start).sender('app', certificate('a'), start)
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
  })
  t.end()
})

t.test('knows the most in a second, in a minute, and on each day', (t) => {
  const census = new Census(start)
  const sender = census.sender('app', certificate('a'), start)
  const sends: readonly (readonly [number, number])[] = [
    [1, 10],
    [2, 30],
    [61, 25],
    // Two seconds in one: the process was busy.
    [63, 40],
    [13 * 3600, 5],
  ]
  for (const [second, count] of sends) {
    census.sample(start + (second - (second === 63 ? 2 : 1)) * 1000)
    send(sender, count)
    census.sample(start + second * 1000)
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
  const census = new Census(start)
  for (let one = 0; one < 1100; one++) census.sender('app', certificate(String(one)), start + one)
  for (let one = 0; one < 200; one++)
    census.turnedAway(
      { address: String(one), cause: 'x', subject: 'y'.repeat(10_000) },
      start + one,
    )
  const { senders, strangers } = census.facts([])
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
  t.ok(JSON.stringify(census.facts([])).length < 800_000)
  t.notMatch(Object.keys(sender.rejections)[0], /\n/)
  t.end()
})

t.test('a stranger that comes again is counted, and is the last to be forgotten', (t) => {
  const census = new Census(start)
  const old = { address: '10.0.0.1', cause: 'tls-version', offered: 'TLSv1' }
  census.turnedAway(old, start)
  census.turnedAway({ address: '10.0.0.2', cause: 'no-certificate' }, start + 1)
  census.turnedAway(old, start + 2)
  t.match(census.facts([]).strangers, [
    { address: '10.0.0.2', count: 1 },
    { ...old, count: 2, firstSeenMs: start, lastSeenMs: start + 2 },
  ])
  t.end()
})

t.test('goes on from what was written down, and rates do not count that again', (t) => {
  const census = new Census(start)
  send(census.sender('app', certificate('a'), start), 50)
  census.turnedAway({ address: 'x', cause: 'no-certificate' }, start)
  census.sample(start + 1000)
  const written = censusFacts.parse(JSON.parse(JSON.stringify(census.facts([]))))
  t.same(written, census.facts([]))
  const next = new Census(start + 5000, written)
  const sender = next.sender('app', certificate('a'), start + 5000)
  next.sample(start + 6000)
  t.equal(sender.peakPerSecond, 50)
  send(sender, 10)
  next.sample(start + 7000)
  t.match(sender.days, { '2026-11-25': 60 })
  t.equal(next.facts([]).sinceMs, start)
  t.equal(next.facts([]).strangers.length, 1)
  t.end()
})
