/** How the simulator's settings are written on a command line. */
import type { ScriptedAnswer } from './scripted-answer.ts'

/**
 * Reads `PREFIX=REASON`, `PREFIX=STATUS:REASON`, each with `*TIMES` behind it if wanted.
 *
 * @throws Error that shows the form
 */
export function parseAnswer(text: string): ScriptedAnswer {
  const match = /^([\da-f]*)=(?:(\d{3}):)?(\w+)(?:\*(\d+))?$/i.exec(text)
  if (match === null) {
    throw new Error(`--answer ${text}: write PREFIX=REASON, PREFIX=STATUS:REASON or …*TIMES`)
  }
  const [, tokenPrefix = '', status, reason = '', times] = match
  return { tokenPrefix, reason, status: numberOf(status), times: numberOf(times) }
}

/**
 * Reads milliseconds, `30` or `30-90`.
 *
 * @throws Error that shows the form
 */
export function parseLatency(text: string): { min: number; max: number } {
  const match = /^(\d{1,7})(?:-(\d{1,7}))?$/.exec(text)
  const min = Number(match?.[1])
  const max = Number(match?.[2] ?? match?.[1])
  if (match === null || max < min) {
    throw new Error(`--latency ${text}: write milliseconds, as in 50, or a range, as in 30-90`)
  }
  return { min, max }
}

function numberOf(text: string | undefined): number | undefined {
  return text === undefined ? undefined : Number(text)
}
