/** `feedback`: reads the feedback service as a legacy sender does. */
import type { ArgumentsCamelCase, CommandModule, InferredOptionTypes } from 'yargs'
import { systemClock } from '../clock.ts'
import { readFeedback } from '../sender/feedback-reader.ts'
import { wholeNumber } from './number-option.ts'
import { senderFrom, senderOptions } from './sender-option.ts'

const options = {
  ...senderOptions(2196),
  wait: {
    number: true,
    default: 10_000,
    coerce: wholeNumber('wait', 0, 3_600_000),
    describe: 'Milliseconds of silence until it is given up',
  },
} as const

type FeedbackOptions = InferredOptionTypes<typeof options>

/** See `apns-legacy-proxy feedback --help`. */
export const feedback: CommandModule<object, FeedbackOptions> = {
  command: 'feedback',
  describe: 'Read which device tokens are gone; what was read is not told again',
  builder: (yargs) =>
    yargs
      .options(options)
      .example('$0 feedback --certificate push.p12', 'JSON lines: token, timestamp, time'),
  handler: run,
}

async function run(args: ArgumentsCamelCase<FeedbackOptions>): Promise<void> {
  let count = 0
  for await (const { token, timestamp } of readFeedback(senderFrom(args), args.wait, systemClock)) {
    count++
    const time = new Date(timestamp * 1000).toISOString()
    console.log(JSON.stringify({ token: token.toString('hex'), timestamp, time }))
  }
  if (count === 0) console.error(nothingRead)
}

/** The old protocol has one answer for both: a connection that is closed at once. */
const nothingRead =
  'No tokens. Either the list is empty, or the certificate is not admitted: then the log of the\n' +
  'proxy has the event sender.refused, with the way to admit it.'
