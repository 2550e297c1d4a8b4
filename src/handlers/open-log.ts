/** The log of a command: readable lines on a terminal, JSON lines anywhere else. */
import { createLog, standardOutput, type Logger } from '../log/log.ts'
import { prettyLine } from './pretty-line.ts'

/** Logs on standard output. The last line before an exit is not lost. */
export function openLog(level?: string): Logger {
  const { stdout } = process
  if (!stdout.isTTY) return createLog(level, oncePerTurn(standardOutput()))
  return createLog(level, {
    write(line) {
      // Some terminals report 0.
      const columns = stdout.columns === 0 ? 80 : stdout.columns
      stdout.write(prettyLine(line, { columns, colors: stdout.hasColors() }))
    },
  })
}

interface Output {
  write(text: string): void
}

/** One system call for all lines of one turn of the event loop: each costs as much as ten lines. */
export function oncePerTurn(output: Output): Output {
  let lines = ''
  const flush = (): void => {
    if (lines !== '') output.write(lines)
    lines = ''
  }
  process.on('exit', flush)
  return {
    write(line) {
      if (lines === '') setImmediate(flush)
      lines += line
    },
  }
}
