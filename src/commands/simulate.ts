/** The command line of `simulate`. */
import type { ScriptedAnswer } from '../simulator/scripted-answer.ts'
import { moodOptions } from './mood-option.ts'
import { declare, type ArgumentsOf } from './declaration.ts'
import { choice, exitCodes, text, wholeNumber } from './option-builder.ts'

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
        host: text('Address to listen on', { default: '127.0.0.1' }),
        port: wholeNumber('port', 0, 65_535, { describe: 'Port; 0: any free port', default: 2443 }),
        environment: choice(
          'production',
          ['production', 'sandbox'],
          'APNs environment; certificates must match it',
        ),
        answer: text(
          'PREFIX=REASON: answer for tokens with this prefix; or PREFIX=STATUS:REASON; append ' +
            '*N for the first N requests only. Repeatable. [default: bad=BadDeviceToken ' +
            'dead=Unregistered]',
          { array: true, nargs: 1, coerce: (texts: string[]) => texts.map(parseAnswer) },
        ),
        ...moodOptions,
        latency: text('Milliseconds until the answer: 50, or 30-90', { coerce: parseLatency }),
        'max-streams': wholeNumber('max-streams', 1, maxInt, {
          describe: 'Concurrent requests of one connection',
          default: 1000,
        }),
        'goaway-every': wholeNumber('goaway-every', 1, maxInt, {
          describe: 'Send GOAWAY after so many requests of a connection',
        }),
        'signing-key': text(
          'AuthKey_….p8 that must sign provider tokens; default: accept any token',
          { implies: ['key-id', 'team-id'] },
        ),
        'key-id': text('Key ID of the signing key', { implies }),
        'team-id': text('Team ID of the signing key', { implies }),
        'data-directory': text('Folder for the temporary certificates, in simulator/', {
          default: 'data',
        }),
        record: text('File to append all requests to, with tokens and payloads in clear'),
      })
      .conflicts('answer', Object.keys(moodOptions))
      .example('$0 simulate', 'Reject tokens bad… and dead…')
      .example('$0 simulate --answer ab=TooManyRequests*2', 'Accept tokens ab… at the third try')
      .epilogue(`Exit code 0: done; ${exitCodes}`),
)

export type SimulateArguments = ArgumentsOf<typeof simulate>

/** Parses `PREFIX=REASON` or `PREFIX=STATUS:REASON`, then optional `*TIMES`. @throws Error with the form */
export function parseAnswer(text: string): ScriptedAnswer {
  const match = /^([\da-f]*)=(?:(\d{3}):)?(\w+)(?:\*(\d+))?$/i.exec(text)
  if (match === null) {
    throw new Error(
      `--answer ${text}: write PREFIX=REASON or PREFIX=STATUS:REASON, with *TIMES at the end if wanted`,
    )
  }
  const [, tokenPrefix = '', status, reason = '', times] = match
  return { tokenPrefix, reason, status: numberOf(status), times: numberOf(times) }
}

/** Parses milliseconds, `30` or `30-90`. @throws Error with the form */
export function parseLatency(text: string): { min: number; max: number } {
  const match = /^(\d{1,7})(?:-(\d{1,7}))?$/.exec(text)
  const min = Number(match?.[1])
  const max = Number(match?.[2] ?? match?.[1])
  if (match === null || max < min) {
    throw new Error(`--latency ${text}: write milliseconds such as 50, or a range such as 30-90`)
  }
  return { min, max }
}

function numberOf(text: string | undefined): number | undefined {
  return text === undefined ? undefined : Number(text)
}
