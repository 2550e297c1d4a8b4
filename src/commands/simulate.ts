/** The command line of `simulate`. */
import { parseAnswer, parseLatency } from '../simulator/option-parser.ts'
import { declare, type ArgumentsOf } from './declaration.ts'
import { choice, text, wholeNumber } from './option.ts'

const implies = 'signing-key'
const maxInt = 2 ** 31 - 1

/** See `apns-legacy-proxy simulate --help`. */
export const simulate = declare(
  'simulate',
  'Simulate api.push.apple.com, to rehearse without Apple',
  (yargs) =>
    yargs
      .usage(
        '$0 simulate\n\nAnswers HTTP/2 pushes as APNs does, and delivers none. The first line of ' +
          'the log names the address and the certificate authority to trust.',
      )
      .options({
        host: { default: '127.0.0.1', ...text('Address to listen on') },
        port: { default: 2443, ...wholeNumber('port', 0, 65_535, 'Port; 0: any free port') },
        environment: choice(
          'production',
          ['production', 'sandbox'],
          'APNs environment; certificates must match it',
        ),
        answer: {
          array: true,
          nargs: 1,
          coerce: (texts: string[]) => texts.map(parseAnswer),
          ...text(
            'PREFIX=REASON: answer for tokens with this prefix; or PREFIX=STATUS:REASON; append ' +
              '*N for the first N requests only. Repeatable. [default: bad=BadDeviceToken ' +
              'dead=Unregistered]',
          ),
        },
        latency: { coerce: parseLatency, ...text('Milliseconds until the answer: 50, or 30-90') },
        'max-streams': {
          default: 1000,
          ...wholeNumber('max-streams', 1, maxInt, 'Concurrent requests of one connection'),
        },
        'goaway-every': wholeNumber(
          'goaway-every',
          1,
          maxInt,
          'Send GOAWAY after so many requests of a connection',
        ),
        'signing-key': {
          implies: ['key-id', 'team-id'],
          ...text('AuthKey_….p8 that must sign provider tokens; default: accept any token'),
        },
        'key-id': { implies, ...text('Key ID of the signing key') },
        'team-id': { implies, ...text('Team ID of the signing key') },
        'data-directory': {
          default: 'data',
          ...text('Folder for the temporary certificates, in simulator/'),
        },
        record: text('File to append all requests to, with tokens and payloads in clear'),
      })
      .example('$0 simulate', 'Reject tokens bad… and dead…')
      .example('$0 simulate --answer ab=TooManyRequests*2', 'Accept tokens ab… at the third try'),
)

export type SimulateArguments = ArgumentsOf<typeof simulate>
