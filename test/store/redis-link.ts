/** A connection to Redis of which it is not known whether anybody is at the other end. */
import { setImmediate } from 'node:timers/promises'
import t from 'tap'
import { RedisLink } from '../../src/store/redis-link.ts'
import { FakeClock } from '../fixtures/fake-clock.ts'

t.test('also what need not be understood has to be answered', async (t) => {
  const clock = new FakeClock()
  let opened = 0
  const told: string[] = []
  const link: RedisLink = new RedisLink({
    clock,
    open: () => {
      const send = (): Promise<never> => new Promise(() => undefined)
      return Promise.resolve({ send: opened++ === 0 ? send : () => Promise.resolve(1), destroy })
    },
    resume: async () => {
      await link.try(['CLIENT', 'ID'])
    },
    lost: ({ message }) => told.push(message),
    back: () => told.push('back'),
  })
  link.start()
  for (let seconds = 0; seconds < 5; seconds++) {
    await setImmediate()
    clock.advance(1000)
  }
  await setImmediate()
  t.strictSame(told, ['Redis does not answer', 'back'])
  link.close()
})

function destroy(): void {
  // Nothing to be let go.
}
