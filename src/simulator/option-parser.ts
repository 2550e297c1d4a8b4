/** Parses the values of `--answer` and `--latency`. */
import type { ScriptedAnswer } from './scripted-answer.ts'

/** Parses `PREFIX=REASON` or `PREFIX=STATUS:REASON`, then optional `*TIMES`. @throws Error with the form */
export function parseAnswer(text: string): ScriptedAnswer {
  const match = /^([\da-f]*)=(?:(\d{3}):)?(\w+)(?:\*(\d+))?$/i.exec(text)
  if (match === null) {
    throw new Error(
      `--answer ${text}: write PREFIX=REASON or PREFIX=STATUS:REASON, with *TIMES at the end if wanted`,
    )
  }
  const [, tokenPrefix = '', status, reason = '', times] = match
  return { tokenPrefix, reason, status: numberOf(status), times: numberOf(times) }
}

/** Parses milliseconds, `30` or `30-90`. @throws Error with the form */
export function parseLatency(text: string): { min: number; max: number } {
  const match = /^(\d{1,7})(?:-(\d{1,7}))?$/.exec(text)
  const min = Number(match?.[1])
  const max = Number(match?.[2] ?? match?.[1])
  if (match === null || max < min) {
    throw new Error(`--latency ${text}: write milliseconds such as 50, or a range such as 30-90`)
  }
  return { min, max }
}

function numberOf(text: string | undefined): number | undefined {
  return text === undefined ? undefined : Number(text)
}
