/** The delivery contract as a whole: connection, lane, overrun and relay together. */
import fc from 'fast-check'
import t from 'tap'
import { contractEvent, ContractRun, sharedEvent } from '../fixtures/contract-run.ts'

/** For each of the two; mutants are tried with fewer. */
const numRuns = Number(process.env['CONTRACT_RUNS'] ?? 2000)

const options = {
  numbering: fc.constantFrom('sender' as const, 'connection' as const, 'none' as const),
}

t.test(
  'whatever happens in whatever order, to senders that resend what was behind a named one nothing is lost and nothing delivered twice, and what had expired is sent again',
  (t) => {
    const alone = fc.record({ ...options, processes: fc.constant(1) })
    const events = fc.array(contractEvent, { maxLength: 80, size: 'max' })
    fc.assert(
      fc.property(alone, events, (chosen, happening) => {
        const run = new ContractRun(chosen)
        for (const event of happening) run.play(event)
        run.end()
      }),
      { numRuns },
    )
    t.end()
  },
)

t.test(
  'the same where every connection may land on another process, each hears of the others late, and one that is killed is taken over',
  (t) => {
    const several = fc.record({ ...options, processes: fc.constantFrom(2, 3) })
    const events = fc.array(sharedEvent, { maxLength: 100, size: 'max' })
    fc.assert(
      fc.property(several, events, (chosen, happening) => {
        const run = new ContractRun(chosen)
        for (const event of happening) run.play(event)
        run.end()
      }),
      { numRuns },
    )
    t.end()
  },
)
