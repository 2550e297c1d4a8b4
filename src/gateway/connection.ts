/** One client connection: bytes in, notifications to the relay, at most six bytes out. */
import type { Duplex } from 'node:stream'
import { encodeErrorResponse, type ErrorResponse } from '../binary/error-response.ts'
import { BinaryProtocolError, type Command } from '../binary/notification.ts'
import { StatusCode } from '../binary/status-code.ts'
import { afterReading, type Cancel, type Clock } from '../timing/clock.ts'
import { ConnectionState, type ConnectionOwner } from '../relay/connection-state.ts'
import type { Delivery } from '../relay/delivery.ts'
import type { Lane, LaneTimes } from '../relay/lane.ts'
import type { Relay } from '../relay/relay.ts'
import type { ConnectionEvent } from './connection-event.ts'
import { NotificationReader } from './notification-reader.ts'

/** What bounds a connection. */
export interface ConnectionLimits extends LaneTimes {
  /** 4,096 bytes, 5,120 for VoIP topics. */
  readonly maxPayloadBytes: number
}

/** What a connection is given. */
export interface ConnectionDeps {
  /** As the log has it. */
  readonly connection: number
  /** Hex SHA-256 of the sender's public key. */
  readonly sender: string
  readonly relay: Relay
  /** False while the journal cannot be written: nothing is decoded then. */
  readonly canWrite: () => boolean
  readonly limits: ConnectionLimits
  readonly clock: Clock
  readonly emit: (event: ConnectionEvent) => void
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

/** A sender that resends does not pause for so long: whatever it repeats then, it wants repeated. */
const pauseMs = 500
/** A sender that wrote within this time may have more on its way. */
const busyMs = 1000
/** So long after its own end a stopping connection waits for what was on its way to either side. */
const lingerMs = 1000

/**
 * Reads until the sender's EOF, whatever else happens, and closes its own side after an error
 * response, after an unreadable stream, or once everything received is settled.
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
  /** `reading` until everything is read that lay in the sockets, `done` for one look at it. */
  #look: 'none' | 'reading' | 'done' = 'none'
  readonly #onClosed: (() => void)[] = []

