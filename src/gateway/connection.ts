/** One client connection: bytes in, notifications to the relay, at most six bytes out. */
import type { Duplex } from 'node:stream'
import { encodeErrorResponse, type ErrorResponse } from '../binary/error-response.ts'
import type { Command } from '../binary/notification.ts'
import { StatusCode } from '../binary/status-code.ts'
import { afterReading } from '../timing/timer.ts'
import type { Cancel } from '../timing/clock.ts'
import { ConnectionState, type ConnectionOwner } from '../relay/connection-state.ts'
import type { Delivery, DeliveryTally } from '../relay/delivery.ts'
import type { Lane, LaneTimes } from '../relay/lane.ts'
import { NotificationReader, type ReaderDeps } from './notification-reader.ts'

export interface ConnectionDeps extends ReaderDeps {
  /** Its number in the log. */
  readonly connection: number
  /** Hex SHA-256 of the sender's public key. */
  readonly sender: string
  /** Default: the deliveries are not counted. */
  readonly tally?: DeliveryTally
  readonly limits: ReaderDeps['limits'] & LaneTimes
}

/**
 * | state | left by |
 * |---|---|
 * | serving | `stop`: stopping; an error response, an unreadable stream, or all settled: finished |
 * | stopping | a quiet moment, at the latest `latestAtMs`: finished |
 * | finished | its own side is closed; reads until the sender's EOF, in a stop at most 1 s: closed |
 * | closed | – |
 */
type State =
  | { readonly is: 'serving' }
  | { readonly is: 'stopping'; readonly latestAtMs: number }
  | { readonly is: 'finished'; readonly atMs: number; readonly lingers: boolean }
  | { readonly is: 'closed' }

/** A sender that resends does not pause this long. What it repeats after a pause is wanted. */
const pauseMs = 500
/** A sender that wrote within this time may have more on its way. */
const busyMs = 1000
/** How long a stopping connection waits, after its own end, for bytes on the way to either side. */
const lingerMs = 1000

/**
 * Reads until the sender's EOF, whatever else happens. Closes its own side after an error response,
 * after an unreadable stream, or once everything received is settled.
 */
export class SenderConnection implements ConnectionOwner {
  readonly #socket: Duplex
  readonly #deps: ConnectionDeps
  readonly #connection: ConnectionState
  readonly #lane: Lane<Delivery>
  readonly #reader: NotificationReader
  #state: State = { is: 'serving' }
  #hasEnded = false
  #hasReported = false
  /** Nothing is due before the first byte. */
  #isAttending = true
  #cancelWait: Cancel | undefined
  #cancelPause: Cancel | undefined
  /** `reading` while the sockets are being read, `done` for the one {@link attend} after that. */
  #look: 'none' | 'reading' | 'done' = 'none'
  readonly #onClosed: (() => void)[] = []

