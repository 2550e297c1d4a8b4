/** What has changed about the problems of the proxy. */
import type { Problem as HealthProblem } from './health.ts'

/** The code is stable, in kebab-case. */
type Problem = HealthProblem & { readonly code: string }

export type ProblemChange =
  | { readonly event: 'problem.appeared'; readonly atMs: number; readonly problem: Problem }
  | {
      readonly event: 'problem.cleared'
      readonly atMs: number
      readonly lastedMs: number
      readonly problem: Problem
    }
