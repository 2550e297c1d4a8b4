/** Reads the feedback service as legacy senders do: until the service closes the connection. */
import { decodeFeedbackTuples, type FeedbackTuple } from '../binary/feedback-tuple.ts'
import type { Clock } from '../timing/clock.ts'
import { Timer } from '../timing/timer.ts'
import { openSenderSocket, type SenderOptions } from './sender-socket.ts'

/**
 * Yields tuples as they arrive. If the caller stops early, the service keeps the list and sends it
 * to the next reader.
 * @param silenceMs time without data after which the peer is not a feedback service
 * @throws the system's or OpenSSL's error when the connection fails; an Error when the connection
 * ends inside a tuple, or no data arrives for `silenceMs`
 */
export async function* readFeedback(
  options: SenderOptions,
  silenceMs: number,
  clock: Clock,
): AsyncGenerator<FeedbackTuple> {
  const socket = await openSenderSocket(options, clock)
  const where = `${options.host}:${options.port}`
  const silence = new Timer(clock, silenceMs, () =>
    socket.destroy(
      new Error(
        `${where} neither sent nor closed for ${silenceMs} ms: this is probably a gateway for ` +
          'notifications; use the port of the feedback service, usually 2196',
      ),
    ),
  )
  silence.start()
  let unread: Buffer = Buffer.alloc(0)
  try {
    for await (const chunk of socket as AsyncIterable<Buffer>) {
      silence.stop()
      const { tuples, rest } = decodeFeedbackTuples(Buffer.concat([unread, chunk]))
      unread = rest
      yield* tuples
      silence.start()
    }
  } finally {
    silence.stop()
  }
  if (unread.length > 0)
    throw new Error(
      'The feedback service closed the connection inside a tuple; the last tuple is incomplete',
    )
}