  constructor(socket: Duplex, deps: ConnectionDeps) {
    const { connection, sender, limits, relay, clock, tally } = deps
    this.#socket = socket
    this.#deps = deps
    this.#connection = new ConnectionState(connection, sender, limits, this, tally)
    this.#lane = this.#connection.lane
    this.#reader = new NotificationReader(this.#connection, deps, () => this.attend())
    relay.opened(this.#connection)
    this.#isAttending = false
    socket.on('data', (chunk: Buffer) => {
      this.#bytesRead(clock.now())
      this.#reader.receive(chunk)
      this.attend()
      this.#watchForPause()
    })
    socket.on('end', () => this.#endInput())
    socket.on('close', () => {
      this.#endInput()
      this.#close()
    })
  }

  get receivedByCommand(): Readonly<Record<Command, number>> {
    return this.#reader.receivedByCommand
  }

  /** Its number in the log. */
  get id(): number {
    return this.#deps.connection
  }

  /** Whether the gateway's side is closed and the sender's is not. */
  get isHalfClosed(): boolean {
    return this.#state.is === 'finished' && !this.#hasEnded
  }

  /** Milliseconds since the sender last wrote or the gateway closed its side. */
  get idleMs(): number {
    const finishedAtMs = this.#state.is === 'finished' ? this.#state.atMs : -Infinity
    return this.#deps.clock.now() - Math.max(this.#lane.lastReadAtMs, finishedAtMs)
  }

  /**
   * Receives what the sender has in flight, then closes: a busy connection with status 10 and the last
   * identifier received, an idle one without a packet. Waits for a quiet moment, at the latest until
   * `latestAtMs`, ms since the epoch. Resolves when the connection is closed.
   */
  async stop(latestAtMs: number): Promise<void> {
    if (this.#state.is === 'closed') return
    const closed = new Promise<void>((resolve) => this.#onClosed.push(resolve))
    if (this.#state.is === 'serving') this.#state = { is: 'stopping', latestAtMs }
    else if (this.#state.is === 'finished') this.#state = { ...this.#state, lingers: true }
    this.attend()
    await closed
  }

  /** Closes now. What was received is delivered all the same. */
  destroy(): void {
    this.#socket.destroy()
  }

  settled(): void {
    if (this.#reader.isBlocked) this.#reader.readInTurn()
    else if (this.#lane.isRejecting || this.#reader.isFinished || this.#isStopping) this.attend()
  }

  /** Does what is due after an event. Not re-entrant. */
  attend(): void {
    if (this.#isAttending) return
    this.#isAttending = true
    try {
      this.#read()
      this.#advise()
    } finally {
      this.#isAttending = false
    }
  }

  get #isStopping(): boolean {
    return this.#state.is === 'stopping' || (this.#state.is === 'finished' && this.#state.lingers)
  }

  #endInput(): void {
    if (this.#hasEnded) return
    this.#hasEnded = true
    this.#deps.relay.ended(this.#connection)
    this.attend()
  }

  /** Stops reading while decoding must wait. Reads on and drops what is unreadable. */
  #read(): void {
    this.#reader.read(this.#hasEnded)
    const isBlocked = this.#reader.isBlocked && !this.#hasEnded
    if (isBlocked && !this.#socket.isPaused()) this.#socket.pause()
    else if (!isBlocked && this.#socket.isPaused()) {
      // The sender may have written all the time: only the gateway was not reading.
      this.#lane.bytesRead(this.#deps.clock.now())
      this.#socket.resume()
    }
  }

  #advise(): void {
    this.#cancelWait?.()
    this.#cancelWait = undefined
    const { clock, relay, sender } = this.#deps
    const now = clock.now()
    const isResender = relay.isResender(sender)
    const advice = this.#lane.advise(now, isResender)
    switch (advice.do) {
      case 'wait':
        this.#attendAt(advice.atMs, now)
        break
      case 'leave':
        if (!this.#hasLooked()) break
        this.#lane.leave()
        this.#advise()
        break
      case 'report':
        this.#reportWhenAgreed(advice.response, isResender)
        break
      case 'close':
        relay.stopReporting(this.#connection)
        this.#finish()
        break
      case 'nothing':
        this.#carryOn(now)
    }
  }

  /** Every process must know the error response before it is written: the sender may resend anywhere. */
  #reportWhenAgreed(response: ErrorResponse, isResender: boolean): void {
    if (this.#connection.phase === 'unreported' && (isResender || this.#hasLooked()))
      this.#deps.relay.announce(this.#connection, response.statusCode)
    if (this.#connection.phase === 'agreed') this.#report(response)
  }

  #report(response: ErrorResponse): void {
    this.#finish(response)
    this.#deps.relay.reported(this.#connection)
    this.#watchForPause()
    this.#read()
  }

  /**
   * If this process was busy, the sender's EOF or APNs' answers may lie unread in the sockets.
   * @returns whether the sockets have been read; if not, they are, and {@link attend} follows
   */
  #hasLooked(): boolean {
    if (this.#look === 'none') {
      this.#look = 'reading'
      afterReading(this.#deps.clock, 0, () => {
        this.#look = 'done'
        this.attend()
        this.#look = 'none'
      })
    }
    return this.#look === 'done'
  }

  #bytesRead(now: number): void {
    const { lastReadAtMs } = this.#lane
    if (lastReadAtMs > 0 && now - lastReadAtMs >= pauseMs && !this.#hasReported)
      this.#connection.hasPaused = true
    this.#lane.bytesRead(now)
  }

  /** Finds out, behind an error response, whether the sender has paused. The gateway's own pauses do not count. */
  #watchForPause(): void {
    this.#cancelPause?.()
    this.#cancelPause = undefined
    if (!this.#hasReported || this.#hasEnded || this.#connection.hasPaused) return
    const { clock } = this.#deps
    const { lastReadAtMs } = this.#lane
    this.#cancelPause = afterReading(clock, pauseMs, () => {
      if (this.#socket.isPaused()) this.#watchForPause()
      else if (this.#lane.lastReadAtMs === lastReadAtMs) this.#connection.hasPaused = true
    })
  }

  #carryOn(now: number): void {
    if (this.#hasEnded) this.#closeWhenSettled(now)
    else if (this.#state.is === 'finished') this.#linger(now)
    else if (this.#state.is === 'stopping') this.#stopWhenQuiet(this.#state.latestAtMs, now)
  }

  #attendAt(atMs: number, now: number): void {
    this.#cancelWait = this.#deps.clock.after(Math.max(0, atMs - now), () => this.attend())
  }

  /** After the sender's EOF nothing can be reported: the connection does not stay for a whole outage. */
  #closeWhenSettled(now: number): void {
    if (!this.#reader.isFinished) return
    const atMs = this.#lane.lastReadAtMs + this.#deps.limits.errorDeadlineMs
    if (this.#lane.inFlight === 0 || now >= atMs) this.#finish()
    else this.#attendAt(atMs, now)
  }

  #stopWhenQuiet(latestAtMs: number, now: number): void {
    const { lastReadAtMs, inFlight } = this.#lane
    const atMs = Math.min(lastReadAtMs + this.#deps.limits.quietMs, latestAtMs)
    if (now < atMs) this.#attendAt(atMs, now)
    // A connection that is held back comes here again when it is admitted.
    else if (this.#connection.isAdmitted)
      this.#stopNow(this.#reader.isBlocked || inFlight > 0 || now - lastReadAtMs < busyMs)
  }

  #stopNow(isBusy: boolean): void {
    const identifier = this.#reader.lastIdentifier
    this.#deps.relay.stopReporting(this.#connection)
    if (!isBusy || identifier === undefined) this.#finish()
    else {
      // The sender will send again, elsewhere, what it writes from now on.
      this.#reader.isFinished = true
      this.#finish({ statusCode: StatusCode.shutdown, identifier })
    }
  }

  /** A reset would destroy what the sender has not read yet and what it is still writing. */
  #linger(now: number): void {
    if (!this.#isStopping) return
    const leftMs = lingerMs - this.idleMs
    if (leftMs <= 0) this.#socket.destroy()
    else this.#attendAt(now + leftMs, now)
  }

  /** Closes the gateway's side; reading goes on. The response is one write and one TLS record. */
  #finish(response?: ErrorResponse): void {
    if (this.#socket.writableEnded) return
    const now = this.#deps.clock.now()
    if (this.#state.is === 'serving' || this.#state.is === 'stopping')
      this.#state = { is: 'finished', atMs: now, lingers: this.#isStopping }
    if (response === undefined) this.#socket.end()
    else {
      this.#hasReported = true
      this.#socket.end(encodeErrorResponse(response))
      this.#deps.emit({ event: 'error-response.sent', ...response })
    }
    if (this.#state.is === 'finished') this.#linger(now)
  }

  #close(): void {
    if (this.#state.is === 'closed') return
    this.#state = { is: 'closed' }
    this.#cancelWait?.()
    this.#cancelPause?.()
    for (const resolve of this.#onClosed.splice(0)) resolve()
    const { 0: simple, 1: enhanced, 2: framed } = this.receivedByCommand
    const received = simple + enhanced + framed
    this.#deps.emit({ event: 'connection.closed', received, reported: this.#hasReported })
  }
}
