/** What the configuration's own reading complains of, as findings. */
import type { ConfigProblem } from '../config/config-error.ts'
import { error, type Finding } from './finding.ts'

/** Messages of problems are "what is wrong; what to do". */
export function problemFinding({ path, message }: ConfigProblem): Finding {
  const end = message.indexOf('; ')
  if (end < 0) return error(path, message, 'see docs/configuration.md for what may stand there')
  return error(path, message.slice(0, end), message.slice(end + 2))
}
