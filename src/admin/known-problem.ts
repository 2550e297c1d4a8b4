/** The codes of all problems that can occur. */
import { outcomeThresholds } from './outcome-threshold.ts'
import type { Problem, Severity } from './problem.ts'

interface StateRow {
  readonly severity: Severity
  readonly of: 'proxy' | 'route'
  /** The log event that has the problem already. */
  readonly logEvent?: string
}

/** The codes of all problems that a state shows. */
export const stateCodes = {
  'redis-unreachable': { severity: 'alarm', of: 'proxy', logEvent: 'store.lost' },
  'redis-unreachable-since-start': { severity: 'alarm', of: 'proxy', logEvent: 'store.lost' },
  'journal-unwritable': { severity: 'alarm', of: 'proxy', logEvent: 'journal.failed' },
  'server-certificate-expired': { severity: 'alarm', of: 'proxy' },
  'server-certificate-expires-in-a-week': { severity: 'alarm', of: 'proxy' },
  'server-certificate-expires-in-a-month': { severity: 'warning', of: 'proxy' },
  'set-up-suspected': { severity: 'alarm', of: 'route', logEvent: 'route.suspected' },
  'credential-refused': { severity: 'alarm', of: 'route', logEvent: 'route.down' },
  'no-connection': { severity: 'alarm', of: 'route', logEvent: 'session.closed' },
  'foreign-answers': { severity: 'alarm', of: 'route', logEvent: 'answer.foreign' },
  'journal-full': { severity: 'alarm', of: 'route' },
  'push-certificate-expired': { severity: 'alarm', of: 'route' },
  'push-certificate-expires-in-a-week': { severity: 'alarm', of: 'route' },
  'push-certificate-expires-in-a-month': { severity: 'warning', of: 'route' },
  'feedback-unread': { severity: 'warning', of: 'route' },
} as const satisfies Readonly<Record<string, StateRow>>

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

/** Whether a problem was judged from outcomes, and not from the state. */
export function isOfOutcomes({ code }: Problem): boolean {
  return outcomeThresholds.some((row) => row.code === code)
}

/** Whether another log event has the problem already, such as `route.down`. */
export function isLogged({ code }: Problem): boolean {
  const rows: Readonly<Record<string, object>> = stateCodes
  return Object.hasOwn(rows, code) && rows[code] !== undefined && 'logEvent' in rows[code]
}
