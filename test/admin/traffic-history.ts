/** What an hour looks like, second by second. */
import t from 'tap'
import { TrafficHistory, quantile, totalsOf, type Totals } from '../../src/admin/traffic-history.ts'
import { LatencyHistogram, latencyBoundsMs } from '../../src/timing/latency-histogram.ts'
import { FakeClock } from '../fixtures/fake-clock.ts'
import { tallyOf } from '../fixtures/status-sample.ts'

/** Counts of answers that took so many milliseconds. */
function answers(...ms: number[]): number[] {
  const histogram = new LatencyHistogram()
  for (const each of ms) histogram.add(each)
  return [...histogram.counts]
}

/** A history of totals that the test changes. */
function begin(): {
  clock: FakeClock
  history: TrafficHistory
  totals: { -readonly [K in keyof Totals]: Totals[K] }
} {
  const clock = new FakeClock()
  const totals = { received: 1000, delivered: 900, latency: answers(5, 5, 5) }
  return { clock, totals, history: new TrafficHistory(() => ({ ...totals }), clock) }
}

t.test('a sample is what a second brought, not what there was', (t) => {
  const { clock, history, totals } = begin()
  t.equal(history.latest, undefined)
  totals.received += 30
  totals.delivered += 20
  totals.latency = answers(5, 5, 5, 8, 8)
  clock.advance(1000)
  t.strictSame(history.latest, {
    atMs: clock.now(),
    received: 30,
    delivered: 20,
    latencyP50Ms: 7.5,
    latencyP99Ms: 10,
  })
  clock.advance(1000)
  t.match(history.latest, { received: 0, delivered: 0, latencyP50Ms: null, latencyP99Ms: null })
  t.end()
})

t.test('a route that is gone takes its counts along, which is no negative rate', (t) => {
  const { clock, history, totals } = begin()
  totals.received = 10
  totals.delivered = 0
  totals.latency = answers()
  clock.advance(1000)
  t.match(history.latest, { received: 0, delivered: 0, latencyP50Ms: null })
  t.end()
})

t.test('keeps an hour and no more', (t) => {
  const { clock, history } = begin()
  clock.advance(3_700_000)
  t.equal(history.samples.length, 3600)
  t.equal(history.samples[0]?.atMs, clock.now() - 3_599_000)
  t.end()
})

t.test('stops for good', (t) => {
  const { clock, history } = begin()
  clock.advance(1000)
  history.stop()
  t.equal(clock.pending, 0)
  t.end()
})

t.test('a quantile lies within its bucket', (t) => {
  t.equal(quantile(answers(), 0.5), null)
  t.equal(quantile(answers(1), 0.5), 0.5)
  t.equal(quantile(answers(25, 25, 25, 25), 0.5), 25)
  t.equal(quantile(answers(5, 5, 5, 400), 0.99), 492)
  t.equal(quantile(answers(99_000), 0.5), latencyBoundsMs.at(-1))
  t.end()
})

t.test('adds up all routes', (t) => {
  const requestLatency = new LatencyHistogram()
  requestLatency.add(4)
  const route = { counters: tallyOf({ 0: 1, 1: 2, 2: 3 }, { delivered: 4 }), requestLatency }
  t.strictSame(totalsOf([route, route]), { received: 12, delivered: 8, latency: answers(4, 4) })
  t.strictSame(totalsOf([]), { received: 0, delivered: 0, latency: answers() })
  t.end()
})
