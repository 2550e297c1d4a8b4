/** The command line of `send`. */
import type { CommandModule, InferredOptionTypes } from 'yargs'
import { wholeNumber } from './number-option.ts'
import { senderOptions, waitOption } from './sender-option.ts'

const options = {
  ...senderOptions(2195),
  command: {
    number: true,
    choices: [0, 1, 2] as const,
    default: 2 as 0 | 1 | 2,
    describe: 'Notification format: 0 simple, 1 enhanced, 2 framed',
  },
  token: { string: true, describe: 'Device token, hexadecimal' },
  alert: { string: true, default: 'hello', describe: 'Text to show' },
  payload: { string: true, describe: 'JSON to send instead of an alert' },
  identifier: {
    number: true,
    coerce: wholeNumber('identifier', 0, 0xffff_ffff),
    describe: 'Echoed if it is rejected; not in command 0 [default: 1, in a file the line]',
  },
  expiration: {
    number: true,
    coerce: wholeNumber('expiration', 0, 0xffff_ffff),
    describe: 'UNIX seconds; 0 = do not store; not in command 0',
  },
  priority: {
    number: true,
    coerce: wholeNumber('priority', 0, 255),
    describe: '10 immediate or 5 power-saving; command 2 only',
  },
  file: {
    string: true,
    describe: 'JSON lines to send instead, - for standard input: token, payload, …',
  },
  wait: waitOption(1000, 'Milliseconds of silence that mean success'),
} as const

/** See `apns-legacy-proxy send --help`. */
export const send: CommandModule<object, InferredOptionTypes<typeof options>> = {
  command: 'send',
  describe: 'Send notifications as a legacy sender does',
  builder: (yargs) =>
    yargs
      .options(options)
      .example('$0 send --certificate push.p12 --token 1f2e…', 'One alert')
      .example('$0 send --certificate push.p12 --file pushes.jsonl', 'One a line')
      .check((args) => {
        if (args.token === undefined && args.file === undefined)
          throw new Error('Give --token with a device token, or --file with many')
        if (!/^([0-9a-f]{2})*$/i.test(args.token ?? ''))
          throw new Error('--token: write hexadecimal digits, two for each byte')
        return true
      }),
  handler: async (args) => (await import('../handlers/send.ts')).send(args),
}
