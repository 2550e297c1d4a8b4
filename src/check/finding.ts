/** The findings of a check, and the table that shows them. */
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

const width = 80
const indent = 9

/** A table of at most 80 columns: all findings, then a line with their counts. */
export function report(findings: readonly Finding[]): string {
  return [...findings.map(rowOf), '', summary(findings), ''].join('\n')
}

function rowOf({ severity, subject, finding, cure }: Finding): string {
  if (severity === 'ok') return `${'ok'.padEnd(indent)}${wrapped(`${subject}: ${finding}`, indent)}`
  const head = severity.toUpperCase().padEnd(indent) + subject
  const lines = [wrapped(finding, indent), ...(cure ? [`→ ${wrapped(cure, indent + 2)}`] : [])]
  return [head, ...lines.map((line) => ' '.repeat(indent) + line)].join('\n')
}

/** Does not break words that are longer than a line, such as paths and keys. */
function wrapped(text: string, left: number): string {
  const lines = text.match(new RegExp(`\\S.{0,${width - left - 1}}(?= |$)|\\S+`, 'g')) ?? []
  return lines.join(`\n${' '.repeat(left)}`)
}

export function countOf(findings: readonly Finding[], severity: Finding['severity']): number {
  return findings.filter((finding) => finding.severity === severity).length
}

function summary(findings: readonly Finding[]): string {
  const errors = countOf(findings, 'error')
  const warnings = countOf(findings, 'warning')
  if (errors > 0) return `${plural(errors, 'error')}, ${plural(warnings, 'warning')}: not ready.`
  if (warnings > 0) return `${plural(warnings, 'warning')}, no error: ready.`
  return 'All is well: ready.'
}

function plural(count: number, word: string): string {
  return `${count} ${word}${count === 1 ? '' : 's'}`
}
