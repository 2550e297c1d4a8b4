/** A reader of the feedback service, as legacy senders have one: connects, and reads to the end. */
import { decodeFeedbackTuples, type FeedbackTuple } from '../binary/feedback-tuple.ts'
import type { Cancel, Clock } from '../timing/clock.ts'
import { openSenderSocket, type SenderOptions } from './sender-socket.ts'

/**
 * Yields tuples as they come, until the service closes. Whoever stops before leaves the list with
 * the service, which offers it again.
 * @param silenceMs how long nothing may come before it is believed to be another kind of port
 * @throws the system's or OpenSSL's error when the connection fails, and an Error when it ends
 * within a tuple or is silent for too long
 */
export async function* readFeedback(
  options: SenderOptions,
  silenceMs: number,
  clock: Clock,
): AsyncGenerator<FeedbackTuple> {
  const socket = await openSenderSocket(options, clock)
  const startTimer = (): Cancel =>
    clock.after(silenceMs, () => {
      const where = `${options.host}:${options.port}`
      socket.destroy(
        new Error(
          `${where} neither sent nor closed for ${silenceMs} ms: a gateway for notifications does ` +
            'that; the feedback service is on another port, 2196 as a rule',
        ),
      )
    })
  let cancel = startTimer()
  let unread: Buffer = Buffer.alloc(0)
  try {
    for await (const chunk of socket as AsyncIterable<Buffer>) {
      cancel()
      const { tuples, rest } = decodeFeedbackTuples(Buffer.concat([unread, chunk]))
      unread = rest
      yield* tuples
      cancel = startTimer()
    }
  } finally {
    cancel()
  }
  if (unread.length > 0)
    throw new Error('The feedback service closed within a tuple; what it sent last is incomplete')
}
