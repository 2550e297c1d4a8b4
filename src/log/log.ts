/** The log: JSON lines, one per decision, each with a stable `event` name, and no secret in any. */
import { createHmac, randomBytes } from 'node:crypto'
import { pino, type DestinationStream, type Logger } from 'pino'

export type { Logger } from 'pino'

/** Names under which a secret might be handed over, at the top of a line or one below. */
const secrets = ['payload', 'key', 'keyPem', 'privateKey', 'passphrase', 'authorization', 'proxy']

/**
 * A logger that keeps secrets to itself, whoever uses it: `token` becomes its tag, an error its
 * stack and nothing that hangs on it, and what has the name of a secret is left out.
 * @param level what matters less is not written; children have it from their birth
 * @param stream standard output where none is given
 */
export function createLog(level = 'info', stream?: DestinationStream): Logger {
  const options = {
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
    serializers: { token: tokenTag, err: stackOf },
    redact: { paths: secrets.flatMap((name) => [name, `*.${name}`]), censor: '[secret]' },
  }
  return stream === undefined ? pino(options) : pino(options, stream)
}

function stackOf(error: unknown): string | undefined {
  return error instanceof Error ? error.stack : String(error)
}

const tokenKey = randomBytes(32)

/**
 * What stands for a device token in the log: 8 hex digits, the same for the same token as long as
 * the process lives, and of no use to anybody who has only the log.
 */
export function tokenTag(token: string): string {
  return createHmac('sha256', tokenKey).update(token).digest('hex').slice(0, 8)
}
