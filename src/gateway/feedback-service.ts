/** The feedback service's side of one connection: tells which tokens are gone, then closes. */
import type { Socket } from 'node:net'
import { encodeFeedbackTuple, type FeedbackTuple } from '../binary/feedback-tuple.ts'
import type { Clock } from '../timing/clock.ts'
import { Timer } from '../timing/timer.ts'
import type { FeedbackStore } from '../store/store.ts'

/** How a reading ended; that of an empty list is not reported. Each name is also that of the log event. */
export type FeedbackEvent =
  /** The reader took all entries and closed: they are forgotten. */
  | { readonly event: 'feedback.read'; readonly count: number }
  /** The reader broke off or never closed: the entries are offered again. */
  | { readonly event: 'feedback.abandoned'; readonly count: number }

export interface FeedbackDeps {
  readonly store: FeedbackStore
  /** Called for what was written: the reader may have it. */
  readonly told: (tuples: readonly FeedbackTuple[]) => void
  readonly clock: Clock
  readonly emit: (event: FeedbackEvent) => void
}

/**
 * Plaintext of one TLS record: 431 tuples with tokens of 32 bytes. Readers take what one read gives
 * them for whole tuples. — source: senders.md 33, measured with Zend
 */
const recordBytes = 16_384
const patienceMs = 60_000
/**
 * So long after the last tuple the connection is closed: where close_notify lies behind it, a reader
 * on Go's crypto/tls gets both from one read, and one that looks at the EOF first drops the tuple.
 * Not longer, because some give up after 100 ms of silence.
 */
const closeAfterMs = 50

/**
 * Writes the entries of `route` at once, whole tuples only in each TLS record, and closes a moment
 * later; readers read to EOF and some give up after 100 ms. — source: senders.md 31 and 32. The
 * entries are removed from the store once the reader has closed cleanly. Until then another reader
 * of the same store is not given them.
 * @param socket a TLS connection; the reader says nothing on it
 */
export async function serveFeedback(
  socket: Socket,
  route: string,
  { store, told, clock, emit }: FeedbackDeps,
): Promise<void> {
  let isWritten = false
  let isClean = false
  const patience = new Timer(clock, patienceMs, () => socket.destroy())
  const end = new Timer(clock, closeAfterMs, () => socket.end())
  const closed = new Promise<boolean>((resolve) => {
    socket.once('close', () => {
      patience.stop()
      end.stop()
      resolve(isClean)
    })
  })
  socket.on('error', () => {
    isClean = false
    socket.destroy()
  })
  // An EOF that comes before everything was written cannot mean that everything was read.
  socket.on('end', () => {
    isClean = isWritten
    if (isWritten) socket.end()
  })
  socket.resume()
  patience.start()
  const hold = await store.hold(route)
  const count = hold.tuples.length
  for (const { tuples, bytes } of records(hold.tuples)) {
    if (socket.destroyed) break
    patience.restart()
    told(tuples)
    // The next one follows as soon as this one is out, so that TLS does not join the two.
    await Promise.race([new Promise((written) => socket.write(bytes, written)), closed])
  }
  isWritten = true
  if (count === 0 || socket.readableEnded) socket.end()
  else end.start()
  const isRead = await closed
  if (isRead) void hold.forget()
  else hold.release()
  if (count > 0) emit({ event: isRead ? 'feedback.read' : 'feedback.abandoned', count })
}

interface TlsRecord {
  readonly tuples: readonly FeedbackTuple[]
  readonly bytes: Buffer
}

function* records(tuples: readonly FeedbackTuple[]): Iterable<TlsRecord> {
  let record: Buffer[] = []
  let bytes = 0
  let first = 0
  for (const [index, tuple] of tuples.entries()) {
    const encoded = encodeFeedbackTuple(tuple)
    if (bytes + encoded.length > recordBytes) {
      yield { tuples: tuples.slice(first, index), bytes: Buffer.concat(record) }
      record = []
      bytes = 0
      first = index
    }
    record.push(encoded)
    bytes += encoded.length
  }
  if (bytes > 0) yield { tuples: tuples.slice(first), bytes: Buffer.concat(record) }
}
