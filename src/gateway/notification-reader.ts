/** Decodes what a sender writes: a slice at a time, and no more than the route has room for. */
import { Decoder, type Received } from '../binary/decoder.ts'
import type { Command } from '../binary/notification.ts'
import type { Cancel, Clock } from '../timing/clock.ts'
import type { ConnectionState } from '../relay/connection-state.ts'
import type { Delivery } from '../relay/delivery.ts'
import type { Relay } from '../relay/relay.ts'

export interface ReaderDeps {
  readonly connection: ConnectionState
  readonly relay: Relay
  /** False while the journal cannot be written. Then nothing is decoded. */
  readonly canWrite: () => boolean
  /** 4,096 bytes, 5,120 for VoIP topics. */
  readonly maxPayloadBytes: number
  readonly clock: Clock
  /** {@link NotificationReader.read} may be able to go on. */
  readonly onReadable: () => void
  readonly onReceived: (received: readonly Received[], deliveries: readonly Delivery[]) => void
  /** The sender broke the protocol, or the proxy has a defect. Nothing is decoded any more. */
  readonly onFault: (error: unknown) => void
}

/** How often a reader asks again whether there is room. */
const roomPollMs = 50
/** Notifications in a slice. After one, answers and other senders have their turn. */
const sliceCount = 128

/** One for each connection. */
export class NotificationReader {
  readonly receivedByCommand: Record<Command, number> = { 0: 0, 1: 0, 2: 0 }
  readonly #deps: ReaderDeps
  readonly #decoder: Decoder
  #lastIdentifier: number | undefined
  #isFinished = false
  #isBlocked = false
  /** Decoded since the event loop was last given back. */
  #inSlice = 0
  #cancelSlice: Cancel | undefined
  #cancelRoom: Cancel | undefined

  constructor(deps: ReaderDeps) {
    this.#deps = deps
    this.#decoder = new Decoder(deps.maxPayloadBytes)
  }

  /** Of the last notification, for status 10; undefined where that has none. */
  get lastIdentifier(): number | undefined {
    return this.#lastIdentifier
  }

  /** Nothing is decoded any more. What arrives is dropped. */
  get isFinished(): boolean {
    return this.#isFinished
  }

  /** Whether the last {@link read} had to stop for lack of room, or to wait for its turn. */
  get isBlocked(): boolean {
    return this.#isBlocked
  }

  /** Stores bytes of the sender. */
  receive(chunk: Buffer): void {
    if (!this.#isFinished) this.#decoder.receive(chunk)
  }

  /**
   * Decodes what may be decoded now, and hands it to the relay.
   * @param hasEnded the sender's EOF has been read
   */
  read(hasEnded: boolean): void {
    for (;;) {
      const count = this.#isFinished ? 0 : this.#decodable()
      this.#isBlocked = !this.#isFinished && count === 0
      if (count === 0 || !this.#readSome(count, hasEnded)) return
    }
  }

  /** Decodes nothing any more: the sender will send it again. */
  finish(): void {
    this.#isFinished = true
  }

  /** Reads again after answers and other senders have had their turn. */
  readInTurn(): void {
    this.#cancelSlice ??= this.#deps.clock.after(0, () => {
      this.#cancelSlice = undefined
      this.#inSlice = 0
      this.#deps.onReadable()
    })
  }

  /** How many notifications may be decoded now. */
  #decodable(): number {
    const { connection, relay, canWrite } = this.#deps
    if (!connection.isAdmitted || this.#inSlice >= sliceCount) return 0
    const room = canWrite() ? relay.roomFor(connection) : 0
    if (room === 0) this.#waitForRoom()
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
    if (!isWhole && hasEnded && !this.#isFinished) {
      this.#isFinished = true
      this.#attempt(() => this.#decoder.end())
    }
    return isWhole
  }

  /** An error of any kind affects this connection only. */
  #attempt(run: () => void): void {
    try {
      run()
    } catch (error) {
      this.#isFinished = true
      this.#deps.onFault(error)
    }
  }

  #take(received: readonly Received[]): void {
    const { relay, connection, onReceived } = this.#deps
    this.#inSlice += received.length
    if (this.#inSlice >= sliceCount) this.readInTurn()
    const deliveries = relay.take(received, connection)
    for (const { command } of received) this.receivedByCommand[command]++
    this.#lastIdentifier = received.at(-1)?.identifier
    onReceived(received, deliveries)
  }

  #waitForRoom(): void {
    this.#cancelRoom ??= this.#deps.clock.after(roomPollMs, () => {
      this.#cancelRoom = undefined
      this.#deps.onReadable()
    })
  }
}
