/** One thing that a check has found: good, worth a warning, or fatal. */

/** `warning`: the proxy runs, but somebody will regret it; `error`: it does not work like this. */
export type Severity = 'ok' | 'warning' | 'error'

/** What was found, where, and what to do about it. */
export interface Finding {
  readonly severity: Severity
  /** A key of the configuration, a file, or an address. */
  readonly subject: string
  /** What is the case, and why it matters where that is not plain. */
  readonly finding: string
  /** What to do; none is needed where all is well. */
  readonly cure?: string
}

/** Nothing to do. */
export function ok(subject: string, finding: string): Finding {
  return { severity: 'ok', subject, finding }
}

/** To be seen to. */
export function warning(subject: string, finding: string, cure: string): Finding {
  return { severity: 'warning', subject, finding, cure }
}

/** To be put right first. */
export function error(subject: string, finding: string, cure: string): Finding {
  return { severity: 'error', subject, finding, cure }
}
