/**
 * The decoder's properties with a seed of the moment, many times: `npm run fuzz`.
 *
 * FUZZ_SEED repeats a run (the message of a failure names it), FUZZ_RUNS sets how many inputs each
 * property is tried with.
 */
import fc from 'fast-check'
import t from 'tap'
import { decoderProperties } from '../fixtures/decoder-property.ts'

const seed = Number(process.env['FUZZ_SEED'] ?? Date.now() % 0x8000_0000)
const numRuns = Number(process.env['FUZZ_RUNS'] ?? 20_000)

t.comment(`FUZZ_SEED=${seed} FUZZ_RUNS=${numRuns}`)

for (const { promise, property } of decoderProperties)
  t.test(promise, (t) => {
    fc.assert(property, { seed, numRuns })
    t.pass(`${numRuns} inputs`)
    t.end()
  })
