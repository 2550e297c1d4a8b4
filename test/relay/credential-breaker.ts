import t from 'tap'
import {
  blamesToken,
  mayBlameRoute,
  CredentialBreaker,
} from '../../src/relay/credential-breaker.ts'

const minuteMs = 60_000

/** Reports `count` different bad tokens at one time; returns for each whether it is doubted. */
function burst(
  suspicion: CredentialBreaker,
  count: number,
  nowMs: number,
  prefix = 'token',
): boolean[] {
  return Array.from({ length: count }, (_, index) => suspicion.doubts(`${prefix}${index}`, nowMs))
}

const believed = (count: number): boolean[] => Array<boolean>(count).fill(false)

t.test('suspects the credential at the 30th different bad token in a row', (t) => {
  t.same(burst(new CredentialBreaker(), 30, 0), [...believed(29), true])
  t.end()
})

t.test('does not suspect the credential when APNs rejects the same token again and again', (t) => {
  const suspicion = new CredentialBreaker()
  for (let count = 0; count < 100; count++) t.notOk(suspicion.doubts('token', 0))
  t.end()
})

t.test(
  'does not suspect the credential after 29 bad tokens in a minute and 29 in the next',
  (t) => {
    const suspicion = new CredentialBreaker()
    t.same(burst(suspicion, 29, 0), believed(29))
    t.same(burst(suspicion, 29, minuteMs, 'other'), believed(29))
    t.end()
  },
)

t.test('does not suspect the credential if there was a delivery between the rejections', (t) => {
  const suspicion = new CredentialBreaker()
  burst(suspicion, 29, 0)
  suspicion.cleared()
  t.same(burst(suspicion, 29, 1, 'other'), believed(29))
  t.end()
})

t.test('after a delivery, the minute starts with the next rejection', (t) => {
  const suspicion = new CredentialBreaker()
  suspicion.doubts('token', 0)
  suspicion.cleared()
  burst(suspicion, 29, minuteMs - 1, 'other')
  t.ok(suspicion.doubts('the 30th', minuteMs))
  t.end()
})

t.test('doubts every rejection for five minutes while it suspects the credential', (t) => {
  const suspicion = new CredentialBreaker()
  t.equal(suspicion.isActive, false)
  burst(suspicion, 30, 0)
  t.equal(suspicion.isActive, true)
  t.ok(suspicion.doubts('token0', 1))
  t.ok(suspicion.doubts('another', 5 * minuteMs - 1))
  t.notOk(suspicion.doubts('another', 5 * minuteMs))
  t.equal(suspicion.isActive, false)
  t.same(burst(suspicion, 100, 5 * minuteMs, 'more'), believed(100), 'then all are believed')
  t.end()
})

t.test('a delivery ends the suspicion, which can start again', (t) => {
  const suspicion = new CredentialBreaker()
  burst(suspicion, 30, 0)
  suspicion.cleared()
  t.equal(suspicion.isActive, false)
  t.same(burst(suspicion, 30, 1, 'other'), [...believed(29), true])
  t.end()
})

t.test('a delivery also ends the time in which rejections count as true', (t) => {
  const suspicion = new CredentialBreaker()
  burst(suspicion, 30, 0)
  suspicion.doubts('token', 5 * minuteMs)
  suspicion.cleared()
  t.same(burst(suspicion, 30, 5 * minuteMs, 'other'), [...believed(29), true])
  t.end()
})

t.test('two reasons are about the token', (t) => {
  t.ok(blamesToken('BadDeviceToken'))
  t.ok(blamesToken('DeviceTokenNotForTopic'))
  t.notOk(blamesToken('PayloadTooLarge'))
  t.notOk(blamesToken('Unregistered'))
  t.end()
})

t.test('four reasons can be about the configuration of the route', (t) => {
  for (const reason of ['BadDeviceToken', 'DeviceTokenNotForTopic', 'BadTopic', 'TopicDisallowed'])
    t.ok(mayBlameRoute(reason), reason)
  t.notOk(blamesToken('TopicDisallowed'), 'which is no fault of the token')
  t.notOk(mayBlameRoute('PayloadTooLarge'))
  t.end()
})
