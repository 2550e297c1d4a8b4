/** The story of one client connection: bytes in, notifications to the relay, at most six bytes out. */
import type { Socket } from 'node:net'
import { Decoder } from '../binary/decoder.ts'
import { encodeErrorResponse, type ErrorResponse } from '../binary/error-response.ts'
import { BinaryProtocolError } from '../binary/notification.ts'
import type { Cancel, Clock } from '../clock.ts'
import { Lane, type LaneTimes, type Place, type Settlement } from '../relay/lane.ts'
import type { Relay, Seat } from '../relay/relay.ts'

/** What bounds a connection. */
export interface ConnectionLimits extends LaneTimes {
  /** Notifications in flight before reading pauses. Default 1,000. */
  readonly window: number
  /** 4,096 bytes, 5,120 for VoIP topics. */
  readonly maxPayloadBytes: number
}

/** Hears of each decision about a connection. */
export interface ConnectionObserver {
  reported(response: ErrorResponse): void
  /** The stream cannot be read on. */
  faulted(error: BinaryProtocolError): void
  /** A mistake of our own; only this connection suffers. */
  failed(error: unknown): void
  closed(summary: { readonly received: number; readonly reported: boolean }): void
}

/** What a connection is given. */
export interface ConnectionDeps {
  /** Number of the connection, for the log. */
  readonly id: number
  readonly relay: Relay
  readonly limits: ConnectionLimits
  readonly clock: Clock
  readonly observer: ConnectionObserver
}

/**
 * Reads until the sender's EOF, whatever else happens, and closes its own side after an error
 * response, after an unreadable stream, or once everything received is settled.
 */
export class SenderConnection {
  readonly #socket: Socket
  readonly #deps: ConnectionDeps
  readonly #decoder: Decoder
  readonly #lane: Lane
  #received = 0
  #reported = false
  #inputEnded = false
  #exhausted = false
  #closed = false
  #attending = false
  #cancelWait: Cancel | undefined

  constructor(socket: Socket, deps: ConnectionDeps) {
    this.#socket = socket
    this.#deps = deps
    this.#decoder = new Decoder(deps.limits.maxPayloadBytes)
    this.#lane = new Lane(deps.limits, (_place, _rejection, verdict) => {
      deps.relay.judged(verdict)
    })
    socket.on('data', (chunk: Buffer) => {
      this.#lane.heard(deps.clock.now())
      this.#decoder.receive(chunk)
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

  /** Closes our side as soon as what was received is settled; the sender may still be told. */
  finish(): void {
    this.#endInput()
  }

  /** Closes now. What was received goes its way all the same. */
  destroy(): void {
    this.#socket.destroy()
  }

  /** @internal for the seats */
  settle(place: Place, settlement: Settlement): void {
    this.#lane.settle(place, settlement, this.#deps.clock.now())
    this.#attend()
  }

  #endInput(): void {
    if (this.#inputEnded) return
    this.#inputEnded = true
    this.#lane.hush()
    this.#attend()
  }

  /** Does whatever is due after an event; events that come of it are not nested. */
  #attend(): void {
    if (this.#attending) return
    this.#attending = true
    this.#decode()
    this.#advise()
    this.#attending = false
  }

  #decode(): void {
    try {
      while (!this.#exhausted && this.#lane.inFlight < this.#deps.limits.window) {
        const received = this.#decoder.next()
        if (received === undefined) {
          if (!this.#inputEnded) break
          this.#exhausted = true
          this.#decoder.end()
          break
        }
        this.#received++
        this.#deps.relay.accept(received, this.#seat(received.identifier))
      }
    } catch (error) {
      this.#exhausted = true
      this.#lane.breakOff(this.#deps.clock.now())
      if (error instanceof BinaryProtocolError) this.#deps.observer.faulted(error)
      else this.#deps.observer.failed(error)
    }
    this.#steerReading()
  }

  #seat(identifier: number | undefined): Seat {
    return new LaneSeat(this, this.#deps.id, this.#lane.receive(identifier))
  }

  /** Pauses the sender while the window is full; what is unreadable is read on and dropped. */
  #steerReading(): void {
    const full = !this.#exhausted && this.#lane.inFlight >= this.#deps.limits.window
    if (full && !this.#socket.isPaused()) this.#socket.pause()
    else if (!full && this.#socket.isPaused()) this.#socket.resume()
  }

  #advise(): void {
    this.#cancelWait?.()
    const { clock } = this.#deps
    const now = clock.now()
    const advice = this.#lane.advise(now)
    switch (advice.do) {
      case 'wait':
        this.#cancelWait = clock.after(advice.atMs - now, () => {
          this.#attend()
        })
        break
      case 'report':
        this.#report(advice.response)
        break
      case 'close':
        this.#lane.hush()
        this.#socket.end()
        break
      case 'nothing':
        if (this.#inputEnded && this.#exhausted && this.#lane.inFlight === 0) this.#socket.end()
    }
  }

  /** One write, one TLS record, then close_notify and FIN; reading goes on until the sender's EOF. */
  #report(response: ErrorResponse): void {
    this.#reported = true
    this.#socket.end(encodeErrorResponse(response))
    this.#lane.reported()
    this.#deps.observer.reported(response)
  }

  #closeOnce(): void {
    if (this.#closed) return
    this.#closed = true
    this.#cancelWait?.()
    this.#deps.observer.closed({ received: this.#received, reported: this.#reported })
  }
}

/** Where one notification's settlement goes: a class, because there is one for each. */
class LaneSeat implements Seat {
  readonly connection: number
  readonly #owner: SenderConnection
  readonly #place: Place

  constructor(owner: SenderConnection, connection: number, place: Place) {
    this.#owner = owner
    this.connection = connection
    this.#place = place
  }

  get identifier(): number | undefined {
    return this.#place.identifier
  }

  settle(settlement: Settlement): void {
    this.#owner.settle(this.#place, settlement)
  }
}
