/** HTTP/2 as a client speaks it that sends nothing but APNs requests: no socket, no clock. */
import type { Delivery } from '../../relay/delivery.ts'
import { BlockReader, longestHeaderListBytes, type HeaderBlock } from './block-reader.ts'
import { Exchange, type ExchangeEnd } from './exchange.ts'
import {
  ConnectionError,
  defaultWindowBytes,
  ErrorCode,
  Flag,
  FrameType,
  lastStreamId,
  maxMaxFrameBytes,
  maxWindowBytes,
  minMaxFrameBytes,
  Setting,
  StreamError,
  type ErrorName,
  type Frame,
} from './frame.ts'
import { contentOf, FrameReader } from './frame-reader.ts'
import { FrameWriter } from './frame-writer.ts'
import type { HeaderField } from './header-field.ts'
import { HpackEncoder } from './hpack-encoder.ts'
import type { Output } from './output.ts'
import { checkTrailers, readResponseHead } from './response-head.ts'

/** Who is told what the peer says. */
export interface ConnectionOwner {
  /** SETTINGS: the first, or others. */
  settled(): void
  goneAway(code: number, debugData: Buffer): void
  /** The answer to {@link Connection.ping}. */
  ponged(): void
  /** Called exactly once for each request. */
  ended(exchange: Exchange, end: ExchangeEnd): void
}

/** Frames without a single answer among them, within one {@link Connection.calm}. */
const mostIdleFrames = 10_000

/** Windows are granted anew when so much is used up, bytes. */
const grantBytes = defaultWindowBytes >>> 1

/** Every kind of frame received has its `#receive…`. — source: RFC 9113 throughout */
export class Connection {
  readonly #authority: string
  readonly #owner: ConnectionOwner
  readonly #output: Output
  readonly #writer: FrameWriter
  readonly #reader = new FrameReader()
  readonly #blocks = new BlockReader()
  readonly #encoder = new HpackEncoder()
  /** In the order sent. */
  readonly #exchanges = new Map<number, Exchange>()
  /** Whose body waits for a window or for the output, in the order sent. */
  readonly #unsent = new Set<Exchange>()
  #nextStreamId: number
  /** What comes on streams up to this one may have been on its way when we reset them. */
  #lastResetId = 0
  #settled = false
  #settingsAcknowledged = false
  #answered = false
  #over = false
  #streamLimit = Infinity
  #maxFrameBytes = minMaxFrameBytes
  #initialWindowBytes = defaultWindowBytes
  #sendWindowBytes = defaultWindowBytes
  #ungrantedBytes = 0
  #idleFrames = 0
  #pings = 0

  /** @param firstStreamId odd */
  constructor(authority: string, owner: ConnectionOwner, output: Output, firstStreamId = 1) {
    this.#authority = authority
    this.#owner = owner
    this.#output = output
    this.#writer = new FrameWriter(output)
    this.#nextStreamId = firstStreamId
  }

