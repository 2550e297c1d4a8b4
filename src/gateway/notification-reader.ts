/** Decodes what a sender writes: a slice at a time, and no more than the route has room for. */
import { Decoder, type Received } from '../binary/decoder.ts'
import { BinaryProtocolError, type Command } from '../binary/notification.ts'
import type { Clock } from '../timing/clock.ts'
import { Timer } from '../timing/timer.ts'
import type { ConnectionState } from '../relay/connection-state.ts'
import type { Relay } from '../relay/relay.ts'
import type { ConnectionEvent } from './connection-event.ts'

export interface ReaderDeps {
  readonly relay: Relay
  /** False while the journal cannot be written. Then nothing is decoded. */
  readonly canWrite: () => boolean
  readonly limits: {
    /** 4,096 bytes, 5,120 for VoIP topics. */
    readonly maxPayloadBytes: number
  }
  readonly clock: Clock
  readonly emit: (event: ConnectionEvent) => void
}

/** How often a reader asks again whether there is room. */
const roomPollMs = 50
/** Notifications in a slice. After one, answers and other senders have their turn. */
const sliceCount = 128

/** One for each connection. */
export class NotificationReader {
  readonly receivedByCommand: Record<Command, number> = { 0: 0, 1: 0, 2: 0 }
  /** Of the last notification, for status 10; undefined where that has none. */
  lastIdentifier: number | undefined
  /** Whether nothing is decoded any more. What arrives is dropped. */
  isFinished = false
  /** Whether the last {@link read} had to stop for lack of room, or to wait for its turn. */
  isBlocked = false
  readonly #connection: ConnectionState
  readonly #deps: ReaderDeps
  readonly #decoder: Decoder
  /** Decoded since the event loop was last given back. */
  #inSlice = 0
  readonly #nextSlice: Timer
  readonly #roomPoll: Timer

  /** @param onReadable called when {@link read} may be able to go on */
  constructor(connection: ConnectionState, deps: ReaderDeps, onReadable: () => void) {
    this.#connection = connection
    this.#deps = deps
    this.#decoder = new Decoder(deps.limits.maxPayloadBytes)
    this.#roomPoll = new Timer(deps.clock, roomPollMs, onReadable)
    this.#nextSlice = new Timer(deps.clock, 0, () => {
      this.#inSlice = 0
      onReadable()
    })
  }

  /** Stores bytes of the sender. */
  receive(chunk: Buffer): void {
    if (!this.isFinished) this.#decoder.receive(chunk)
  }

  /**
   * Decodes what may be decoded now, and hands it to the relay.
   * @param hasEnded the sender's EOF has been read
   */
  read(hasEnded: boolean): void {
    for (;;) {
      const count = this.isFinished ? 0 : this.#decodable()
      this.isBlocked = !this.isFinished && count === 0
      if (count === 0 || !this.#readSome(count, hasEnded)) return
    }
  }

  /** Reads again after answers and other senders have had their turn. */
  readInTurn(): void {
    this.#nextSlice.start()
  }

  /** How many notifications may be decoded now. */
  #decodable(): number {
    const { relay, canWrite } = this.#deps
    if (!this.#connection.isAdmitted || this.#inSlice >= sliceCount) return 0
    const room = canWrite() ? relay.roomFor(this.#connection) : 0
    if (room === 0) this.#roomPoll.start()
    return Math.min(room, sliceCount - this.#inSlice)
  }

  /** @returns whether more may follow */
  #readSome(count: number, hasEnded: boolean): boolean {
    const received: Received[] = []
    this.#attempt(() => {
      while (received.length < count) {
        const next = this.#decoder.next()
        if (next === undefined) break
        received.push(next)
      }
    })
    const isWhole = received.length === count
    if (received.length > 0) this.#attempt(() => this.#take(received))
    if (!isWhole && hasEnded && !this.isFinished) {
      this.isFinished = true
      this.#attempt(() => this.#decoder.end())
    }
    return isWhole
  }

  /** An error of any kind affects this connection only. */
  #attempt(run: () => void): void {
    try {
      run()
    } catch (error) {
      this.isFinished = true
      this.#connection.lane.finish(this.#deps.clock.now())
      const isSenders = error instanceof BinaryProtocolError
      this.#deps.emit(
        isSenders ? { event: 'connection.unreadable', error } : { event: 'bug', error },
      )
    }
  }

  #take(received: readonly Received[]): void {
    this.#inSlice += received.length
    if (this.#inSlice >= sliceCount) this.readInTurn()
    const deliveries = this.#deps.relay.take(received, this.#connection)
    for (const { command } of received) this.receivedByCommand[command]++
    this.lastIdentifier = received.at(-1)?.identifier
    this.#deps.emit({ event: 'notifications.received', received, deliveries })
  }
}
