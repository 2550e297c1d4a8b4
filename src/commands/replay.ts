/** The command line of `replay`. */
import { declare, type ArgumentsOf } from './declaration.ts'
import { choice, exitCodes, flag, inputFile } from './option-builder.ts'
import { senderOptions, waitOption } from './sender-option.ts'

/** See `apns-legacy-proxy replay --help`. */
export const replay = declare(
  'replay <file>',
  'Replay a capture to a gateway, with its records and pauses',
  (yargs) =>
    yargs
      .positional('file', inputFile('Capture, or bytes of a sender; - reads standard input'))
      .options({
        ...senderOptions(2195),
        speed: choice('1', ['1', '2', 'max'], 'Recorded speed, twice the speed, or no pauses', {
          string: true,
        }),
        once: flag('Stop at an error response instead of reconnecting'),
        wait: waitOption(1000, 'Milliseconds of silence that mean success'),
      })
      .example('$0 replay houston.capture --certificate push.p12', 'Replay as recorded')
      .epilogue(
        'Exit code 0: the whole capture was replayed, whatever the gateway answered; ' + exitCodes,
      ),
)

export type ReplayArguments = ArgumentsOf<typeof replay>
