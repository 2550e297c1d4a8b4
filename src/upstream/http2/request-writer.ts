/** Writes requests: headers at once, bodies as far as the peer's windows and the output allow. */
import type { Exchange } from './exchange.ts'
import {
  ConnectionError,
  defaultWindowBytes,
  maxMaxFrameBytes,
  maxWindowBytes,
  minMaxFrameBytes,
  Setting,
  StreamError,
} from './frame.ts'
import type { FrameWriter } from './frame-writer.ts'
import { HpackEncoder } from './hpack-encoder.ts'
import type { Output } from './output.ts'

/** Exchanges by stream. */
type InFlight = ReadonlyMap<number, Exchange>

/** Obeys what the peer's SETTINGS and WINDOW_UPDATE allow. — source: RFC 9113, 5.2 and 6.9 */
export class RequestWriter {
  readonly #authority: string
  readonly #output: Output
  readonly #writer: FrameWriter
  readonly #encoder = new HpackEncoder()
  /** Exchanges whose body waits for a window or for the output, in the order sent. */
  readonly #unsent = new Set<Exchange>()
  #streamLimit = Infinity
  #maxFrameBytes = minMaxFrameBytes
  #initialWindowBytes = defaultWindowBytes
  /** Of the connection. */
  #windowBytes = defaultWindowBytes

  constructor(authority: string, output: Output, writer: FrameWriter) {
    this.#authority = authority
    this.#output = output
    this.#writer = writer
  }

  /** Requests that the peer accepts at a time; Infinity without a limit. */
  get streamLimit(): number {
    return this.#streamLimit
  }

  /** Whether a further request would only add to the bodies that wait. */
  get isBlocked(): boolean {
    return this.#output.isFull || (this.#windowBytes <= 0 && this.#unsent.size > 0)
  }

  /** Writes the headers, and as much of the body as possible; {@link resume} writes the rest. */
  send(exchange: Exchange, authorization: string | undefined): void {
    this.#sendHeaders(exchange, authorization)
    if (!this.#sendBody(exchange)) this.#unsent.add(exchange)
  }

  /** Continues with the bodies that wait. */
  resume(): void {
    for (const exchange of this.#unsent) {
      if (this.#windowBytes <= 0 || this.#output.isFull) return
      if (this.#sendBody(exchange)) this.#unsent.delete(exchange)
    }
  }

  /** Drops the rest of a body: its exchange has ended. */
  drop(exchange: Exchange): void {
    this.#unsent.delete(exchange)
  }

  /** Adds to the window of the connection. @throws {ConnectionError} */
  grant(increment: number): void {
    if (increment === 0) throw new ConnectionError('PROTOCOL_ERROR', 'a WINDOW_UPDATE of 0')
    const wasShut = this.#windowBytes <= 0
    this.#windowBytes += increment
    if (this.#windowBytes > maxWindowBytes) throw windowTooLarge()
    if (wasShut) this.resume()
  }

  /** Adds to the window of one stream. @throws {StreamError} */
  grantStream(exchange: Exchange, increment: number): void {
    if (increment === 0)
      throw new StreamError(exchange.streamId, 'PROTOCOL_ERROR', 'a WINDOW_UPDATE of 0')
    exchange.grant(increment, this.#initialWindowBytes)
    if (!this.#unsent.has(exchange) || this.#output.isFull) return
    if (this.#sendBody(exchange)) this.#unsent.delete(exchange)
  }

  /** Applies the payload of SETTINGS; ignores unknown ones. — source: RFC 9113, 6.5.2 */
  configure(settings: Buffer, inFlight: InFlight): void {
    for (let offset = 0; offset < settings.length; offset += 6)
      this.#apply(settings.readUInt16BE(offset), settings.readUInt32BE(offset + 2), inFlight)
  }

  #apply(setting: number, value: number, inFlight: InFlight): void {
    switch (setting) {
      case Setting.headerTableSize:
        this.#encoder.resize(value)
        break
      case Setting.enablePush:
        if (value !== 0)
          throw new ConnectionError('PROTOCOL_ERROR', 'SETTINGS_ENABLE_PUSH of a server is not 0')
        break
      case Setting.maxConcurrentStreams:
        this.#streamLimit = value
        break
      case Setting.initialWindowSize:
        this.#setInitialWindow(value, inFlight)
        break
      case Setting.maxFrameSize:
        if (value < minMaxFrameBytes || value > maxMaxFrameBytes)
          throw new ConnectionError('PROTOCOL_ERROR', `SETTINGS_MAX_FRAME_SIZE ${value}`)
        this.#maxFrameBytes = value
        break
    }
  }

  /** Applies to streams in flight as well, which keep their difference. — source: RFC 9113, 6.9.2 */
  #setInitialWindow(bytes: number, inFlight: InFlight): void {
    if (bytes > maxWindowBytes)
      throw new ConnectionError('FLOW_CONTROL_ERROR', `SETTINGS_INITIAL_WINDOW_SIZE ${bytes}`)
    if (bytes > this.#initialWindowBytes)
      for (const { credit } of inFlight.values())
        if (bytes + credit > maxWindowBytes) throw windowTooLarge()
    this.#initialWindowBytes = bytes
  }

  #sendHeaders(exchange: Exchange, authorization: string | undefined): void {
    const { request } = exchange.delivery
    const maxBytes = this.#encoder.maxBytes(request, this.#authority, authorization)
    const target = this.#writer.reserveBlock(maxBytes, this.#maxFrameBytes)
    const offset = this.#writer.blockOffset
    const end = this.#encoder.encode(request, this.#authority, authorization, target, offset)
    const endStream = exchange.unsentBytes === 0
    this.#writer.writeBlock(exchange.streamId, endStream, end, this.#maxFrameBytes)
  }

  /** Writes as much as the windows allow; returns whether nothing is left. */
  #sendBody(exchange: Exchange): boolean {
    const { payload } = exchange.delivery.request
    for (let left = exchange.unsentBytes; left > 0; left = exchange.unsentBytes) {
      const window = Math.min(this.#windowBytes, this.#initialWindowBytes + exchange.credit)
      const bytes = Math.min(left, window, this.#maxFrameBytes)
      if (bytes <= 0) return false
      this.#writer.writeData(exchange.streamId, bytes === left, payload, exchange.sentBytes, bytes)
      exchange.sentBytes += bytes
      exchange.credit -= bytes
      this.#windowBytes -= bytes
    }
    return true
  }
}

function windowTooLarge(): ConnectionError {
  return new ConnectionError('FLOW_CONTROL_ERROR', `a window over ${maxWindowBytes} bytes`)
}
