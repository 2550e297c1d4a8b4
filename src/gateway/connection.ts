/** The story of one client connection: bytes in, notifications to the relay, at most six bytes out. */
import type { Duplex } from 'node:stream'
import { Decoder, type Received } from '../binary/decoder.ts'
import { encodeErrorResponse, type ErrorResponse } from '../binary/error-response.ts'
import { BinaryProtocolError, type Command } from '../binary/notification.ts'
import { StatusCode } from '../binary/status-code.ts'
import type { Cancel, Clock } from '../clock.ts'
import type { Delivery } from '../relay/delivery.ts'
import type { Lane, LaneTimes, Rejection } from '../relay/lane.ts'
import { ConnectionState, type ConnectionOwner } from '../relay/connection-state.ts'
import type { Relay } from '../relay/relay.ts'

/** What bounds a connection. */
export interface ConnectionLimits extends LaneTimes {
  /** 4,096 bytes, 5,120 for VoIP topics. */
  readonly maxPayloadBytes: number
}

/** Hears of each decision about a connection. */
export interface ConnectionObserver {
  /** A notification, and what was made of it. */
  received(received: Received, delivery: Delivery): void
  /** A rejection, once it is known whether the sender was told; perhaps after its end. */
  judged(rejection: Rejection, verdict: 'told' | 'untold'): void
  reported(response: ErrorResponse): void
  /** The stream cannot be read on. */
  faulted(error: BinaryProtocolError): void
  /** A mistake of our own; only this connection suffers. */
  failed(error: unknown): void
  closed(summary: { readonly received: number; readonly reported: boolean }): void
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
  readonly observer: ConnectionObserver
}

/** How often a full journal is asked again. */
const roomPollMs = 50
/** After so many, answers and other senders have their turn. */
const sliceCount = 128
/** A sender that resends does not pause for so long: whatever it repeats then, it wants repeated. */
const pauseMs = 500
/** A sender that was heard within this time may have more on its way. */
const busyMs = 1000
/** So long after our own end a stopping connection waits for what was on its way to either side. */
const lingerMs = 1000

/**
 * Reads until the sender's EOF, whatever else happens, and closes its own side after an error
 * response, after an unreadable stream, or once everything received is settled.
 */
export class SenderConnection implements ConnectionOwner {
  readonly receivedByCommand: Record<Command, number> = { 0: 0, 1: 0, 2: 0 }
  readonly #socket: Duplex
  readonly #deps: ConnectionDeps
  readonly #origin: ConnectionState
  readonly #decoder: Decoder
  readonly #lane: Lane<Delivery>
  #lastIdentifier: number | undefined
  #reported = false
  #inputEnded = false
  #exhausted = false
  /** What the last attempt to decode came to: asked again, the answer may be another. */
  #blocked = false
  /** Decoded since the loop was last given back. */
  #inSlice = 0
  #stopAtMs: number | undefined
  #endedAtMs: number | undefined
  #closed = false
  /** Nothing is due before the first byte. */
  #attending = true
  #looking = false
  #looked = false
  #cancelWait: Cancel | undefined
  #cancelRoom: Cancel | undefined
  #cancelSlice: Cancel | undefined
  #cancelPause: Cancel | undefined
  readonly #onClosed: (() => void)[] = []

