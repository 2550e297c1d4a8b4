import t from 'tap'
import { within } from '../../src/timing/deadline.ts'
import { FakeClock } from '../fixtures/fake-clock.ts'

const never = new Promise<string>(() => undefined)
const tooLate = (): string => {
  throw new Error('too late')
}

t.test('settles like a promise that settles in time', async (t) => {
  const clock = new FakeClock()
  t.equal(await within(clock, 100, Promise.resolve('done'), tooLate), 'done')
  await t.rejects(within(clock, 100, Promise.reject(new Error('broken')), tooLate), /broken/)
  clock.advance(100)
})

t.test('returns or throws the result of late after the time limit', async (t) => {
  const clock = new FakeClock()
  const replaced = within(clock, 100, never, () => 'instead')
  const failed = within(clock, 100, never, tooLate)
  clock.advance(100)
  t.equal(await replaced, 'instead')
  await t.rejects(failed, /too late/)
})

t.test('ignores a promise that rejects after the time limit', async (t) => {
  const clock = new FakeClock()
  let fail: (error: Error) => void = () => undefined
  const broken = new Promise<string>((_, reject) => (fail = reject))
  const replaced = within(clock, 100, broken, () => 'instead')
  clock.advance(100)
  t.equal(await replaced, 'instead')
  fail(new Error('nobody listens'))
  await new Promise((next) => setImmediate(next))
})
