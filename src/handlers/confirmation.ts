/** Asks the user of a terminal before something that cannot be undone. */
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'
import { CommandError, ExitCode } from './exit-code.ts'

/** Where the user is. */
export interface Terminal {
  readonly input: Readable & { readonly isTTY?: boolean }
  readonly output: Writable
}

/**
 * Whether the user types `yes`.
 * @throws Error that names --yes if the input is no terminal
 */
export async function confirmed(
  question: string,
  { input, output }: Terminal = { input: process.stdin, output: process.stderr },
): Promise<boolean> {
  if (input.isTTY !== true)
    throw new CommandError(ExitCode.usage, `${question}\nTo confirm without a terminal, add --yes.`)
  output.write(`${question}\nType yes to go on: `)
  const lines = createInterface({ input })
  const closed = once(lines, 'close').then((): unknown[] => [])
  const [answer] = await Promise.race([once(lines, 'line'), closed])
  lines.close()
  return String(answer).trim() === 'yes'
}
