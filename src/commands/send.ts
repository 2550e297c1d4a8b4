/** The command line of `send`. */
import { declare, type ArgumentsOf } from './declaration.ts'
import { choice, exitCodes, text, wholeNumber } from './option-builder.ts'
import { senderOptions, waitOption } from './sender-option.ts'

/** See `apns-legacy-proxy send --help`. */
export const send = declare('send', 'Send notifications as a legacy sender does', (yargs) =>
  yargs
    .options({
      ...senderOptions(2195),
      command: choice(2, [0, 1, 2], 'Notification format: 0 simple, 1 enhanced, 2 framed', {
        number: true,
      }),
      token: text('Device token, hexadecimal'),
      alert: text('Alert text', { default: 'hello' }),
      payload: text('JSON to send instead of an alert'),
      identifier: wholeNumber('identifier', 0, 0xffff_ffff, {
        describe:
          'Returned in an error response; not in command 0 [default: 1; in a file, the line]',
      }),
      expiration: wholeNumber('expiration', 0, 0xffff_ffff, {
        describe: 'UNIX seconds; 0 = do not store; not in command 0',
      }),
      priority: wholeNumber('priority', 0, 255, {
        describe: '10 immediate or 5 power-saving; only in command 2',
      }),
      // With nargs, yargs takes a lone `-` for the value.
      file: text('JSON lines to send (token, payload, …); - reads standard input', { nargs: 1 }),
      wait: waitOption(1000, 'Milliseconds of silence that mean success'),
    })
    .example('$0 send --certificate push.p12 --token 1f2e…', 'Send one alert')
    .example('$0 send --certificate push.p12 --file pushes.jsonl', 'Send one notification per line')
    .epilogue(`Exit code 0: done; ${exitCodes}`)
    .check(({ token, file }) => {
      if (token === undefined && file === undefined)
        throw new Error('Give --token with a device token, or --file with JSON lines')
      if (!/^([0-9a-f]{2})*$/i.test(token ?? ''))
        throw new Error('--token: write hexadecimal digits, two for each byte')
      return true
    }),
)

export type SendArguments = ArgumentsOf<typeof send>
