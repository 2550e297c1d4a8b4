/** What `feedback` does: reads the feedback service as a legacy sender does. */
import { systemClock } from '../timing/clock.ts'
import { readFeedback } from '../sender/feedback-reader.ts'
import { senderFrom, type SenderArguments } from './sender.ts'

/** What the command line says. */
export interface FeedbackArguments extends SenderArguments {
  /** Milliseconds of silence until it is given up. */
  readonly wait: number
}

/** Prints what the service says; without a tuple, what that may mean. */
export async function feedback(args: FeedbackArguments): Promise<void> {
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
