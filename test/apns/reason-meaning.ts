/** Every reason that can be shown is explained. */
import t from 'tap'
import { reasons } from '../../src/apns/reason.ts'
import { meaningInWords, reasonMeanings } from '../../src/apns/reason-meaning.ts'
import { newCounters } from '../../src/relay/route-counters.ts'

const unknown = meaningInWords('SomethingThatAppleAdds')

t.test('every reason of APNs and every code of the proxy has words of its own', (t) => {
  const own = Object.keys(newCounters().rejections).filter((reason) => reason !== 'other')
  for (const reason of [...Object.keys(reasons), ...own, 'expired'])
    t.not(meaningInWords(reason), unknown, reason)
  t.end()
})

t.test('no words for what nobody says', (t) => {
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

t.test('the words are sentences', (t) => {
  for (const meaning of [...Object.values(reasonMeanings), unknown]) t.match(meaning, /^[A-Z].*\.$/)
  t.end()
})

t.test('what every object has is no reason', (t) => {
  t.equal(meaningInWords('toString'), unknown)
  t.equal(meaningInWords('HTTP 418'), unknown)
  t.end()
})
