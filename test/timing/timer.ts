/** Timers and time limits, on a fake clock. */
import t from 'tap'
import { every, Timer, within } from '../../src/timing/timer.ts'
import { FakeClock } from '../fixtures/fake-clock.ts'

t.test('ignores a second start until it has run', (t) => {
  const clock = new FakeClock()
  let runs = 0
  const timer = new Timer(clock, 20, () => runs++)
  timer.start()
  clock.advance(10)
  timer.start()
  clock.advance(10)
  t.equal(runs, 1)
  t.equal(clock.pending, 0)
  timer.start()
  timer.stop()
  timer.stop()
  clock.advance(20)
  t.equal(runs, 1)
  t.equal(clock.pending, 0)
  t.end()
})

t.test('runs at its interval until it is cancelled, even by its own action', (t) => {
  const clock = new FakeClock()
  let runs = 0
  const cancel = every(clock, 100, () => {
    if (++runs === 3) cancel()
  })
  clock.advance(250)
  t.equal(runs, 2)
  clock.advance(1000)
  t.equal(runs, 3)
  t.equal(clock.pending, 0)
  t.end()
})

t.test('waits for a promise up to its limit, and leaves no timer', async (t) => {
  const clock = new FakeClock()
  t.equal(await within(clock, 100, Promise.resolve(1)), 1)
  await t.rejects(within(clock, 100, Promise.reject(new Error('no'))), /no/)
  t.equal(clock.pending, 0)
  const waiting = within(clock, 100, new Promise(() => undefined))
  clock.advance(100)
  t.equal(await waiting, undefined)
  t.equal(clock.pending, 0)
})

t.test('ignores a promise that rejects after the limit', async (t) => {
  const clock = new FakeClock()
  let fail: (error: Error) => void = () => undefined
  const broken = new Promise<string>((_, reject) => (fail = reject))
  const late = within(clock, 100, broken)
  clock.advance(100)
  t.equal(await late, undefined)
  fail(new Error('nobody listens'))
  await new Promise((next) => setImmediate(next))
})