  constructor(socket: Duplex, deps: ConnectionDeps) {
    this.#socket = socket
    this.#deps = deps
    this.#decoder = new Decoder(deps.limits.maxPayloadBytes)
    this.#origin = new ConnectionState(deps.connection, deps.sender, deps.limits, this)
    this.#lane = this.#origin.lane
    deps.relay.opened(this.#origin)
    this.#attending = false
    socket.on('data', (chunk: Buffer) => {
      this.#lane.heard(deps.clock.now())
      if (!this.#exhausted) this.#decoder.receive(chunk)
      this.attend()
      this.#watchForPause()
    })
    socket.on('end', () => {
      this.#endInput()
    })
    socket.on('close', () => {
      this.#endInput()
      this.#closeOnce()
    })
  }

  /** As its log lines have it. */
  get id(): number {
    return this.#deps.connection
  }

  /** Whether its own side is closed, and the sender's is not. */
  get isHalfClosed(): boolean {
    return this.#endedAtMs !== undefined && !this.#inputEnded
  }

  /** Since the sender or its gateway last said anything, ms. */
  get idleMs(): number {
    return this.#deps.clock.now() - Math.max(this.#lane.heardAtMs, this.#endedAtMs ?? -Infinity)
  }

  /**
   * Takes over what the sender has in flight, then closes: a busy connection with status 10 and the
   * last identifier taken over, an idle one without a word. Waits for the sender to be quiet, but
   * not beyond `latestAtMs`, ms since the epoch. Resolves when the connection is gone.
   */
  async stop(latestAtMs: number): Promise<void> {
    if (this.#closed) return
    const closed = new Promise<void>((resolve) => this.#onClosed.push(resolve))
    this.#stopAtMs ??= latestAtMs
    this.attend()
    await closed
  }

  /** Closes now. What was received goes its way all the same. */
  destroy(): void {
    this.#socket.destroy()
  }

  settled(): void {
    if (this.#blocked) this.#awaitTurn()
    else if (this.#lane.isRejecting || this.#exhausted || this.#stopAtMs !== undefined)
      this.attend()
  }

  judged(rejection: Rejection, verdict: 'told' | 'untold'): void {
    this.#deps.observer.judged(rejection, verdict)
  }

  #endInput(): void {
    if (this.#inputEnded) return
    this.#inputEnded = true
    this.#deps.relay.ended(this.#origin)
    this.attend()
  }

  /** Does whatever is due after an event; events that come of it are not nested. */
  attend(): void {
    if (this.#attending) return
    this.#attending = true
    try {
      this.#decode()
      this.#steerReading()
      this.#advise()
    } finally {
      this.#attending = false
    }
  }

  #decode(): void {
    for (;;) {
      const count = this.#exhausted ? 0 : this.#decodable()
      this.#blocked = !this.#exhausted && count === 0
      if (count === 0 || !this.#decodeSome(count)) return
    }
  }

  /** How many may be decoded now: 0 where that has to wait. */
  #decodable(): number {
    const { relay, canWrite } = this.#deps
    if (!this.#origin.isAdmitted || this.#inSlice >= sliceCount) return 0
    const room = canWrite() ? relay.roomFor(this.#origin) : 0
    if (room === 0) this.#awaitRoom()
    return Math.min(room, sliceCount - this.#inSlice)
  }

  /** @returns whether there may be more */
  #decodeSome(count: number): boolean {
    const received: Received[] = []
    this.#attempt(() => {
      while (received.length < count) {
        const next = this.#decoder.next()
        if (next === undefined) break
        received.push(next)
      }
    })
    const isWhole = received.length === count
    if (received.length > 0)
      this.#attempt(() => {
        this.#take(received)
      })
    if (!isWhole && this.#inputEnded && !this.#exhausted) {
      this.#exhausted = true
      this.#attempt(() => {
        this.#decoder.end()
      })
    }
    return isWhole
  }

  /** Whatever goes wrong, only this connection suffers: it is decoded no further. */
  #attempt(run: () => void): void {
    try {
      run()
    } catch (error) {
      this.#exhausted = true
      this.#lane.finish(this.#deps.clock.now())
      if (error instanceof BinaryProtocolError) this.#deps.observer.faulted(error)
      else this.#deps.observer.failed(error)
    }
  }

  #take(received: readonly Received[]): void {
    const { relay, observer } = this.#deps
    this.#inSlice += received.length
    if (this.#inSlice >= sliceCount) this.#awaitTurn()
    const deliveries = relay.take(received, this.#origin)
    for (const [index, delivery] of deliveries.entries()) {
      const each = received[index]
      if (each === undefined) break
      this.receivedByCommand[each.command]++
      this.#lastIdentifier = each.identifier
      observer.received(each, delivery)
    }
  }

  /** Answers, and what is due to other senders, come before the next slice. */
  #awaitTurn(): void {
    this.#cancelSlice ??= this.#deps.clock.after(0, () => {
      this.#cancelSlice = undefined
      this.#inSlice = 0
      this.attend()
    })
  }

  #awaitRoom(): void {
    this.#cancelRoom ??= this.#deps.clock.after(roomPollMs, () => {
      this.#cancelRoom = undefined
      this.attend()
    })
  }

  /** Pauses the sender while decoding waits; what is unreadable is read on and dropped. */
  #steerReading(): void {
    const blocked = this.#blocked && !this.#exhausted && !this.#inputEnded
    if (blocked && !this.#socket.isPaused()) this.#socket.pause()
    else if (!blocked && this.#socket.isPaused()) this.#resume()
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
        if (!this.#looked) this.#lookAgain()
        else {
          this.#lane.leave()
          this.#advise()
        }
        break
      case 'report':
        if (this.#isAgreed) this.#report(advice.response)
        else if (this.#origin.phase !== 'unreported') break
        else if (listens || this.#looked) this.#announce(advice.response)
        else this.#lookAgain()
        break
      case 'close':
        relay.mute(this.#origin)
        this.#end()
        break
      case 'nothing':
        this.#carryOn(now)
    }
  }

  /**
   * If this process was busy, the sender's EOF, or the answers that are waited for, may lie unread
   * in the sockets.
   */
  #lookAgain(): void {
    const { clock } = this.#deps
    if (this.#looking) return
    this.#looking = true
    afterReading(clock, () => {
      this.#looking = false
      this.#looked = true
      this.attend()
      this.#looked = false
    })
  }

  /** Behind an error response; whether the proxy itself has paused is no matter of the sender's. */
  #watchForPause(): void {
    this.#cancelPause?.()
    this.#cancelPause = undefined
    if (!this.#reported || this.#inputEnded || this.#origin.hasPaused) return
    const { clock } = this.#deps
    const { heardAtMs } = this.#lane
    this.#cancelPause = clock.after(pauseMs, () => {
      if (this.#socket.isPaused()) this.#watchForPause()
      else
        afterReading(clock, () => {
          if (this.#lane.heardAtMs === heardAtMs) this.#origin.hasPaused = true
        })
    })
  }

  #carryOn(now: number): void {
    if (this.#inputEnded) this.#closeWhenSettled(now)
    else if (this.#endedAtMs !== undefined) this.#linger(now)
    else if (this.#stopAtMs !== undefined) this.#stopWhenQuiet(this.#stopAtMs, now)
  }

  #attendAt(atMs: number, now: number): void {
    this.#cancelWait = this.#deps.clock.after(Math.max(0, atMs - now), () => {
      this.attend()
    })
  }

  /** A sender that has finished can be told nothing: it is not kept for as long as an outage. */
  #closeWhenSettled(now: number): void {
    if (!this.#exhausted) return
    const atMs = this.#lane.heardAtMs + this.#deps.limits.errorDeadlineMs
    if (this.#lane.inFlight === 0 || now >= atMs) this.#end()
    else this.#attendAt(atMs, now)
  }

  #stopWhenQuiet(latestAtMs: number, now: number): void {
    const { heardAtMs, inFlight } = this.#lane
    const atMs = Math.min(heardAtMs + this.#deps.limits.quietMs, latestAtMs)
    if (now < atMs) this.#attendAt(atMs, now)
    // One that is held back comes here again when it is let go.
    else if (this.#origin.isAdmitted)
      this.#stopNow(this.#blocked || inFlight > 0 || now - heardAtMs < busyMs)
  }

  #stopNow(busy: boolean): void {
    this.#deps.relay.mute(this.#origin)
    if (!busy || this.#lastIdentifier === undefined) this.#end()
    else {
      // The sender will send again what comes from now on, to whoever listens then.
      this.#exhausted = true
      this.#end({ statusCode: StatusCode.shutdown, identifier: this.#lastIdentifier })
    }
  }

  /** A reset would destroy what the sender has not read yet, and what it is still writing. */
  #linger(now: number): void {
    if (this.#stopAtMs === undefined || this.#closed) return
    const leftMs = lingerMs - this.idleMs
    if (leftMs <= 0) this.#socket.destroy()
    else this.#attendAt(now + leftMs, now)
  }

  /** Reading goes on until the sender's EOF. The response: one write, one TLS record. */
  #end(response?: ErrorResponse): void {
    this.#endedAtMs ??= this.#deps.clock.now()
    if (response === undefined) this.#socket.end()
    else {
      this.#reported = true
      this.#socket.end(encodeErrorResponse(response))
      this.#deps.observer.reported(response)
    }
    this.#linger(this.#deps.clock.now())
  }

  get #isAgreed(): boolean {
    return this.#origin.phase === 'agreed'
  }

  /** Wherever the sender resends to, it is known there before it can. */
  #announce(response: ErrorResponse): void {
    this.#deps.relay.announce(this.#origin, response.statusCode)
    if (this.#isAgreed) this.#report(response)
  }

  #report(response: ErrorResponse): void {
    this.#end(response)
    this.#deps.relay.reported(this.#origin)
    this.#watchForPause()
    this.#decode()
    this.#steerReading()
  }

  #closeOnce(): void {
    if (this.#closed) return
    this.#closed = true
    this.#cancelWait?.()
    this.#cancelPause?.()
    for (const resolve of this.#onClosed.splice(0)) resolve()
    const { 0: simple, 1: enhanced, 2: framed } = this.receivedByCommand
    this.#deps.observer.closed({
      received: simple + enhanced + framed,
      reported: this.#reported,
    })
  }
}

/**
 * Runs when everything that lay in the socket at this moment has been read: a process that was busy
 * runs its timers first, and only after the second one it has read at least once.
 */
function afterReading(clock: Clock, run: () => void): void {
  clock.after(0, () => clock.after(0, run))
}
