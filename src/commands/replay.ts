/** The command line of `replay`. */
import type { CommandModule, InferredOptionTypes } from 'yargs'
import { inputFile } from './lone-dash.ts'
import { senderOptions, waitOption } from './sender-option.ts'

const options = {
  ...senderOptions(2195),
  speed: {
    string: true,
    choices: ['1', '2', 'max'] as const,
    default: '1' as '1' | '2' | 'max',
    describe: 'As it was, twice as fast, or without its pauses',
  },
  once: {
    boolean: true,
    describe: 'Do not go on over a new connection behind an error response',
  },
  wait: waitOption(1000, 'Milliseconds of silence that mean success'),
} as const

type ReplayArguments = InferredOptionTypes<typeof options> & { file: string }

/** See `apns-legacy-proxy replay --help`. */
export const replay: CommandModule<object, ReplayArguments> = {
  command: 'replay <file>',
  describe: 'Play a capture against a gateway, with its records and pauses',
  builder: (yargs) =>
    yargs
      .positional(
        'file',
        inputFile('Capture, or the bytes that a sender wrote; - reads standard input'),
      )
      .options(options)
      .example('$0 replay houston.capture --certificate push.p12', 'As it was recorded')
      .epilogue('Exit code 0: the capture was played whole, whatever the gateway said.'),
  handler: async (args) => (await import('../handlers/replay.ts')).replay(args),
}
