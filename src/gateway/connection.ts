/** The story of one client connection: bytes in, notifications to the relay, at most six bytes out. */
import type { Duplex } from 'node:stream'
import type { PushType } from '../apns/push-type.ts'
import { Decoder, type Received } from '../binary/decoder.ts'
import { encodeErrorResponse, type ErrorResponse } from '../binary/error-response.ts'
import { BinaryProtocolError, type Command } from '../binary/notification.ts'
import { StatusCode } from '../binary/status-code.ts'
import type { Cancel, Clock } from '../clock.ts'
import type { Delivery, Seat } from '../relay/delivery.ts'
import {
  Lane,
  type LaneTimes,
  type Place,
  type Rejection,
  type Settlement,
  type Verdict,
} from '../relay/lane.ts'
import { Participant } from '../relay/participant.ts'
import type { Relay } from '../relay/relay.ts'

/** What bounds a connection. */
export interface ConnectionLimits extends LaneTimes {
  /** Notifications in flight before reading pauses. Default 1,000. */
  readonly window: number
  /** 4,096 bytes, 5,120 for VoIP topics. */
  readonly maxPayloadBytes: number
}

/** Hears of each decision about a connection. */
export interface ConnectionObserver {
  /** A notification, and the push type with which it is sent on, where it is. */
  received(received: Received, pushType: PushType | undefined): void
  /** A rejection, once it is known whether the sender could be told. */
  judged(rejection: Rejection, verdict: Verdict): void
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
  /** False while the journal takes no more: nothing is decoded then. */
  readonly hasRoom: () => boolean
  readonly limits: ConnectionLimits
  readonly clock: Clock
  readonly observer: ConnectionObserver
}

/** How often a full journal is asked again. */
const roomPollMs = 50
/** How often a full window is searched for notifications that take too long. */
const slowPollMs = 100
/** A sender that was heard within this time may have more on its way. */
const busyMs = 1000
/** So long after our own end a stopping connection waits for what was on its way to either side. */
const lingerMs = 1000

/**
 * Reads until the sender's EOF, whatever else happens, and closes its own side after an error
 * response, after an unreadable stream, or once everything received is settled.
 */
export class SenderConnection {
  readonly receivedByCommand: Record<Command, number> = { 0: 0, 1: 0, 2: 0 }
  readonly #socket: Duplex
  readonly #deps: ConnectionDeps
  readonly #origin: Participant
  readonly #decoder: Decoder
  readonly #lane: Lane<Delivery>
  #lastIdentifier: number | undefined
  #reported = false
  #inputEnded = false
  #exhausted = false
  /** What the last attempt to decode came to: asked again, the answer may be another. */
  #blocked = false
  #stopAtMs: number | undefined
  #endedAtMs: number | undefined
  #closed = false
  /** Nothing is due before the first byte. */
  #attending = true
  #looking = false
  #looked = false
  #cancelWait: Cancel | undefined
  #cancelRoom: Cancel | undefined
  #cancelSoon: Cancel | undefined
  readonly #onClosed: (() => void)[] = []

