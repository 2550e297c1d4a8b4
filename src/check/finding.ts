/** One thing that a check has found: good, worth a warning, or fatal. */
import type { ConfigProblem } from '../config/config-error.ts'

/** `warning`: the proxy runs, with a risk; `error`: the proxy does not work with this configuration. */
export type Severity = 'ok' | 'warning' | 'error'

/** What was found, where, and what to do about it. */
export interface Finding {
  readonly severity: Severity
  /** A key of the configuration, a file, or an address. */
  readonly subject: string
  /** What is the case, and why it matters if that is not plain. */
  readonly finding: string
  /** What to do; absent if there is nothing to do. */
  readonly cure?: string
}

export function ok(subject: string, finding: string): Finding {
  return { severity: 'ok', subject, finding }
}

export function warning(subject: string, finding: string, cure: string): Finding {
  return { severity: 'warning', subject, finding, cure }
}

export function error(subject: string, finding: string, cure: string): Finding {
  return { severity: 'error', subject, finding, cure }
}

/** The two parts of a message of the form "what is wrong; what to do". */
export function splitMessage(message: string): { finding: string; cure: string } {
  const [finding = '', ...cure] = message.split('; ')
  return { finding, cure: cure.join('; ') || 'see docs/configuration.md for what may stand there' }
}

/** A problem of the configuration file. */
export function problemFinding({ path, message }: ConfigProblem): Finding {
  return { severity: 'error', subject: path, ...splitMessage(message) }
}
