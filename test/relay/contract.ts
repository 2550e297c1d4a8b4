/** The delivery contract as a whole: connection, lane, overrun and relay together. */
import fc from 'fast-check'
import t from 'tap'
import { contractEvent, ContractRun } from '../fixtures/contract-run.ts'

const options = fc.record({
  window: fc.constantFrom(2, 5, 1000),
  numbering: fc.constantFrom('sender' as const, 'connection' as const, 'none' as const),
})
const events = fc.array(contractEvent, { maxLength: 80, size: 'max' })

t.test(
  'whatever happens in whatever order, to senders that resend what was behind a named one nothing is lost and nothing delivered twice',
  (t) => {
    fc.assert(
      fc.property(options, events, (chosen, happening) => {
        const run = new ContractRun(chosen)
        for (const event of happening) run.play(event)
        run.end()
      }),
      { numRuns: 2000 },
    )
    t.end()
  },
)
