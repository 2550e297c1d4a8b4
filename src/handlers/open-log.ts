/** Where a command logs: readable lines on a terminal, JSON lines anywhere else. */
import { createLog, type Logger } from '../log/log.ts'
import { prettyLine } from './pretty-line.ts'

/** On standard output. Written at once: the last line before an exit is the one that matters. */
export function openLog(level?: string): Logger {
  const { stdout } = process
  if (!stdout.isTTY) return createLog(level)
  return createLog(level, {
    write(line) {
      // Not every terminal says how wide it is.
      const columns = stdout.columns === 0 ? 80 : stdout.columns
      stdout.write(prettyLine(line, { columns, colors: stdout.hasColors() }))
    },
  })
}
