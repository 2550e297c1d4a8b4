import t from 'tap'
import { Backoff, backoffMs, spread } from '../../src/timing/backoff.ts'
import { FakeClock } from '../fixtures/fake-clock.ts'

const limits = { firstMs: 500, longestMs: 30_000 }

t.test('doubles from the first pause to the longest', (t) => {
  t.same(
    [1, 2, 3, 6, 7, 8, 2000].map((failures) => backoffMs(limits, failures)),
    [500, 1000, 2000, 16_000, 30_000, 30_000, 30_000],
  )
  t.end()
})

t.test('spreads a pause over 50–100 %', (t) => {
  t.same([spread(1000, 0), spread(1000, 0.5), spread(1000, 1)], [500, 750, 1000])
  t.end()
})

t.test('counts failures until a success', (t) => {
  const backoff = new Backoff(limits, new FakeClock(), () => 0)
  t.equal(backoff.hasFailed, false)
  t.same([backoff.fail(), backoff.fail(), backoff.fail()], [250, 500, 1000])
  t.equal(backoff.hasFailed, true)
  backoff.succeed()
  t.equal(backoff.hasFailed, false)
  t.equal(backoff.fail(), 250)
  t.end()
})

t.test('makes one pause at a time', (t) => {
  const clock = new FakeClock()
  const backoff = new Backoff(limits, clock, () => 0)
  const ran: string[] = []
  backoff.pause(100, () => ran.push('first'))
  backoff.pause(10, () => ran.push('second'))
  backoff.succeed()
  clock.advance(99)
  t.same([ran, backoff.isPausing], [[], true])
  clock.advance(1)
  t.same([ran, backoff.isPausing], [['first'], false])
  backoff.pause(10, () => ran.push('third'))
  clock.advance(10)
  t.same(ran, ['first', 'third'])
  t.end()
})

t.test('reset cancels the pause and resets the count of failures', (t) => {
  const clock = new FakeClock()
  const backoff = new Backoff(limits, clock, () => 0)
  backoff.fail()
  backoff.pause(100, () => {
    t.fail('the pause was ended')
  })
  backoff.reset()
  t.same([backoff.isPausing, backoff.hasFailed], [false, false])
  clock.advance(1000)
  t.equal(backoff.fail(), 250)
  t.end()
})
