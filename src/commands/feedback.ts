/** `feedback`: reads the feedback service as a legacy sender does. */
import type { ArgumentsCamelCase, CommandModule, InferredOptionTypes } from 'yargs'
import { readFeedback } from '../sender/feedback-reader.ts'
import { senderFrom, senderOptions } from './sender-option.ts'

const options = senderOptions(2196)

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
  for await (const { token, timestamp } of readFeedback(senderFrom(args)))
    console.log(
      JSON.stringify({
        token: token.toString('hex'),
        timestamp,
        time: new Date(timestamp * 1000).toISOString(),
      }),
    )
}
