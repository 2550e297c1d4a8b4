/** What happens when the proxy itself is wrong. */
import type { Logger } from './log.ts'

/** A defect costs what it touches; it does not take every other sender with it. */
export function surviveDefects(log: Logger): void {
  const survive = (error: unknown): void => {
    log.error({ event: 'bug', err: error }, 'a defect of the proxy; please report it')
  }
  process.on('uncaughtException', survive)
  process.on('unhandledRejection', survive)
}
