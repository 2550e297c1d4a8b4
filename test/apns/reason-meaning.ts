import t from 'tap'
import { reasons } from '../../src/apns/reason.ts'
import { meaningInWords, reasonMeanings } from '../../src/apns/reason-meaning.ts'
import { newCounters } from '../../src/relay/route-counters.ts'

const unknown = meaningInWords('SomethingThatAppleAdds')

t.test('every reason of APNs and every code of the proxy has an explanation', (t) => {
  const own = Object.keys(newCounters().rejections).filter((reason) => reason !== 'other')
  for (const reason of [...Object.keys(reasons), ...own, 'expired'])
    t.not(meaningInWords(reason), unknown, reason)
  t.end()
})

t.test('explains only reasons that exist', (t) => {
  const known = new Set([
    ...Object.keys(reasons),
    ...Object.keys(newCounters().rejections),
    'expired',
  ])
  t.strictSame(
    Object.keys(reasonMeanings).filter((reason) => !known.has(reason)),
    [],
  )
  t.end()
})

t.test('each explanation consists of sentences', (t) => {
  for (const reason of [...Object.keys(reasonMeanings), 'SomethingThatAppleAdds'])
    t.match(meaningInWords(reason), /^[A-Z].*\.$/)
  t.end()
})

t.test('inherited property names are unknown reasons', (t) => {
  t.equal(meaningInWords('toString'), unknown)
  t.equal(meaningInWords('HTTP 418'), unknown)
  t.end()
})
