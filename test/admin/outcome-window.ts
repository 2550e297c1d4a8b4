import t from 'tap'
import { OutcomeWindow } from '../../src/admin/outcome-window.ts'
import { countRejection, newCounters } from '../../src/relay/route-counters.ts'

/** Takes as many samples as fall into so many minutes. */
function pass(window: OutcomeWindow, minutes: number): void {
  for (let sample = 0; sample < minutes * 12; sample++) window.take()
}

t.test('begins at the start of the route', (t) => {
  const counters = newCounters()
  counters.settled.delivered = 7
  counters.retries.throttled = 2
  countRejection(counters, 'BadTopic')
  const window = new OutcomeWindow(counters)
  for (const span of ['five-minutes', 'hour'] as const)
    t.match(window.within(span), {
      delivered: 7,
      rejected: 1,
      rejections: { BadTopic: 1, BadDeviceToken: 0 },
      retries: { throttled: 2, unanswered: 0 },
    })
  t.equal(window.within('before-the-hour').delivered, 0)
  t.end()
})

t.test('counts what came within five minutes, and within an hour', (t) => {
  const counters = newCounters()
  const window = new OutcomeWindow(counters)
  counters.settled.delivered += 100
  counters.settled.expired += 3
  pass(window, 4)
  t.equal(window.within('five-minutes').delivered, 100)
  pass(window, 2)
  t.match(window.within('five-minutes'), { delivered: 0, expired: 0 })
  t.match(window.within('hour'), { delivered: 100, expired: 3 })
  counters.settled.delivered += 10
  counters.settled.unregistered += 5
  t.match(window.within('five-minutes'), { delivered: 10, unregistered: 5 })
  pass(window, 53)
  t.equal(window.within('hour').delivered, 110)
  t.equal(window.within('before-the-hour').delivered, 0)
  pass(window, 3)
  t.equal(window.within('hour').delivered, 10)
  t.equal(window.within('before-the-hour').delivered, 100)
  pass(window, 60)
  t.match(window.within('hour'), { delivered: 0, unregistered: 0 })
  t.match(window.within('before-the-hour'), { delivered: 110, unregistered: 5 })
  t.end()
})
