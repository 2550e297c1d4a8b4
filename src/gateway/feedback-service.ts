/** The feedback service's side of one connection: tells which tokens are gone, then closes. */
import type { Socket } from 'node:net'
import { encodeFeedbackTuple, type FeedbackTuple } from '../binary/feedback-tuple.ts'
import type { Cancel, Clock } from '../timing/clock.ts'
import type { FeedbackHold, FeedbackStore } from '../store/store.ts'

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
export function serveFeedback(socket: Socket, route: string, deps: FeedbackDeps): void {
  const connection = new FeedbackConnection(socket, deps)
  void deps.store.hold(route).then((hold) => connection.serve(hold))
}

class FeedbackConnection {
  readonly #socket: Socket
  readonly #deps: FeedbackDeps
  #hold: FeedbackHold | undefined
  #records: Iterator<TlsRecord, undefined> = records([])
  #cancelPatience: Cancel | undefined
  #cancelClose: Cancel | undefined
  #written = false
  #clean = false

  constructor(socket: Socket, deps: FeedbackDeps) {
    this.#socket = socket
    this.#deps = deps
    socket.on('error', () => {
      this.#clean = false
      socket.destroy()
    })
    // An EOF that comes before everything was written cannot mean that everything was read.
    socket.on('end', () => {
      this.#clean = this.#written
      if (this.#written) socket.end()
    })
    socket.once('close', (hadError: boolean) => this.#conclude(!hadError && this.#clean))
    socket.resume()
    this.#wait()
  }

  /** The reader may have gone before its entries were found. */
  serve(hold: FeedbackHold): void {
    if (this.#socket.closed) {
      hold.release()
      return
    }
    this.#hold = hold
    this.#records = records(hold.tuples)
    this.#next()
  }

  /** The next record, as soon as the one before it is out, so that TLS does not join the two. */
  #next(): void {
    if (this.#socket.destroyed) return
    this.#wait()
    const { value } = this.#records.next()
    if (value === undefined) {
      this.#close()
      return
    }
    this.#socket.write(value.bytes, () => this.#next())
    this.#deps.told(value.tuples)
  }

  #close(): void {
    this.#written = true
    if (this.#hold?.tuples.length === 0 || this.#socket.readableEnded) this.#socket.end()
    else this.#cancelClose = this.#deps.clock.after(closeAfterMs, () => this.#socket.end())
  }

  #wait(): void {
    this.#cancelPatience?.()
    this.#cancelPatience = this.#deps.clock.after(patienceMs, () => this.#socket.destroy())
  }

  #conclude(clean: boolean): void {
    this.#cancelPatience?.()
    this.#cancelClose?.()
    if (clean) void this.#hold?.forget()
    else this.#hold?.release()
    const count = this.#hold?.tuples.length ?? 0
    if (count > 0) this.#deps.emit({ event: clean ? 'feedback.read' : 'feedback.abandoned', count })
  }
}

interface TlsRecord {
  readonly tuples: readonly FeedbackTuple[]
  readonly bytes: Buffer
}

function* records(tuples: readonly FeedbackTuple[]): Iterator<TlsRecord, undefined> {
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
