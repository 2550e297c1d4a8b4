import fc from 'fast-check'
import t from 'tap'
import { LatencyHistogram, latencyBoundsMs } from '../../src/timing/latency-histogram.ts'

t.test('counts each time once, in the first bucket whose limit it does not exceed', (t) => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 20_000 })), (times) => {
      const histogram = new LatencyHistogram()
      for (const ms of times) histogram.add(ms)
      const expected = [...latencyBoundsMs, Infinity].map((bound, bucket) => {
        const above = latencyBoundsMs[bucket - 1] ?? -1
        return times.filter((ms) => ms > above && ms <= bound).length
      })
      t.strictSame([...histogram.counts], expected)
      t.equal(
        histogram.sumMs,
        times.reduce((sum, ms) => sum + ms, 0),
      )
    }),
  )
  t.end()
})

t.test('counts a negative time as 0', (t) => {
  const histogram = new LatencyHistogram()
  histogram.add(7)
  histogram.add(-3_600_000)
  t.equal(histogram.sumMs, 7)
  t.equal(histogram.counts[0], 1)
  t.end()
})
