/** A reader of the feedback service, as legacy senders have one: connects, and reads to the end. */
import { decodeFeedbackTuples, type FeedbackTuple } from '../binary/feedback-tuple.ts'
import { openSenderSocket, type SenderOptions } from './sender-socket.ts'

/**
 * Yields tuples as they come, until the service closes. Whoever stops before leaves the list with
 * the service, which offers it again.
 * @throws the system's or OpenSSL's error when the connection fails, and an Error when it ends
 * within a tuple
 */
export async function* readFeedback(options: SenderOptions): AsyncGenerator<FeedbackTuple> {
  const socket = await openSenderSocket(options)
  let unread: Buffer = Buffer.alloc(0)
  for await (const chunk of socket as AsyncIterable<Buffer>) {
    const { tuples, rest } = decodeFeedbackTuples(Buffer.concat([unread, chunk]))
    unread = rest
    yield* tuples
  }
  if (unread.length > 0)
    throw new Error('The feedback service closed within a tuple; what it sent last is incomplete')
}
