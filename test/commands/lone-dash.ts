/** How a lone `-` gets past the parser of the command line. */
import t from 'tap'
import yargs, { type Argv } from 'yargs'
import { decode } from '../../src/commands/decode.ts'
import { send } from '../../src/commands/send.ts'

async function fileOf(command: typeof decode | typeof send, line: string): Promise<unknown> {
  let file: unknown
  await yargs(line.split(' '))
    .command(command.command, command.describe, command.builder as (argv: Argv) => Argv, (args) => {
      file = (args as { file?: string }).file
    })
    .strict()
    .exitProcess(false)
    .fail((message, error) => {
      throw (error as Error | undefined) ?? new Error(message)
    })
    .parseAsync()
  return file
}

t.test('--file - is standard input, and the next option stays an option', async (t) => {
  const options = 'send --certificate push.p12'
  t.equal(await fileOf(send, `${options} --file - --wait 5`), '-')
  t.equal(await fileOf(send, `${options} --file=-`), '-')
  t.equal(await fileOf(send, `${options} --wait 5 --file x`), 'x')
})

t.test('a positional of a lone dash is standard input', async (t) => {
  t.equal(await fileOf(decode, 'decode -'), '-')
  t.equal(await fileOf(decode, 'decode --mask -'), '-')
  t.equal(await fileOf(decode, 'decode x'), 'x')
})
