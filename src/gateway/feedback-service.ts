/** The feedback service's side of one connection: tells which tokens are gone, then closes. */
import type { Socket } from 'node:net'
import { encodeFeedbackTuple, type FeedbackTuple } from '../binary/feedback-tuple.ts'
import type { Cancel, Clock } from '../clock.ts'
import type { FeedbackStore } from '../store/store.ts'

/** Hears how readings end; an empty list is not worth a word. */
export interface FeedbackObserver {
  /** The reader took everything and closed: the entries are forgotten. */
  read(count: number): void
  /** The reader broke off or never closed: the entries are offered again. */
  abandoned(count: number): void
}

/** What a connection is given. */
export interface FeedbackDeps {
  readonly store: FeedbackStore
  readonly clock: Clock
  readonly observer: FeedbackObserver
}

/**
 * Plaintext of one TLS record: 431 tuples with tokens of 32 bytes. Readers take what one read gives
 * them for whole tuples. — source: senders.md 33, measured with Zend
 */
const recordBytes = 16_384
const patienceMs = 60_000
const forgottenAtOnce = 500

/**
 * Writes the entries of `route` at once, whole tuples only in each TLS record, and closes; readers
 * read to EOF and some give up after 100 ms. — source: senders.md 31 and 32. The entries are
 * removed from the store once the reader has closed cleanly. Until then another reader of the same
 * store is not given them.
 * @param socket a TLS connection; the reader says nothing on it
 */
export function serveFeedback(socket: Socket, route: string, deps: FeedbackDeps): void {
  new FeedbackConnection(socket, route, deps).next()
}

class FeedbackConnection {
  readonly #socket: Socket
  readonly #route: string
  readonly #deps: FeedbackDeps
  readonly #hold: Hold
  readonly #records: Iterator<Buffer, undefined>
  #cancelPatience: Cancel | undefined
  #written = false
  #clean = false

  constructor(socket: Socket, route: string, deps: FeedbackDeps) {
    this.#socket = socket
    this.#route = route
    this.#deps = deps
    this.#hold = new Hold(deps.store, route)
    this.#records = records(this.#hold.tuples)
    socket.on('error', () => {
      this.#clean = false
      socket.destroy()
    })
    // An EOF that comes before everything was written cannot mean that everything was read.
    socket.on('end', () => {
      this.#clean = this.#written
    })
    socket.once('close', (hadError: boolean) => {
      this.#conclude(!hadError && this.#clean)
    })
    socket.resume()
  }

  /** The next record, as soon as the one before it is out, so that TLS does not join the two. */
  next(): void {
    if (this.#socket.destroyed) return
    this.#wait()
    const { value } = this.#records.next()
    if (value === undefined) {
      this.#written = true
      this.#socket.end()
    } else
      this.#socket.write(value, () => {
        this.next()
      })
  }

  #wait(): void {
    this.#cancelPatience?.()
    this.#cancelPatience = this.#deps.clock.after(patienceMs, () => {
      this.#socket.destroy()
    })
  }

  #conclude(clean: boolean): void {
    const { observer } = this.#deps
    const { length } = this.#hold.tuples
    this.#cancelPatience?.()
    if (clean) this.#forgetFrom(0)
    else this.#hold.release()
    if (length === 0) return
    if (clean) observer.read(length)
    else observer.abandoned(length)
  }

  /** A few at a time: a long list must not hold up all that the process has to do. */
  #forgetFrom(index: number): void {
    const { store, clock } = this.#deps
    const { tuples } = this.#hold
    const next = index + forgottenAtOnce
    store.remove(this.#route, tuples.slice(index, next))
    if (next >= tuples.length) this.#hold.release()
    else
      clock.after(0, () => {
        this.#forgetFrom(next)
      })
  }
}

/** Which entries of a store are with a reader just now, by route. */
const held = new WeakMap<FeedbackStore, Map<string, Set<string>>>()

/** The entries of a route that no other reader had when this one came. */
class Hold {
  readonly tuples: readonly FeedbackTuple[]
  readonly #names: Set<string>

  constructor(store: FeedbackStore, route: string) {
    const routes = held.get(store) ?? new Map<string, Set<string>>()
    held.set(store, routes)
    this.#names = routes.get(route) ?? new Set()
    routes.set(route, this.#names)
    this.tuples = store.list(route).filter((tuple) => !this.#names.has(nameOf(tuple)))
    for (const tuple of this.tuples) this.#names.add(nameOf(tuple))
  }

  release(): void {
    for (const tuple of this.tuples) this.#names.delete(nameOf(tuple))
  }
}

function nameOf({ timestamp, token }: FeedbackTuple): string {
  return `${timestamp} ${token.toString('hex')}`
}

function* records(tuples: readonly FeedbackTuple[]): Iterator<Buffer, undefined> {
  let record: Buffer[] = []
  let bytes = 0
  for (const tuple of tuples) {
    const encoded = encodeFeedbackTuple(tuple)
    if (bytes + encoded.length > recordBytes) {
      yield Buffer.concat(record)
      record = []
      bytes = 0
    }
    record.push(encoded)
    bytes += encoded.length
  }
  if (bytes > 0) yield Buffer.concat(record)
}
