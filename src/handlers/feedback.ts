/** The work of `feedback`: reads the feedback service as a legacy sender does. */
import { systemClock } from '../timing/clock.ts'
import type { FeedbackArguments } from '../commands/feedback.ts'
import { readFeedback } from '../sender/feedback-reader.ts'
import { senderFrom } from './sender.ts'

/** Prints each feedback tuple as a JSON line. */
export async function feedback(args: FeedbackArguments): Promise<void> {
  let count = 0
  for await (const { token, timestamp } of readFeedback(senderFrom(args), args.wait, systemClock)) {
    count++
    const time = new Date(timestamp * 1000).toISOString()
    console.log(JSON.stringify({ token: token.toString('hex'), timestamp, time }))
  }
  if (count === 0) console.error(nothingRead)
}

/** In both cases the service closes the connection at once. */
const nothingRead =
  'No tokens. Either the list is empty, or the proxy refused the certificate. If so, its log has the\n' +
  'event sender.refused with the cure.'
