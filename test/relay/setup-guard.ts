import fc from 'fast-check'
import t from 'tap'
import { blamesToken, mayBlameRoute, SetupGuard } from '../../src/relay/setup-guard.ts'

const minuteMs = 60_000

/** APNs rejects `count` different tokens at one time; whether the route was suspected each time. */
function reject(guard: SetupGuard, count: number, nowMs: number, prefix = 'token'): boolean[] {
  return Array.from({ length: count }, (_, index) => guard.suspects(`${prefix}${index}`, nowMs))
}

const believed = (count: number): boolean[] => Array<boolean>(count).fill(false)

t.test('an unproven route', (t) => {
  t.test('is suspected with the third different token', (t) => {
    t.same(reject(new SetupGuard('unproven', 0), 4, 0), [false, false, true, true])
    t.end()
  })

  t.test('is suspected at once where the sender cannot be told', (t) => {
    t.ok(new SetupGuard('unproven', 0).suspects('token', 0, false))
    t.notOk(new SetupGuard('proven', 0).suspects('token', 0, false))
    t.end()
  })

  t.test('is suspected however slowly the rejections come', (t) => {
    const guard = new SetupGuard('unproven', 0)
    const answers = Array.from({ length: 40 }, (_, index) =>
      guard.suspects(`token${index}`, index * 60 * minuteMs),
    )
    t.same(answers, [false, false, ...Array<boolean>(38).fill(true)])
    t.end()
  })

  t.test('is not suspected for one token that is sent again and again', (t) => {
    const guard = new SetupGuard('unproven', 0)
    for (let count = 0; count < 100; count++) t.notOk(guard.suspects('token', 0))
    t.end()
  })

  t.test('stays suspected without a limit in time', (t) => {
    const guard = new SetupGuard('unproven', 0)
    reject(guard, 3, 0)
    t.ok(guard.suspects('token0', 365 * 24 * 60 * minuteMs))
    t.equal(guard.isSuspicious, true)
    t.end()
  })

  t.test('is proven by one delivery', (t) => {
    const guard = new SetupGuard('unproven', 0)
    reject(guard, 3, 0)
    guard.prove()
    t.equal(guard.isSuspicious, false)
    t.equal(guard.standing, 'proven')
    t.same(reject(guard, 29, 0), believed(29))
    t.end()
  })

  t.test('starts again with another credential, topic or environment', (t) => {
    const guard = new SetupGuard('proven', 0)
    reject(guard, 29, 0)
    guard.restart('unproven', 0)
    t.same(reject(guard, 3, 0), [false, false, true])
    t.end()
  })
  t.end()
})

t.test('a proven route', (t) => {
  t.test('is suspected with the 30th different token since a delivery', (t) => {
    t.same(reject(new SetupGuard('proven', 0), 30, 0), [...believed(29), true])
    t.end()
  })

  t.test('is suspected however slowly the rejections come', (t) => {
    const guard = new SetupGuard('proven', 0)
    for (let index = 0; index < 29; index++)
      t.notOk(guard.suspects(`token${index}`, index * 60 * minuteMs))
    t.ok(guard.suspects('the 30th', 30 * 60 * minuteMs))
    t.end()
  })

  t.test('is not suspected when a delivery comes between', (t) => {
    const guard = new SetupGuard('proven', 0)
    reject(guard, 29, 0)
    guard.prove()
    t.same(reject(guard, 29, 1, 'other'), believed(29))
    t.end()
  })

  t.test('is suspected for five minutes; then the tokens are believed to be bad', (t) => {
    const guard = new SetupGuard('proven', 0)
    reject(guard, 30, 0)
    t.ok(guard.suspects('another', 5 * minuteMs - 1))
    t.notOk(guard.suspects('another', 5 * minuteMs))
    t.equal(guard.isSuspicious, false)
    t.same(reject(guard, 100, 5 * minuteMs, 'more'), believed(100))
    guard.prove()
    t.same(reject(guard, 30, 5 * minuteMs, 'after'), [...believed(29), true])
    t.end()
  })

  t.test('with 5 % bad tokens is never suspected', (t) => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2 ** 31 - 2 }), (seed) => {
        const guard = new SetupGuard('proven', 0)
        let random = seed
        for (let index = 0; index < 2000; index++) {
          // Park and Miller's generator.
          random = (random * 48_271) % 2_147_483_647
          if (random / 2_147_483_647 >= 0.05) guard.prove()
          else if (guard.suspects(`token${index}`, index)) return false
        }
        return true
      }),
    )
    t.end()
  })
  t.end()
})

t.test('an overruled route', (t) => {
  t.test('is not suspected again until APNs accepts a notification', (t) => {
    for (const standing of ['unproven', 'proven'] as const) {
      const guard = new SetupGuard(standing, 0)
      reject(guard, 40, 0)
      guard.restart('overruled', 7)
      t.equal(guard.isSuspicious, false)
      t.same(reject(guard, 100, 8), believed(100))
      guard.prove()
      t.equal(guard.standing, 'proven')
      t.same(reject(guard, 30, 9), [...believed(29), true])
    }
    t.end()
  })

  t.test('covers what was received until then, also after a delivery', (t) => {
    const guard = new SetupGuard('unproven', 0)
    t.equal(guard.isOverruled(0), false)
    guard.restart('overruled', 7)
    guard.prove()
    t.equal(guard.isOverruled(7), true)
    t.equal(guard.isOverruled(8), false)
    guard.restart('unproven', 9)
    t.equal(guard.isOverruled(7), false, 'not with another set-up')
    t.end()
  })

  t.test('stays overruled over a restart', (t) => {
    const guard = new SetupGuard('overruled', 7)
    t.same(reject(guard, 100, 8), believed(100))
    t.equal(guard.isOverruled(7), true)
    t.end()
  })
  t.end()
})

t.test('two reasons blame the token', (t) => {
  t.ok(blamesToken('BadDeviceToken'))
  t.ok(blamesToken('DeviceTokenNotForTopic'))
  for (const reason of ['PayloadTooLarge', 'Unregistered', 'TopicDisallowed'])
    t.notOk(blamesToken(reason), reason)
  t.end()
})

t.test('a wrong set-up has these reasons for every token', (t) => {
  for (const reason of [
    'BadDeviceToken',
    'DeviceTokenNotForTopic',
    'BadTopic',
    'TopicDisallowed',
    'MissingTopic',
    'BadPath',
  ])
    t.ok(mayBlameRoute(reason), reason)
  t.notOk(mayBlameRoute('PayloadTooLarge'))
  t.end()
})
