import t from 'tap'
import { reasons } from '../../src/apns/reason.ts'
import { refusalStatus } from '../../src/binary/notification.ts'
import { countRejection, newCounters, settledOutcomes } from '../../src/relay/route-counters.ts'

t.test('has every counter at 0 at first', (t) => {
  const { rejections, errorResponseLatency, ...counts } = newCounters()
  t.same(counts, {
    received: { 0: 0, 1: 0, 2: 0 },
    recovered: 0,
    settled: { delivered: 0, unregistered: 0, rejected: 0, untold: 0, resent: 0, expired: 0 },
    retries: { throttled: 0, 'server-error': 0, foreign: 0, unanswered: 0, 'other-answer': 0 },
    foreignAnswers: 0,
  })
  t.same(Object.keys(counts.settled), settledOutcomes)
  t.ok(Object.values(rejections).every((count) => count === 0))
  t.equal(errorResponseLatency.sumMs, 0)
  t.end()
})

t.test('each route has its own counters', (t) => {
  const counters = newCounters()
  counters.received[1]++
  counters.settled.delivered++
  countRejection(counters, 'BadDeviceToken')
  t.equal(newCounters().received[1], 0)
  t.equal(newCounters().settled.delivered, 0)
  t.equal(newCounters().rejections['BadDeviceToken'], 0)
  t.end()
})

t.test(
  'counts rejections by the reasons of APNs and of the proxy only, whatever APNs sends',
  (t) => {
    const counters = newCounters()
    const names = Object.keys(counters.rejections)
    for (const [reason, { meaning }] of Object.entries(reasons))
      t.equal(names.includes(reason), meaning === 'rejected' || meaning === 'unregistered', reason)
    for (const code of Object.keys(refusalStatus)) t.ok(names.includes(code), code)
    t.equal(names.length, new Set(names).size)
    const known = [...Object.keys(reasons), ...Object.keys(refusalStatus)]
    t.same(
      names.filter((name) => !known.includes(name)),
      ['payload-not-an-object', 'other'],
    )
    for (const reason of [
      'BadDeviceToken',
      'item-overruns-frame',
      'HTTP 400',
      'NewIn2031',
      'toString',
    ])
      countRejection(counters, reason)
    t.same(Object.keys(counters.rejections), names)
    t.equal(counters.rejections['BadDeviceToken'], 1)
    t.equal(counters.rejections['item-overruns-frame'], 1)
    t.equal(counters.rejections['other'], 3)
    t.end()
  },
)
