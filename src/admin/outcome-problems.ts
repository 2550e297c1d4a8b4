/** Judges routes by what arrives: compares their outcomes with the table of thresholds. */
import { meaningInWords } from '../apns/reason-meaning.ts'
import {
  outcomeThresholds,
  retryWords,
  totals,
  type OutcomeFacts,
  type OutcomeThreshold,
} from './outcome-threshold.ts'
import {
  OutcomeWindow,
  sumOf,
  type Counts,
  type Outcomes,
  type WindowName,
} from './outcome-window.ts'
import type { Problem } from './problem.ts'
import type { RouteState } from './proxy-state.ts'

/** The outcomes of a route within a time. */
type Within = (window: WindowName) => Outcomes

/** The outcomes of all routes, sampled at each judgement. */
export class RouteOutcomes {
  /** A route that was removed and added again has other counters. */
  #windows: ReadonlyMap<object, OutcomeWindow> = new Map()

  /** Call it every {@link sampleMs}: takes a sample of each route, and returns all problems. */
  judge(routes: readonly Pick<RouteState, 'name' | 'counters'>[]): readonly Problem[] {
    const windows = routes.map(({ name, counters }) => {
      const window = this.#windows.get(counters) ?? new OutcomeWindow(counters)
      window.take()
      return { name, counters, window }
    })
    this.#windows = new Map(windows.map(({ counters, window }) => [counters, window]))
    return windows.flatMap(({ name, window }) =>
      outcomeProblems(name, (span) => window.within(span)),
    )
  }
}

/** In the order of the table. */
export function outcomeProblems(route: string, within: Within): readonly Problem[] {
  const windows: Readonly<Record<WindowName, Outcomes>> = {
    'five-minutes': within('five-minutes'),
    hour: within('hour'),
    'before-the-hour': within('before-the-hour'),
  }
  const rows = outcomeThresholds.filter((row) => isExceeded(row, windows))
  const codes = rows.map(({ code }) => code)
  return rows
    .filter(({ unless }) => !unless.some((code) => codes.includes(code)))
    .map((row) => {
      const { code, severity, what, cure } = row
      const facts = factsOf(row, windows[row.window])
      return { code, severity, route, what: what(facts), cure: cure(facts) }
    })
}

function isExceeded(
  row: OutcomeThreshold,
  windows: Readonly<Record<WindowName, Outcomes>>,
): boolean {
  const { share, minimum, timesUsual = 0 } = row
  const { count, total } = countsOf(row, windows[row.window])
  if (total < minimum || count === 0) return false
  const before = countsOf(row, windows['before-the-hour'])
  if (timesUsual > 0 && before.total < minimum) return false
  const usual = before.total === 0 ? 0 : before.count / before.total
  return count / total >= Math.max(share, usual * timesUsual)
}

function countsOf(row: OutcomeThreshold, outcomes: Outcomes): { count: number; total: number } {
  return { count: sumOf(row.counted(outcomes)), total: totals[row.of](outcomes) }
}

function factsOf(row: OutcomeThreshold, outcomes: Outcomes): OutcomeFacts {
  const { count, total } = countsOf(row, outcomes)
  const [cause, times] = mostOf(row.counted(outcomes))
  const [name, meaning] = wordsOf(cause)
  return {
    count: inWords(count),
    total: inWords(total),
    most: `${name} (${inWords(times)})`,
    meaning,
  }
}

function mostOf(counts: Counts): readonly [cause: string, count: number] {
  return Object.entries(counts).reduce((most, next) => (next[1] > most[1] ? next : most), ['', 0])
}

function wordsOf(cause: string): readonly [name: string, meaning: string] {
  const words: Readonly<Record<string, readonly [string, string]>> = retryWords
  if (Object.hasOwn(words, cause) && words[cause] !== undefined) return words[cause]
  if (cause !== 'other') return [cause, meaningInWords(cause)]
  return [
    'a reason that this version does not know',
    'The log has the reason, as notification.rejected. See Apple, “Handling notification responses from APNs”.',
  ]
}

function inWords(count: number): string {
  return count.toLocaleString('en')
}
