/** The command line: finds the command, and turns a failure into a message and an exit code. */
import { createRequire } from 'node:module'
import type { Argv } from 'yargs'
import { check } from './check.ts'
import { decode } from './decode.ts'
import { withWork } from './declaration.ts'
import { feedback } from './feedback.ts'
import { init } from './init.ts'
import { overrule } from './overrule.ts'
import { replay } from './replay.ts'
import { reload } from './reload.ts'
import { report } from './report.ts'
import { send } from './send.ts'
import { serve } from './serve.ts'
import { simulate } from './simulate.ts'
import { stop } from './stop.ts'
import { told } from './told.ts'
import { CommandError, ExitCode } from '../handlers/exit-code.ts'
import { ownCommand } from '../handlers/own-command.ts'
import { surviveClosedOutput } from '../handlers/output.ts'

// The CommonJS build loads in half the time of the ESM build, which also breaks lines within words.
const yargs = createRequire(import.meta.url)('yargs') as (
  args: readonly string[],
) => Argv & { getOptions(): KnownOptions }

/** What the types of yargs leave out. */
interface KnownOptions {
  /** By name. */
  readonly key: Readonly<Record<string, unknown>>
  /** Names of the options that can be repeated. */
  readonly array: readonly string[]
}

/** Every command with its work. */
export const commands = {
  init: withWork(init, async () => (await import('../handlers/init.ts')).init),
  check: withWork(check, async () => (await import('../handlers/check.ts')).check),
  serve: withWork(serve, async () => (await import('../handlers/serve.ts')).serve),
  reload: withWork(reload, async () => (await import('../handlers/order.ts')).reload),
  stop: withWork(stop, async () => (await import('../handlers/order.ts')).stop),
  send: withWork(send, async () => (await import('../handlers/send.ts')).send),
  feedback: withWork(feedback, async () => (await import('../handlers/feedback.ts')).feedback),
  decode: withWork(decode, async () => (await import('../handlers/decode.ts')).decode),
  replay: withWork(replay, async () => (await import('../handlers/replay.ts')).replay),
  report: withWork(report, async () => (await import('../handlers/report.ts')).report),
  overrule: withWork(overrule, async () => (await import('../handlers/overrule.ts')).overrule),
  told: withWork(told, async () => (await import('../handlers/told.ts')).told),
  simulate: withWork(simulate, async () => (await import('../handlers/simulate.ts')).simulate),
}

/**
 * @param args as typed, without the program
 * @param version the output of `--version`
 */
export async function run(args: readonly string[], version: string): Promise<void> {
  surviveClosedOutput()
  const parser = yargs(args)
  let options: readonly string[] = []
  parser
    .locale('en')
    .scriptName(ownCommand())
    .usage('$0 <command>\n\nServes the retired binary push protocol and forwards over HTTP/2.')
    .demandCommand(1, `Give a command. To try the proxy, run: ${ownCommand()} serve`)
    .strict()
    .version(version)
    .alias({ help: 'h', version: 'v' })
    .wrap(80)
    .check((values) => {
      const { key, array } = parser.getOptions()
      const repeated = Object.keys(key)
        .filter((name) => !array.includes(name))
        .find((name) => Array.isArray(values[name]))
      if (repeated === undefined) return true
      throw new Error(`--${repeated} is there twice; give it once`)
    })
    .fail((message: string | null | undefined, error: Error | undefined) => {
      options = Object.keys(parser.getOptions().key)
      // Without a message, the work of a command has failed.
      if (typeof message === 'string') throw new CommandError(ExitCode.usage, message)
      throw error ?? new Error('The command has failed.')
    })
  try {
    for (const addTo of Object.values(commands)) addTo(parser)
    parser.completion('completion', 'Print a script that completes commands in bash or zsh')
    await parser.parseAsync()
  } catch (error) {
    const { fail } = await import('../handlers/command-error.ts')
    fail(error, { args, options, commands: [...Object.keys(commands), 'completion'] })
  }
}
