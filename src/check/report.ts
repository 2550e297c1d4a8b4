/** Prints findings as a table of at most 80 columns. */
import type { Finding } from './finding.ts'

const width = 80
const indent = 9

/** All findings, then a line with their counts. */
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
