/** Decides whether the proxy is healthy; otherwise lists its problems and their cures. */
import { outcomeThresholds } from './outcome-threshold.ts'
import type { Problem, Severity } from './problem.ts'
import type { ProxyState } from './proxy-state.ts'
import { stateCodes, stateProblems } from './state-problems.ts'

export interface Health {
  readonly level: 'healthy' | Severity
  /** Alarms first. */
  readonly problems: readonly Problem[]
}

/** The code of a problem that can occur. */
export interface KnownProblem {
  readonly code: string
  readonly severity: Severity
  readonly of: 'proxy' | 'route'
}

/** All codes, for metrics. */
export const knownProblems: readonly KnownProblem[] = [
  ...Object.entries(stateCodes).map(([code, { severity, of }]) => ({ code, severity, of })),
  ...outcomeThresholds.map(({ code, severity }) => ({ code, severity, of: 'route' as const })),
]

/** While a route has one of these, its outcomes say the same again. */
const explaining: readonly string[] = [
  'set-up-suspected',
  'credential-refused',
  'no-connection',
  'foreign-answers',
]
/** What an explained state has cost is news. */
const unexplained = 'expired-undelivered'

export function healthOf(state: ProxyState): Health {
  const problems = (['alarm', 'warning'] as const).flatMap((level) =>
    problemsOf(state).filter(({ severity }) => severity === level),
  )
  return { level: problems[0]?.severity ?? 'healthy', problems }
}

/** The problems of the present state, and those of outcomes that no state explains. */
export function problemsOf(state: ProxyState): readonly Problem[] {
  const ofState = stateProblems(state)
  const explained = ofState
    .filter(({ code }) => explaining.includes(code))
    .map(({ route }) => route)
  const ofOutcomes = state.outcomeProblems.filter(
    ({ code, route }) => code === unexplained || !explained.includes(route),
  )
  return [...ofState, ...ofOutcomes]
}

/** Whether a problem was judged from outcomes, and not from the state. */
export function isOfOutcomes({ code }: Problem): boolean {
  return outcomeThresholds.some((row) => row.code === code)
}

/** Whether another log event has the problem already, such as `route.down`. */
export function isLogged({ code }: Problem): boolean {
  const rows: Readonly<Record<string, object>> = stateCodes
  return Object.hasOwn(rows, code) && rows[code] !== undefined && 'logEvent' in rows[code]
}
