import t from 'tap'
import { newTally, settledOutcomes } from '../../src/relay/tally.ts'

t.test('begins with nothing, in every count there is', (t) => {
  t.same(newTally(), {
    received: { 0: 0, 1: 0, 2: 0 },
    settled: { delivered: 0, unregistered: 0, rejected: 0, untold: 0, resent: 0, expired: 0 },
    retries: 0,
  })
  t.same(Object.keys(newTally().settled), settledOutcomes)
  t.end()
})

t.test('each route counts for itself', (t) => {
  const tally = newTally()
  tally.received[1]++
  tally.settled.delivered++
  t.equal(newTally().received[1], 0)
  t.equal(newTally().settled.delivered, 0)
  t.end()
})
