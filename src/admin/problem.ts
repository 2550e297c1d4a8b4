/** A problem of the proxy, as status page, metrics and log show it. */

/** `alarm`: something does not work; `warning`: something will stop to work unless somebody acts. */
export type Severity = 'warning' | 'alarm'

export interface Problem {
  /** Stable, in kebab case; each code has one severity. */
  readonly code: string
  readonly severity: Severity
  /** Undefined if the problem concerns the whole proxy. */
  readonly route?: string
  readonly what: string
  readonly cure: string
}

/** Names a problem among all problems of the proxy. */
export function keyOf({ code, route = '' }: Pick<Problem, 'code' | 'route'>): string {
  return `${code} ${route}`
}
