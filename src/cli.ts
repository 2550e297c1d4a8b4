#!/usr/bin/env node
/** The command line: finds the command, and turns what goes wrong into a message and an exit code. */
import yargs from 'yargs'
import { hideBin } from 'yargs/helpers'
import { check } from './commands/check.ts'
import { decode } from './commands/decode.ts'
import { feedback } from './commands/feedback.ts'
import { init } from './commands/init.ts'
import { joinDashes } from './commands/lone-dash.ts'
import { replay } from './commands/replay.ts'
import { report } from './commands/report.ts'
import { send } from './commands/send.ts'
import { serve } from './commands/serve.ts'
import { simulate } from './commands/simulate.ts'
import { ownCommand } from './handlers/own-command.ts'
import { version } from './version.ts'

try {
  await yargs(joinDashes(hideBin(process.argv)))
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
  const { fail } = await import('./handlers/failure.ts')
  fail(error)
}
