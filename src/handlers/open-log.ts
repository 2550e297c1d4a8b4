/** The log of a command: readable lines on a terminal, JSON lines anywhere else. */
import { createLog, type Logger } from '../log/log.ts'
import { prettyLine } from './pretty-line.ts'

/** Logs on standard output, unbuffered: the last line before an exit must not be lost. */
export function openLog(level?: string): Logger {
  const { stdout } = process
  if (!stdout.isTTY) return createLog(level)
  return createLog(level, {
    write(line) {
      // Some terminals report 0.
      const columns = stdout.columns === 0 ? 80 : stdout.columns
      stdout.write(prettyLine(line, { columns, colors: stdout.hasColors() }))
    },
  })
}
