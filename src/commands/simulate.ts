/** The command line of `simulate`. */
import type { CommandModule, InferredOptionTypes, Options } from 'yargs'
import { parseAnswer, parseLatency } from '../simulator/option-parser.ts'
import { wholeNumber } from './number-option.ts'

const options = {
  host: { type: 'string', default: '127.0.0.1', describe: 'Address to listen on' },
  port: {
    type: 'number',
    default: 2443,
    coerce: wholeNumber('port', 0, 65_535),
    describe: 'Port to listen on, 0 for any',
  },
  environment: {
    choices: ['production', 'sandbox'] as const,
    default: 'production' as 'production' | 'sandbox',
    describe: 'Which APNs to be; certificates must be made for it',
  },
  answer: {
    type: 'string',
    array: true,
    nargs: 1,
    coerce: (texts: string[]) => texts.map(parseAnswer),
    describe:
      'PREFIX=REASON: how tokens that begin so are answered; also PREFIX=STATUS:REASON; with *N ' +
      'behind, only the first N times. Repeatable. [default: bad=BadDeviceToken dead=Unregistered]',
  },
  latency: {
    type: 'string',
    coerce: parseLatency,
    describe: 'Milliseconds until the answer: 50, or 30-90',
  },
  'max-streams': {
    type: 'number',
    default: 1000,
    coerce: wholeNumber('max-streams', 1, 2 ** 31 - 1),
    describe: 'Requests at once on one connection',
  },
  'goaway-every': {
    type: 'number',
    coerce: wholeNumber('goaway-every', 1, 2 ** 31 - 1),
    describe: 'End a connection politely after so many requests',
  },
  'signing-key': {
    type: 'string',
    implies: ['key-id', 'team-id'],
    describe: 'AuthKey_….p8 that provider tokens must be signed with; without it any is believed',
  },
  'key-id': { type: 'string', implies: 'signing-key', describe: 'Key ID of the signing key' },
  'team-id': { type: 'string', implies: 'signing-key', describe: 'Team ID of the signing key' },
  'data-directory': {
    type: 'string',
    default: 'data',
    describe: 'Keeps the throw-away certificates, in simulator/',
  },
  record: {
    type: 'string',
    describe: 'Append all that is received to this file, tokens and payloads in clear',
  },
} as const satisfies Readonly<Record<string, Options>>

/** See `apns-legacy-proxy simulate --help`. */
export const simulate: CommandModule<object, InferredOptionTypes<typeof options>> = {
  command: 'simulate',
  describe: 'Stand in for api.push.apple.com, to rehearse without Apple',
  builder: (yargs) =>
    yargs
      .usage(
        '$0 simulate\n\nAnswers HTTP/2 pushes as Apple would, and delivers none. Logs; ' +
          'the first line names the address and the certificate authority to trust.',
      )
      .options(options)
      .example('$0 simulate', 'Tokens bad… are refused, dead… are gone')
      .example('$0 simulate --answer ab=TooManyRequests*2', 'Tokens ab… pass at the third try'),
  handler: async (args) => (await import('../handlers/simulate.ts')).simulate(args),
}
