/** The findings of a check. */
import type { ConfigProblem } from '../config/config-error.ts'

/** `warning`: the proxy runs, with a risk; `error`: the proxy does not work with this configuration. */
export type Severity = 'ok' | 'warning' | 'error'

export interface Finding {
  readonly severity: Severity
  /** A key of the configuration, a file, or an address. */
  readonly subject: string
  readonly finding: string
  /** Absent if nothing has to be done. */
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

/** Splits a message of the form "finding; cure". */
export function splitMessage(message: string): { finding: string; cure: string } {
  const [finding = '', ...cure] = message.split('; ')
  return { finding, cure: cure.join('; ') || 'see docs/configuration.md for the allowed values' }
}

export function problemFinding({ path, message }: ConfigProblem): Finding {
  return { severity: 'error', subject: path, ...splitMessage(message) }
}