  constructor(socket: Duplex, deps: ConnectionDeps) {
    const { connection, sender, limits, relay, clock } = deps
    this.#socket = socket
    this.#deps = deps
    this.#connection = new ConnectionState(connection, sender, limits, this)
    this.#lane = this.#connection.lane
    this.#reader = this.#newReader()
    relay.opened(this.#connection)
    this.#isAttending = false
    socket.on('data', (chunk: Buffer) => {
      this.#lane.heard(clock.now())
      this.#reader.receive(chunk)
      this.attend()
      this.#watchForPause()
    })
    socket.on('end', () => {
      this.#endInput()
    })
    socket.on('close', () => {
      this.#endInput()
      this.#close()
    })
  }

  get receivedByCommand(): Readonly<Record<Command, number>> {
    return this.#reader.receivedByCommand
  }

  /** As its log lines have it. */
  get id(): number {
    return this.#deps.connection
  }

  /** Whether its own side is closed, and the sender's is not. */
  get isHalfClosed(): boolean {
    return this.#state.is === 'finished' && !this.#hasEnded
  }

  /** Since the sender or its gateway last said anything, ms. */
  get idleMs(): number {
    const finishedAtMs = this.#state.is === 'finished' ? this.#state.atMs : -Infinity
    return this.#deps.clock.now() - Math.max(this.#lane.heardAtMs, finishedAtMs)
  }

  /**
   * Takes over what the sender has in flight, then closes: a busy connection with status 10 and the
   * last identifier taken over, an idle one without a word. Waits for the sender to be quiet, but
   * not beyond `latestAtMs`, ms since the epoch. Resolves when the connection is gone.
   */
  async stop(latestAtMs: number): Promise<void> {
    if (this.#state.is === 'closed') return
    const closed = new Promise<void>((resolve) => this.#onClosed.push(resolve))
    if (this.#state.is === 'serving') this.#state = { is: 'stopping', latestAtMs }
    else if (this.#state.is === 'finished') this.#state = { ...this.#state, lingers: true }
    this.attend()
    await closed
  }

  /** Closes now. What was received goes its way all the same. */
  destroy(): void {
    this.#socket.destroy()
  }

  settled(): void {
    if (this.#reader.isBlocked) this.#reader.readInTurn()
    else if (this.#lane.isRejecting || this.#reader.isFinished || this.#isStopping) this.attend()
  }

  /** Does whatever is due after an event; events that come of it are not nested. */
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

  #newReader(): NotificationReader {
    const { emit } = this.#deps
    return new NotificationReader({
      ...this.#deps,
      connection: this.#connection,
      maxPayloadBytes: this.#deps.limits.maxPayloadBytes,
      onReadable: () => {
        this.attend()
      },
      onReceived: (received, deliveries) => {
        emit({ event: 'notifications.received', received, deliveries })
      },
      onFault: (error) => {
        this.#lane.finish(this.#deps.clock.now())
        if (error instanceof BinaryProtocolError) emit({ event: 'connection.unreadable', error })
        else emit({ event: 'bug', error })
      },
    })
  }

  #endInput(): void {
    if (this.#hasEnded) return
    this.#hasEnded = true
    this.#deps.relay.ended(this.#connection)
    this.attend()
  }

  /** Pauses the sender while decoding waits; what is unreadable is read on and dropped. */
  #read(): void {
    this.#reader.read(this.#hasEnded)
    const isBlocked = this.#reader.isBlocked && !this.#hasEnded
    if (isBlocked && !this.#socket.isPaused()) this.#socket.pause()
    else if (!isBlocked && this.#socket.isPaused()) this.#resume()
  }

  /** Quiet was only the pause: the sender may have written all the time. */
  #resume(): void {
    this.#lane.heard(this.#deps.clock.now())
    this.#socket.resume()
  }

  #advise(): void {
    this.#cancelWait?.()
    this.#cancelWait = undefined
    const { clock, relay, sender } = this.#deps
    const now = clock.now()
    const listens = relay.listens(sender)
    const advice = this.#lane.advise(now, listens)
    switch (advice.do) {
      case 'wait':
        this.#attendAt(advice.atMs, now)
        break
      case 'leave':
        if (this.#hasLooked()) this.#leave()
        break
      case 'report':
        this.#reportWhenAgreed(advice.response, listens)
        break
      case 'close':
        relay.mute(this.#connection)
        this.#finish()
        break
      case 'nothing':
        this.#carryOn(now)
    }
  }

  #leave(): void {
    this.#lane.leave()
    this.#advise()
  }

  /** Wherever the sender resends to, the error response is known there before it is written. */
  #reportWhenAgreed(response: ErrorResponse, listens: boolean): void {
    if (this.#connection.phase === 'unreported' && (listens || this.#hasLooked()))
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
   * If this process was busy, the sender's EOF, or the answers that are waited for, may lie unread
   * in the sockets.
   * @returns whether all of that has been read; where not, it is read and {@link attend} follows
   */
  #hasLooked(): boolean {
    if (this.#look === 'none') {
      this.#look = 'reading'
      afterReading(this.#deps.clock, () => {
        this.#look = 'done'
        this.attend()
        this.#look = 'none'
      })
    }
    return this.#look === 'done'
  }

  /** Behind an error response; whether the proxy itself has paused is no matter of the sender's. */
  #watchForPause(): void {
    this.#cancelPause?.()
    this.#cancelPause = undefined
    if (!this.#hasReported || this.#hasEnded || this.#connection.hasPaused) return
    const { clock } = this.#deps
    const { heardAtMs } = this.#lane
    this.#cancelPause = clock.after(pauseMs, () => {
      if (this.#socket.isPaused()) this.#watchForPause()
      else
        afterReading(clock, () => {
          if (this.#lane.heardAtMs === heardAtMs) this.#connection.hasPaused = true
        })
    })
  }

  #carryOn(now: number): void {
    if (this.#hasEnded) this.#closeWhenSettled(now)
    else if (this.#state.is === 'finished') this.#linger(now)
    else if (this.#state.is === 'stopping') this.#stopWhenQuiet(this.#state.latestAtMs, now)
  }

  #attendAt(atMs: number, now: number): void {
    this.#cancelWait = this.#deps.clock.after(Math.max(0, atMs - now), () => {
      this.attend()
    })
  }

  /** A sender that has finished can be told nothing: it is not kept for as long as an outage. */
  #closeWhenSettled(now: number): void {
    if (!this.#reader.isFinished) return
    const atMs = this.#lane.heardAtMs + this.#deps.limits.errorDeadlineMs
    if (this.#lane.inFlight === 0 || now >= atMs) this.#finish()
    else this.#attendAt(atMs, now)
  }

  #stopWhenQuiet(latestAtMs: number, now: number): void {
    const { heardAtMs, inFlight } = this.#lane
    const atMs = Math.min(heardAtMs + this.#deps.limits.quietMs, latestAtMs)
    if (now < atMs) this.#attendAt(atMs, now)
    // One that is held back comes here again when it is admitted.
    else if (this.#connection.isAdmitted)
      this.#stopNow(this.#reader.isBlocked || inFlight > 0 || now - heardAtMs < busyMs)
  }

  #stopNow(isBusy: boolean): void {
    const identifier = this.#reader.lastIdentifier
    this.#deps.relay.mute(this.#connection)
    if (!isBusy || identifier === undefined) this.#finish()
    else {
      // The sender will send again what comes from now on, to whoever listens then.
      this.#reader.finish()
      this.#finish({ statusCode: StatusCode.shutdown, identifier })
    }
  }

  /** A reset would destroy what the sender has not read yet, and what it is still writing. */
  #linger(now: number): void {
    if (!this.#isStopping) return
    const leftMs = lingerMs - this.idleMs
    if (leftMs <= 0) this.#socket.destroy()
    else this.#attendAt(now + leftMs, now)
  }

  /** Reading goes on until the sender's EOF. The response: one write, one TLS record. */
  #finish(response?: ErrorResponse): void {
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