  constructor(socket: Duplex, deps: ConnectionDeps) {
    this.#socket = socket
    this.#deps = deps
    this.#decoder = new Decoder(deps.limits.maxPayloadBytes)
    this.#lane = new Lane(deps.limits, (_place, rejection, verdict) => {
      deps.relay.judged(verdict)
      deps.observer.judged(rejection, verdict)
    })
    this.#origin = new Participant(deps.connection, deps.sender, () => {
      this.#attend()
    })
    deps.relay.opened(this.#origin)
    this.#attending = false
    socket.on('data', (chunk: Buffer) => {
      this.#lane.heard(deps.clock.now())
      if (!this.#exhausted) this.#decoder.receive(chunk)
      this.#attend()
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
    this.#attend()
    await closed
  }

  /** Closes now. What was received goes its way all the same. */
  destroy(): void {
    this.#socket.destroy()
  }

  /** @internal for the seats */
  settle(place: Place<Delivery>, settlement: Settlement): void {
    this.#lane.settle(place, settlement, this.#deps.clock.now())
    if (this.#lane.isAmbiguous) place.content?.shed()
    if (this.#blocked && settlement.kind === 'accepted') this.#attendSoon()
    else this.#attend()
  }

  #endInput(): void {
    if (this.#inputEnded) return
    this.#inputEnded = true
    this.#lane.hush()
    this.#deps.relay.ended(this.#origin)
    this.#attend()
  }

  /** Room comes in small pieces, and one journal entry for what fills each would be too dear. */
  #attendSoon(): void {
    this.#cancelSoon ??= this.#deps.clock.after(0, () => {
      this.#cancelSoon = undefined
      this.#attend()
    })
  }

  /** Does whatever is due after an event; events that come of it are not nested. */
  #attend(): void {
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
    try {
      while (this.#mayDecode()) {
        const received = this.#decoder.next()
        if (received === undefined) {
          if (!this.#inputEnded) break
          this.#exhausted = true
          this.#decoder.end()
          break
        }
        this.#accept(received)
      }
    } catch (error) {
      this.#exhausted = true
      this.#lane.finish(this.#deps.clock.now())
      if (error instanceof BinaryProtocolError) this.#deps.observer.faulted(error)
      else this.#deps.observer.failed(error)
    }
    this.#deps.relay.flush()
  }

  #mayDecode(): boolean {
    this.#blocked = !this.#exhausted && this.#isBlocked()
    return !this.#exhausted && !this.#blocked
  }

  #accept(received: Received): void {
    const { clock, relay, observer } = this.#deps
    const place = this.#lane.receive(received.identifier, clock.now())
    this.receivedByCommand[received.command]++
    this.#lastIdentifier = received.identifier
    const delivery = relay.accept(received, new LaneSeat(this, this.#origin, place))
    place.content = delivery
    observer.received(received, delivery?.request.pushType)
  }

  /** Whether decoding has to wait: for what it may repeat, for the journal, or for the window. */
  #isBlocked(): boolean {
    if (!this.#origin.isAdmitted) return true
    if (!this.#deps.hasRoom()) {
      this.#awaitRoom()
      return true
    }
    if (this.#endedAtMs !== undefined || this.#inputEnded) return false
    // Whether the sender is quiet, or has closed, shows only where it is read.
    if (this.#lane.isRejecting) return false
    if (this.#lane.inFlight < this.#deps.limits.window) return false
    const { clock, limits, relay } = this.#deps
    this.#lane.leaveOlderThan(clock.now() - limits.errorDeadlineMs, (delivery) =>
      relay.isSlow(delivery),
    )
    return this.#lane.inFlight >= this.#deps.limits.window
  }

  #awaitRoom(): void {
    this.#cancelRoom ??= this.#deps.clock.after(roomPollMs, () => {
      this.#cancelRoom = undefined
      this.#attend()
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
      case 'report':
        if (this.#isAgreed) this.#report(advice.response)
        else if (this.#origin.phase !== 'unreported') break
        else if (listens || this.#looked) this.#announce(advice.response)
        else this.#lookAgain()
        break
      case 'close':
        this.#lane.hush()
        this.#end()
        break
      case 'nothing':
        this.#carryOn(now)
    }
  }

  /**
   * A busy process takes its own silence for the sender's. After two timers it has read at least
   * once: the sender's EOF may have been there all the time.
   */
  #lookAgain(): void {
    const { clock } = this.#deps
    if (this.#looking) return
    this.#looking = true
    clock.after(0, () =>
      clock.after(0, () => {
        this.#looking = false
        this.#looked = true
        this.#attend()
        this.#looked = false
      }),
    )
  }

  #carryOn(now: number): void {
    const { window, errorDeadlineMs } = this.#deps.limits
    const { inFlight, oldestAtMs } = this.#lane
    const latestAtMs = this.#stopAtMs ?? Infinity
    if (this.#inputEnded) this.#closeWhenSettled(now)
    else if (this.#endedAtMs !== undefined) this.#linger(now)
    else if (inFlight >= window && oldestAtMs !== undefined && now < latestAtMs) {
      const slowAtMs = Math.max(oldestAtMs + errorDeadlineMs, now + slowPollMs)
      this.#attendAt(Math.min(slowAtMs, latestAtMs), now)
    } else if (this.#stopAtMs !== undefined) this.#stopWhenQuiet(this.#stopAtMs, now)
  }

  #attendAt(atMs: number, now: number): void {
    this.#cancelWait = this.#deps.clock.after(Math.max(0, atMs - now), () => {
      this.#attend()
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
    this.#lane.hush()
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
    const report = this.#lane.report()
    if (report === undefined) return
    this.#deps.relay.announce(this.#origin, response.statusCode, report)
    if (this.#isAgreed) this.#report(response)
  }

  #report(response: ErrorResponse): void {
    this.#end(response)
    const named = this.#lane.reported()
    if (named !== undefined) this.#deps.relay.reported(this.#origin, named)
    this.#decode()
    this.#steerReading()
  }

  #closeOnce(): void {
    if (this.#closed) return
    this.#closed = true
    this.#cancelWait?.()
    for (const resolve of this.#onClosed.splice(0)) resolve()
    const { 0: simple, 1: enhanced, 2: framed } = this.receivedByCommand
    this.#deps.observer.closed({
      received: simple + enhanced + framed,
      reported: this.#reported,
    })
  }
}

/** Where one notification's settlement goes: a class, because there is one for each. */
class LaneSeat implements Seat {
  readonly origin: Participant
  readonly #owner: SenderConnection
  readonly #place: Place<Delivery>

  constructor(owner: SenderConnection, origin: Participant, place: Place<Delivery>) {
    this.#owner = owner
    this.origin = origin
    this.#place = place
  }

  get identifier(): number | undefined {
    return this.#place.identifier
  }

  settle(settlement: Settlement): void {
    this.#owner.settle(this.#place, settlement)
  }
}
