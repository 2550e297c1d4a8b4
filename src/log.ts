/** The log: JSON lines on standard output, one per decision, each with a stable `event` name. */
import { createHmac, randomBytes } from 'node:crypto'
import { pino, type Logger } from 'pino'

export type { Logger } from 'pino'

/** A logger with Apple's and the proxy's words only: what goes in is redacted before. */
export function createLog(): Logger {
  return pino({
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
  })
}

const tokenKey = randomBytes(32)

/**
 * What stands for a device token in the log: 8 hex digits, the same for the same token as long as
 * the process lives, and of no use to anybody who has only the log.
 */
export function tokenTag(token: string): string {
  return createHmac('sha256', tokenKey).update(token).digest('hex').slice(0, 8)
}
