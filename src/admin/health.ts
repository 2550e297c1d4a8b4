/** Decides whether the proxy is healthy; otherwise lists its problems and their cures. */
import type { Problem, Severity } from './problem.ts'
import type { ProxyState } from './proxy-state.ts'
import { stateProblems } from './state-problems.ts'

export interface Health {
  readonly level: 'healthy' | Severity
  /** Alarms first. */
  readonly problems: readonly Problem[]
}

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
