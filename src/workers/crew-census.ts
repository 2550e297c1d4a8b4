/** What the workers of a primary know of senders, those that have ended included. */
import type { CensusFacts } from '../census/census.ts'
import { mergedCensus, type Together } from '../census/merge.ts'

/** See the file's first line. */
export class CrewCensus {
  readonly #latest = new Map<object, CensusFacts>()
  #past: CensusFacts | undefined

  /** What a worker knows by now. */
  note(worker: object, facts: CensusFacts): void {
    this.#latest.set(worker, facts)
  }

  /** Others than these have ended, and will say no more. */
  keep(workers: readonly object[]): void {
    for (const [worker, facts] of this.#latest) {
      if (workers.includes(worker)) continue
      this.#latest.delete(worker)
      this.#past = both(this.#past, facts, 'in-turn')
    }
  }

  /** All of it; undefined while there is nothing. */
  facts(): CensusFacts | undefined {
    const [first, ...others] = this.#latest.values()
    const present = others.reduce((one, other) => both(one, other, 'at-once'), first)
    return present === undefined ? this.#past : both(this.#past, present, 'in-turn')
  }
}

function both(one: CensusFacts | undefined, other: CensusFacts, how: Together): CensusFacts {
  return one === undefined ? other : mergedCensus(one, other, how)
}