  /** Requests that the peer would take now. */
  get room(): number {
    if (this.#output.isFull || this.isUsedUp) return 0
    if (this.#sendWindowBytes <= 0 && this.#unsent.size > 0) return 0
    return Math.max(0, this.#streamLimit - this.#exchanges.size)
  }

  get inFlight(): number {
    return this.#exchanges.size
  }

  /** Requests that the peer takes at a time. */
  get streamLimit(): number {
    return this.#settled ? this.#streamLimit : 0
  }

  /** Whether the peer has begun to answer a request. */
  get hasAnswered(): boolean {
    return this.#answered
  }

  get areSettingsAcknowledged(): boolean {
    return this.#settingsAcknowledged
  }

  /** Whether the last stream identifier is taken. — source: RFC 9113, 5.1.1 */
  get isUsedUp(): boolean {
    return this.#nextStreamId > lastStreamId
  }

  /** The oldest request in flight. */
  get oldest(): Exchange | undefined {
    for (const exchange of this.#exchanges.values()) return exchange
    return undefined
  }

  /** Says the first words. */
  open(): void {
    this.#writer.writePreface()
    this.#writer.writeSettings([
      [Setting.enablePush, 0],
      [Setting.maxHeaderListSize, longestHeaderListBytes],
    ])
  }

  /** Sends a request; only while there is {@link room}. */
  request(delivery: Delivery, authorization: string | undefined, nowMs: number): void {
    const exchange = new Exchange(this.#nextStreamId, delivery, nowMs)
    this.#nextStreamId += 2
    this.#exchanges.set(exchange.streamId, exchange)
    this.#sendHeaders(exchange, authorization)
    if (!this.#sendBody(exchange)) this.#unsent.add(exchange)
  }

  /** Gives a request up. */
  cancel(exchange: Exchange): void {
    this.#reset(exchange, 'CANCEL', 'overdue')
  }

  /** Asks whether the peer is there. */
  ping(): void {
    const opaque = Buffer.alloc(8)
    opaque.writeUInt32BE(++this.#pings, 4)
    this.#writer.writePing(opaque)
  }

  /** Says that this is the end, and why; nothing is received behind it. */
  goaway(code: ErrorName): void {
    this.#over = true
    this.#writer.writeGoaway(code)
  }

  /** The output has room again. */
  resume(): void {
    for (const exchange of this.#unsent) {
      if (this.#sendWindowBytes <= 0 || this.#output.isFull) return
      if (this.#sendBody(exchange)) this.#unsent.delete(exchange)
    }
  }

  /** Time has passed: what the peer did before is no flood. */
  calm(): void {
    this.#idleFrames = 0
  }

  /** Ends every request that is in flight. */
  abandon(): void {
    for (const exchange of this.#exchanges.values()) this.#end(exchange, 'lost')
  }

  /** Takes what was received. @throws {ConnectionError} when the peer broke the protocol */
  receive(chunk: Buffer): void {
    this.#reader.receive(chunk)
    while (!this.#over && this.#receiveNext());
  }

  #receiveNext(): boolean {
    try {
      const frame = this.#reader.next()
      if (frame === undefined) return false
      this.#receiveFrame(frame)
    } catch (error) {
      if (!(error instanceof StreamError)) throw error
      this.#refuse(error)
    }
    if (this.#output.isFlooded) throw new ConnectionError('ENHANCE_YOUR_CALM', 'reads no answers')
    return true
  }

  /** A PRIORITY may be wrong on any stream: on one that is over, or that nobody has opened. */
  #refuse({ streamId, code, message }: StreamError): void {
    const exchange = this.#exchanges.get(streamId)
    if (exchange !== undefined) this.#reset(exchange, code, 'faulty')
    else if (this.#isIdle(streamId)) throw new ConnectionError(code, message)
    else this.#writer.writeRstStream(streamId, code)
  }

  #receiveFrame(frame: Frame): void {
    const { type, flags } = frame
    if (!this.#settled && (type !== FrameType.settings || (flags & Flag.ack) !== 0))
      throw new ConnectionError('PROTOCOL_ERROR', 'does not begin with SETTINGS')
    if (this.#blocks.isOpen && type !== FrameType.continuation)
      throw new ConnectionError('PROTOCOL_ERROR', 'a frame inside a header block')
    if (++this.#idleFrames > mostIdleFrames)
      throw new ConnectionError('ENHANCE_YOUR_CALM', 'many frames and no answer')
    switch (type) {
      case FrameType.data:
        this.#receiveData(frame)
        break
      case FrameType.headers:
        this.#receiveHeaders(frame)
        break
      case FrameType.rstStream:
        this.#receiveRstStream(frame)
        break
      case FrameType.settings:
        this.#receiveSettings(frame)
        break
      case FrameType.pushPromise:
        throw new ConnectionError('PROTOCOL_ERROR', 'a PUSH_PROMISE, which SETTINGS forbid')
      case FrameType.ping:
        this.#receivePing(frame)
        break
      case FrameType.goaway:
        this.#receiveGoaway(frame)
        break
      case FrameType.windowUpdate:
        this.#receiveWindowUpdate(frame)
        break
      case FrameType.continuation:
        this.#receiveContinuation(frame)
        break
      // PRIORITY and what nobody knows: ignored. — source: RFC 9113, 5.3.2 and 5.5
    }
  }

  #receiveData(frame: Frame): void {
    const { flags, streamId, payload } = frame
    const content = contentOf(frame)
    this.#takeFromWindow(payload.length)
    const exchange = this.#exchangeOn(streamId)
    if (exchange === undefined) return
    exchange.ungrantedBytes += payload.length
    exchange.receive(content)
    if ((flags & Flag.endStream) !== 0) this.#complete(exchange)
    else if (exchange.ungrantedBytes > grantBytes) {
      this.#writer.writeWindowUpdate(streamId, exchange.ungrantedBytes)
      exchange.ungrantedBytes = 0
    }
  }

  /**
   * Padding, and what comes on streams that are over, counts as well. A window is never shut, since
   * everything is read at once: nobody can exceed it. — source: RFC 9113, 6.9.1
   */
  #takeFromWindow(bytes: number): void {
    this.#ungrantedBytes += bytes
    if (this.#ungrantedBytes <= grantBytes) return
    this.#writer.writeWindowUpdate(0, this.#ungrantedBytes)
    this.#ungrantedBytes = 0
  }

  #receiveHeaders(frame: Frame): void {
    this.#exchangeOn(frame.streamId)
    this.#receiveBlock(this.#blocks.begin(frame))
  }

  #receiveContinuation(frame: Frame): void {
    this.#receiveBlock(this.#blocks.continue(frame))
  }

  #receiveBlock(block: HeaderBlock | undefined): void {
    if (block === undefined) return
    const { streamId, endStream, fields } = block
    const exchange = this.#exchanges.get(streamId)
    if (exchange === undefined) return
    if (exchange.head === undefined) this.#receiveHead(exchange, endStream, fields)
    else {
      if (!endStream) throw new StreamError(streamId, 'PROTOCOL_ERROR', 'headers in a body')
      checkTrailers(streamId, fields)
    }
    if (endStream) this.#complete(exchange)
  }

  /** An informational answer is not yet one; 101 is none at all. — source: RFC 9113, 8.1 and 8.6 */
  #receiveHead(exchange: Exchange, endStream: boolean, fields: readonly HeaderField[]): void {
    const { streamId } = exchange
    const head = readResponseHead(streamId, fields)
    if (head.status === 101 || (head.status < 200 && endStream))
      throw new StreamError(streamId, 'PROTOCOL_ERROR', `a ${head.status} for an answer`)
    if (head.status < 200) return
    exchange.head = head
    this.#answered = true
    this.#idleFrames = 0
  }

  #receiveRstStream({ streamId, payload }: Frame): void {
    const exchange = this.#exchanges.get(streamId)
    if (exchange !== undefined) this.#end(exchange, endBy[payload.readUInt32BE()] ?? 'lost')
    else if (this.#isIdle(streamId)) throw idle()
  }

  #receiveSettings({ flags, payload }: Frame): void {
    if ((flags & Flag.ack) !== 0) {
      this.#settingsAcknowledged = true
      return
    }
    for (let offset = 0; offset < payload.length; offset += 6)
      this.#applySetting(payload.readUInt16BE(offset), payload.readUInt32BE(offset + 2))
    this.#writer.writeSettingsAck()
    this.#settled = true
    this.resume()
    this.#owner.settled()
  }

  /** Those unknown are ignored. — source: RFC 9113, 6.5.2 */
  #applySetting(setting: number, value: number): void {
    switch (setting) {
      case Setting.headerTableSize:
        this.#encoder.resize(value)
        break
      case Setting.enablePush:
        if (value !== 0) throw new ConnectionError('PROTOCOL_ERROR', 'a server that takes pushes')
        break
      case Setting.maxConcurrentStreams:
        this.#streamLimit = value
        break
      case Setting.initialWindowSize:
        this.#setInitialWindow(value)
        break
      case Setting.maxFrameSize:
        if (value < minMaxFrameBytes || value > maxMaxFrameBytes)
          throw new ConnectionError('PROTOCOL_ERROR', `SETTINGS_MAX_FRAME_SIZE ${value}`)
        this.#maxFrameBytes = value
        break
    }
  }

  /** Open streams know only their difference to it. — source: RFC 9113, 6.9.2 */
  #setInitialWindow(bytes: number): void {
    if (bytes > maxWindowBytes)
      throw new ConnectionError('FLOW_CONTROL_ERROR', `SETTINGS_INITIAL_WINDOW_SIZE ${bytes}`)
    if (bytes > this.#initialWindowBytes)
      for (const { credit } of this.#exchanges.values())
        if (bytes + credit > maxWindowBytes)
          throw new ConnectionError('FLOW_CONTROL_ERROR', 'a window beyond all bounds')
    this.#initialWindowBytes = bytes
  }

  #receivePing({ flags, payload }: Frame): void {
    if ((flags & Flag.ack) === 0) this.#writer.writePingAck(payload)
    else if (payload.readUInt32BE(4) === this.#pings) this.#owner.ponged()
  }

  /** What stands above the last stream is not processed, and may be answered all the same. */
  #receiveGoaway({ payload }: Frame): void {
    const lastProcessedId = payload.readUInt32BE() & 0x7fff_ffff
    this.#owner.goneAway(payload.readUInt32BE(4), payload.subarray(8))
    this.#lastResetId = this.#nextStreamId
    for (const exchange of this.#exchanges.values())
      if (exchange.streamId > lastProcessedId) this.#end(exchange, 'refused')
  }

  #receiveWindowUpdate({ streamId, payload }: Frame): void {
    const increment = payload.readUInt32BE() & 0x7fff_ffff
    if (streamId === 0) this.#growWindow(increment)
    else {
      const exchange = this.#exchanges.get(streamId)
      if (exchange !== undefined) this.#growStreamWindow(exchange, increment)
      else if (this.#isIdle(streamId)) throw idle()
    }
  }

  #growWindow(increment: number): void {
    if (increment === 0) throw new ConnectionError('PROTOCOL_ERROR', 'a WINDOW_UPDATE of 0')
    this.#idleFrames--
    const wasShut = this.#sendWindowBytes <= 0
    this.#sendWindowBytes += increment
    if (this.#sendWindowBytes > maxWindowBytes)
      throw new ConnectionError('FLOW_CONTROL_ERROR', 'a window beyond all bounds')
    if (wasShut) this.resume()
  }

  #growStreamWindow(exchange: Exchange, increment: number): void {
    if (increment === 0)
      throw new StreamError(exchange.streamId, 'PROTOCOL_ERROR', 'a WINDOW_UPDATE of 0')
    this.#idleFrames--
    exchange.grant(increment, this.#initialWindowBytes)
    if (!this.#unsent.has(exchange) || this.#output.isFull) return
    if (this.#sendBody(exchange)) this.#unsent.delete(exchange)
  }

  #sendHeaders(exchange: Exchange, authorization: string | undefined): void {
    const { request } = exchange.delivery
    const maxBytes = this.#encoder.maxBytes(request, this.#authority, authorization)
    const { target, offset } = this.#writer.beginHeaders(maxBytes, this.#maxFrameBytes)
    const end = this.#encoder.encode(request, this.#authority, authorization, target, offset)
    const endStream = exchange.unsentBytes === 0
    this.#writer.endHeaders(exchange.streamId, endStream, end, this.#maxFrameBytes)
  }

  /** As much as the windows allow; true when nothing is left. */
  #sendBody(exchange: Exchange): boolean {
    const { payload } = exchange.delivery.request
    for (let left = exchange.unsentBytes; left > 0; left = exchange.unsentBytes) {
      const window = Math.min(this.#sendWindowBytes, this.#initialWindowBytes + exchange.credit)
      const bytes = Math.min(left, window, this.#maxFrameBytes)
      if (bytes <= 0) return false
      this.#writer.writeData(exchange.streamId, bytes === left, payload, exchange.sentBytes, bytes)
      exchange.sentBytes += bytes
      exchange.credit -= bytes
      this.#sendWindowBytes -= bytes
    }
    return true
  }

  /** The request in flight on a stream; undefined on one that we have reset. */
  #exchangeOn(streamId: number): Exchange | undefined {
    const exchange = this.#exchanges.get(streamId)
    if (exchange !== undefined) return exchange
    if (this.#isIdle(streamId)) throw idle()
    if (streamId > this.#lastResetId)
      throw new ConnectionError('STREAM_CLOSED', 'an answer behind its end')
    return undefined
  }

  /** Of no stream that we have opened. — source: RFC 9113, 5.1 */
  #isIdle(streamId: number): boolean {
    return streamId % 2 === 0 || streamId >= this.#nextStreamId
  }

  /** A body that the answer did not wait for is of no use any more. — source: RFC 9113, 8.1 */
  #complete(exchange: Exchange): void {
    exchange.complete()
    if (exchange.unsentBytes > 0) this.#reset(exchange, 'CANCEL', 'complete')
    else this.#end(exchange, 'complete')
  }

  #reset(exchange: Exchange, code: ErrorName, end: ExchangeEnd): void {
    this.#writer.writeRstStream(exchange.streamId, code)
    this.#lastResetId = Math.max(this.#lastResetId, exchange.streamId)
    this.#end(exchange, end)
  }

  #end(exchange: Exchange, end: ExchangeEnd): void {
    this.#exchanges.delete(exchange.streamId)
    this.#unsent.delete(exchange)
    this.#owner.ended(exchange, end)
  }
}

/** What a RST_STREAM means; after an answer, NO_ERROR only stops the request. — source: RFC 9113, 8.1 */
const endBy: Readonly<Record<number, ExchangeEnd>> = {
  [ErrorCode.NO_ERROR]: 'complete',
  [ErrorCode.REFUSED_STREAM]: 'refused',
}

function idle(): ConnectionError {
  return new ConnectionError('PROTOCOL_ERROR', 'a frame on a stream that nobody has opened')
}
