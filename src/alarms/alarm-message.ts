/** The message about a problem that has appeared or cleared, as the receivers get it. */
import { randomUUID } from 'node:crypto'
import type { Severity } from '../admin/problem.ts'
import type { ProblemChange } from '../admin/problem-watch.ts'

/** The body of the request, and the standard input of the command. */
export interface AlarmMessage {
  /** One line that says everything. Slack and its relatives show it. */
  readonly text: string
  readonly event: ProblemChange['event'] | 'test'
  readonly code: string
  readonly severity: Severity
  /** Absent if the problem concerns the whole proxy. */
  readonly route?: string
  readonly what: string
  readonly cure: string
  /** ISO 8601. */
  readonly at: string
  /** Only of a problem that has cleared. */
  readonly lastedSeconds?: number
  readonly proxy: AlarmSource
  /** The same for each attempt to deliver this message. */
  readonly id: string
}

/** The proxy that has the problem. */
export interface AlarmSource {
  readonly name: string
  readonly version: string
}

export function messageAbout(change: ProblemChange, proxy: AlarmSource): AlarmMessage {
  const { event, atMs, problem } = change
  const place = problem.route === undefined ? '' : `, route ${problem.route}`
  const subject = `apns-legacy-proxy on ${proxy.name}`
  const facts = { event, ...problem, at: new Date(atMs).toISOString(), proxy, id: randomUUID() }
  if (change.event === 'problem.appeared') {
    const text = `${subject}: ${problem.severity}${place}: ${problem.what} ${problem.cure}`
    return { text: oneLine(text), ...facts }
  }
  const lastedSeconds = Math.round(change.lastedMs / 1000)
  const text = `${subject}: solved after ${inWords(lastedSeconds)}${place}. It was: ${problem.what}`
  return { text: oneLine(text), ...facts, lastedSeconds }
}

/** The message that tests the way to a receiver. */
export function testMessage(proxy: AlarmSource, atMs: number): AlarmMessage {
  return {
    text: oneLine(`test alarm of apns-legacy-proxy on ${proxy.name}`),
    event: 'test',
    code: 'test',
    severity: 'warning',
    what: 'This is a test.',
    cure: 'Nothing has to be done.',
    at: new Date(atMs).toISOString(),
    proxy,
    id: randomUUID(),
  }
}

/** Without the characters that begin a command of Slack, such as `<!channel>`. */
export function oneLine(text: string): string {
  return text
    .replaceAll(/[\p{Cc}\s]+/gu, ' ')
    .replaceAll('<', '‹')
    .replaceAll('>', '›')
}

function inWords(seconds: number): string {
  if (seconds < 120) return `${seconds} s`
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`
  return `${Math.round(seconds / 3600)} h`
}
