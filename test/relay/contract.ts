/** The whole delivery contract, for senders that resend: connection, lane, overrun and relay. */
import fc from 'fast-check'
import t from 'tap'
import { contractEvent, ContractRun, sharedEvent } from '../fixtures/contract-run.ts'

/** Of each test; mutation tests set fewer. */
const numRuns = Number(process.env['CONTRACT_RUNS'] ?? 2000)

const options = {
  numbering: fc.constantFrom('sender' as const, 'connection' as const, 'none' as const),
}

t.test(
  'one process loses nothing, delivers nothing twice, and sends expired notifications again',
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

t.test('several processes do the same, even if they apply events late or are killed', (t) => {
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
})
