/** The command line of `feedback`. */
import { declare, type ArgumentsOf } from './declaration.ts'
import { exitCodes } from './option-builder.ts'
import { senderOptions, waitOption } from './sender-option.ts'

/** See `apns-legacy-proxy feedback --help`. */
export const feedback = declare(
  'feedback',
  'Read device tokens that are no longer valid; each is returned once',
  (yargs) =>
    yargs
      .options({
        ...senderOptions(2196),
        wait: waitOption(10_000, 'Milliseconds of silence after which the command gives up'),
      })
      .example('$0 feedback --certificate push.p12', 'Print token, timestamp and time as JSON')
      .epilogue(`Exit code 0: done; ${exitCodes}`),
)

export type FeedbackArguments = ArgumentsOf<typeof feedback>
