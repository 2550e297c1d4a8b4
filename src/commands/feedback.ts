/** The command line of `feedback`. */
import type { CommandModule, InferredOptionTypes } from 'yargs'
import { senderOptions, waitOption } from './sender-option.ts'

const options = {
  ...senderOptions(2196),
  wait: waitOption(10_000, 'Milliseconds of silence until it is given up'),
} as const

/** See `apns-legacy-proxy feedback --help`. */
export const feedback: CommandModule<object, InferredOptionTypes<typeof options>> = {
  command: 'feedback',
  describe: 'Read which device tokens are gone; what was read is not told again',
  builder: (yargs) =>
    yargs
      .options(options)
      .example('$0 feedback --certificate push.p12', 'JSON lines: token, timestamp, time'),
  handler: async (args) => (await import('../handlers/feedback.ts')).feedback(args),
}
