/** The command line: finds the command, and turns what goes wrong into a message and an exit code. */
import { createRequire } from 'node:module'
import type Yargs from 'yargs'
import { check } from './check.ts'
import { decode } from './decode.ts'
import { feedback } from './feedback.ts'
import { init } from './init.ts'
import { joinDashes } from './lone-dash.ts'
import { replay } from './replay.ts'
import { report } from './report.ts'
import { send } from './send.ts'
import { serve } from './serve.ts'
import { simulate } from './simulate.ts'
import { ownCommand } from '../handlers/invocation.ts'

// Its CommonJS form: loads in half the time of the other, which also breaks lines within words.
const yargs = createRequire(import.meta.url)('yargs') as typeof Yargs

/**
 * @param args as typed, without the program
 * @param version what `--version` prints
 */
export async function run(args: readonly string[], version: string): Promise<void> {
  try {
    await yargs(joinDashes(args))
      .scriptName(ownCommand())
      .usage('$0 <command>\n\nServes the retired binary push protocol and sends on over HTTP/2.')
      .command(init)
      .command(check)
      .command(serve)
      .command(send)
      .command(feedback)
      .command(decode)
      .command(replay)
      .command(report)
      .command(simulate)
      .demandCommand(1, `Name a command. To see it work, start with: ${ownCommand()} serve`)
      .strict()
      .version(version)
      .alias({ help: 'h', version: 'v' })
      .wrap(80)
      .fail((message: string | undefined, error: Error | undefined) => {
        throw error ?? new Error(`${message ?? 'Not understood'}\nSee --help.`)
      })
      .parseAsync()
  } catch (error) {
    const { fail } = await import('../handlers/command-error.ts')
    fail(error)
  }
}
