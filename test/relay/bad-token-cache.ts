import t from 'tap'
import { BadTokenCache } from '../../src/relay/bad-token-cache.ts'

const hourMs = 3_600_000

t.test('remembers for an hour why a token is bad', (t) => {
  const known = new BadTokenCache(10)
  known.add('aa', 'BadDeviceToken', 0)
  known.add('bb', 'DeviceTokenNotForTopic', 0)
  t.equal(known.reasonFor('aa', hourMs - 1), 'BadDeviceToken')
  t.equal(known.reasonFor('bb', hourMs - 1), 'DeviceTokenNotForTopic')
  t.equal(known.reasonFor('aa', hourMs), undefined)
  t.equal(known.reasonFor('aa', 0), undefined, 'and then it is forgotten')
  t.end()
})

t.test('knows nothing about other tokens', (t) => {
  const known = new BadTokenCache(10)
  known.add('aa', 'BadDeviceToken', 0)
  t.equal(known.reasonFor('ab', 0), undefined)
  t.equal(known.reasonFor('__proto__', 0), undefined)
  t.end()
})

t.test('a repeated rejection starts the hour again, and replaces the reason', (t) => {
  const known = new BadTokenCache(10)
  known.add('aa', 'BadDeviceToken', 0)
  known.add('aa', 'DeviceTokenNotForTopic', hourMs - 1)
  t.equal(known.reasonFor('aa', hourMs), 'DeviceTokenNotForTopic')
  t.end()
})

t.test('evicts the token with the oldest rejection when it is full', (t) => {
  const known = new BadTokenCache(2)
  known.add('aa', 'BadDeviceToken', 0)
  known.add('bb', 'BadDeviceToken', 1)
  known.add('aa', 'BadDeviceToken', 2)
  known.add('cc', 'BadDeviceToken', 3)
  t.equal(known.reasonFor('aa', 4), 'BadDeviceToken')
  t.equal(known.reasonFor('bb', 4), undefined)
  t.equal(known.reasonFor('cc', 4), 'BadDeviceToken')
  t.end()
})

t.test('clear removes all tokens', (t) => {
  const known = new BadTokenCache(2)
  known.add('aa', 'BadDeviceToken', 0)
  known.clear()
  t.equal(known.reasonFor('aa', 0), undefined)
  t.end()
})
