/** Watches for problems that appear and end, and reports each change once. */
import type { Cancel, Clock } from '../timing/clock.ts'
import { every } from '../timing/timer.ts'
import { keyOf, type Problem } from './problem.ts'

/** Each `event` is also the name of the log event. */
export type ProblemChange =
  | {
      readonly event: 'problem.appeared'
      readonly atMs: number
      readonly problem: Problem
    }
  | {
      readonly event: 'problem.cleared'
      readonly atMs: number
      /** From the first to the last evaluation at which the problem was true. */
      readonly lastedMs: number
      readonly problem: Problem
    }

export interface ProblemWatchDeps {
  /** Called every {@link evaluationMs}: all problems that are true now. */
  readonly evaluate: () => readonly Problem[]
  readonly clock: Clock
  readonly emit: (change: ProblemChange) => void
}

interface Watched {
  /** As of the last evaluation at which it was true. */
  problem: Problem
  readonly firstAtMs: number
  lastAtMs: number
  hasAppeared: boolean
  /** Evaluations in a row at which it was false. */
  falseTimes: number
}

export const evaluationMs = 5000
/** A problem ends when it was false for a minute. */
const falseTimesToClear = 60_000 / evaluationMs

/** A problem appears when it is true at two evaluations in a row. */
export class ProblemWatch {
  readonly #deps: ProblemWatchDeps
  readonly #watched = new Map<string, Watched>()
  readonly #cancel: Cancel

  constructor(deps: ProblemWatchDeps) {
    this.#deps = deps
    this.#cancel = every(deps.clock, evaluationMs, () => this.#evaluate())
  }

  /** Those that have appeared and have not ended. */
  get present(): readonly Problem[] {
    return [...this.#watched.values()]
      .filter(({ hasAppeared }) => hasAppeared)
      .map(({ problem }) => problem)
  }

  stop(): void {
    this.#cancel()
  }

  #evaluate(): void {
    const atMs = this.#deps.clock.now()
    const isTrue = new Map(this.#deps.evaluate().map((problem) => [keyOf(problem), problem]))
    for (const [key, watched] of this.#watched)
      if (!isTrue.has(key)) this.#false(key, watched, atMs)
    for (const [key, problem] of isTrue) this.#true(key, problem, atMs)
  }

  #true(key: string, problem: Problem, atMs: number): void {
    const watched = this.#watched.get(key)
    if (watched === undefined) {
      const fresh = { problem, firstAtMs: atMs, lastAtMs: atMs }
      this.#watched.set(key, { ...fresh, hasAppeared: false, falseTimes: 0 })
      return
    }
    Object.assign(watched, { problem, lastAtMs: atMs, falseTimes: 0 })
    if (watched.hasAppeared) return
    watched.hasAppeared = true
    this.#deps.emit({ event: 'problem.appeared', atMs, problem })
  }

  #false(key: string, watched: Watched, atMs: number): void {
    if (watched.hasAppeared && ++watched.falseTimes < falseTimesToClear) return
    this.#watched.delete(key)
    if (!watched.hasAppeared) return
    const { problem, firstAtMs, lastAtMs } = watched
    const lastedMs = Math.max(0, lastAtMs - firstAtMs)
    this.#deps.emit({ event: 'problem.cleared', atMs, lastedMs, problem })
  }
}
