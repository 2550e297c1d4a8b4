/** Keeps the process running after an error that nothing has caught. */
import type { Logger } from './log.ts'

/** An uncaught error is logged and ends nothing: it must not disconnect every other sender. */
export function installCrashGuard(log: Logger): void {
  const survive = (error: unknown): void => {
    log.error({ event: 'bug', err: error }, 'a defect of the proxy; please report it')
  }
  process.on('uncaughtException', survive)
  process.on('unhandledRejection', survive)
}
