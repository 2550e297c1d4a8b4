import t from 'tap'
import { BadTokenCache } from '../../src/relay/bad-token-cache.ts'

const hourMs = 3_600_000

t.test('remembers why a token is bad, for an hour', (t) => {
  const known = new BadTokenCache(10)
  known.add('aa', 'BadDeviceToken', 0)
  known.add('bb', 'DeviceTokenNotForTopic', 0)
  t.equal(known.reasonFor('aa', hourMs - 1), 'BadDeviceToken')
  t.equal(known.reasonFor('bb', hourMs - 1), 'DeviceTokenNotForTopic')
  t.equal(known.reasonFor('aa', hourMs), undefined)
  t.equal(known.reasonFor('aa', 0), undefined, 'and then it is forgotten')
  t.end()
})

t.test('says nothing of other tokens', (t) => {
  const known = new BadTokenCache(10)
  known.add('aa', 'BadDeviceToken', 0)
  t.equal(known.reasonFor('ab', 0), undefined)
  t.equal(known.reasonFor('__proto__', 0), undefined)
  t.end()
})

t.test('an answer repeated begins the hour anew, and is the latest word', (t) => {
  const known = new BadTokenCache(10)
  known.add('aa', 'BadDeviceToken', 0)
  known.add('aa', 'DeviceTokenNotForTopic', hourMs - 1)
  t.equal(known.reasonFor('aa', hourMs), 'DeviceTokenNotForTopic')
  t.end()
})

t.test('beyond its limit the one longest unheard of is forgotten', (t) => {
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

t.test('cleared, it knows nothing', (t) => {
  const known = new BadTokenCache(2)
  known.add('aa', 'BadDeviceToken', 0)
  known.clear()
  t.equal(known.reasonFor('aa', 0), undefined)
  t.end()
})
