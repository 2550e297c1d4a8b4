/** The client side of an HTTP/2 connection that carries APNs requests only; no socket, no clock. */
import type { Delivery } from '../../relay/delivery.ts'
import { Exchange, type ExchangeEnd } from './exchange.ts'
import {
  ConnectionError,
  defaultWindowBytes,
  ErrorCode,
  Flag,
  FrameType,
  lastStreamId,
  Setting,
  StreamError,
  type ErrorName,
  type Frame,
} from './frame.ts'
import { BlockReader, contentOf, FrameReader } from './frame-reader.ts'
import { FrameWriter } from './frame-writer.ts'
import { initialTableBytes } from './hpack.ts'
import { HpackDecoder } from './hpack-decoder.ts'
import type { Output } from './output.ts'
import { RequestWriter } from './request-writer.ts'

/** Is told about events of the whole connection, and about the end of each request. */
export interface ConnectionOwner {
  /** The peer's SETTINGS, the first or later ones, have been applied. */
  configured(): void
  goneAway(code: number, debugData: Buffer): void
  /** The peer answered the last {@link Connection.ping}. */
  ponged(): void
  /** Called exactly once for each request. */
  ended(exchange: Exchange, end: ExchangeEnd): void
}

/** Frames in a row without an answer to a request, within one period of {@link Connection.calm}. */
const maxIdleFrames = 10_000
/** Received bytes after which a window is renewed, early enough that no peer has to wait. */
const grantBytes = defaultWindowBytes >>> 1
/** APNs answers with about 100 bytes of headers. */
const headerLimits = { maxTableBytes: initialTableBytes, maxListBytes: 16 * 1024 }

/** Each type of frame that may be received has its `#receive…`. — source: RFC 9113 */
export class Connection {
  readonly #owner: ConnectionOwner
  readonly #output: Output
  readonly #writer: FrameWriter
  readonly #requests: RequestWriter
  readonly #reader = new FrameReader()
  readonly #blocks = new BlockReader()
  readonly #decoder = new HpackDecoder(headerLimits)
  /** In flight, by stream, in the order sent. */
  readonly #exchanges = new Map<number, Exchange>()
  /** `opening`: the peer's SETTINGS are missing. `over`: GOAWAY has been written. */
  #state: 'opening' | 'open' | 'over' = 'opening'
  #nextStreamId: number
  /** Frames on streams up to this one may have been sent before the peer read our RST_STREAM. */
  #lastResetId = 0
  #isAcknowledged = false
  #hasAnswered = false
  #ungrantedBytes = 0
  #idleFrames = 0
  #pings = 0

  /** @param firstStreamId odd */
  constructor(authority: string, owner: ConnectionOwner, output: Output, firstStreamId = 1) {
    this.#owner = owner
    this.#output = output
    this.#writer = new FrameWriter(output)
    this.#requests = new RequestWriter(authority, output, this.#writer)
    this.#nextStreamId = firstStreamId
  }

  /** Requests that can be sent now. */
  get room(): number {
    if (this.isUsedUp || this.#requests.isBlocked) return 0
    return Math.max(0, this.#requests.streamLimit - this.#exchanges.size)
  }

  get inFlight(): number {
    return this.#exchanges.size
  }

  /** Requests that the peer accepts at a time; 0 before its SETTINGS, Infinity without a limit. */
  get streamLimit(): number {
    return this.#state === 'opening' ? 0 : this.#requests.streamLimit
  }

  /** Whether the peer has answered a request. */
  get hasAnswered(): boolean {
    return this.#hasAnswered
  }

  /** Whether no stream identifier is left. — source: RFC 9113, 5.1.1 */
  get isUsedUp(): boolean {
    return this.#nextStreamId > lastStreamId
  }

  /** Writes the preface and our SETTINGS. */
  open(): void {
    this.#writer.writePreface()
    this.#writer.writeSettings([
      [Setting.enablePush, 0],
      [Setting.maxHeaderListSize, headerLimits.maxListBytes],
    ])
  }

  /** Sends a request; only while there is {@link room}. */
  request(delivery: Delivery, authorization: string | undefined, nowMs: number): void {
    const exchange = new Exchange(this.#nextStreamId, delivery, nowMs)
    this.#nextStreamId += 2
    this.#exchanges.set(exchange.streamId, exchange)
    this.#requests.send(exchange, authorization)
  }

  /**
   * Cancels the requests sent at this time or before, as `overdue`; returns whether there are any.
   */
  cancelSentBy(timeMs: number): boolean {
    let found = false
    for (const exchange of this.#exchanges.values()) {
      if (exchange.sentAtMs > timeMs) break
      this.#reset(exchange, 'CANCEL', 'overdue')
      found = true
    }
    return found
  }

  /** Sends a PING. */
  ping(): void {
    const opaque = Buffer.alloc(8)
    opaque.writeUInt32BE(++this.#pings, 4)
    this.#writer.writePing(opaque)
  }

  /** Sends GOAWAY and ignores everything received after it. */
  goaway(code: ErrorName): void {
    this.#state = 'over'
    this.#writer.writeGoaway(code)
  }

  /** Continues to send bodies, because the output has room again. */
  resume(): void {
    this.#requests.resume()
  }

  /** Starts a new period for the limit of frames without an answer. */
  calm(): void {
    this.#idleFrames = 0
  }

  /** Ends every request in flight as `lost`. */
  abandon(): void {
    for (const exchange of this.#exchanges.values()) this.#end(exchange, 'lost')
  }

  /** Handles received bytes. @throws {ConnectionError} when the peer violates the protocol */
  receive(chunk: Buffer): void {
    this.#reader.receive(chunk)
    while (this.#state !== 'over' && this.#receiveNext());
  }

  #receiveNext(): boolean {
    try {
      const frame = this.#reader.next()
      if (frame === undefined) return false
      this.#checkOrder(frame)
      this.#receiveFrame(frame)
    } catch (error) {
      if (!(error instanceof StreamError)) throw error
      this.#refuse(error)
    }
    if (this.#output.isFlooded)
      throw new ConnectionError('ENHANCE_YOUR_CALM', 'does not read our answers')
    return true
  }

  /** A malformed PRIORITY can also come on a stream that has ended, or was never opened. */
  #refuse({ streamId, code, message }: StreamError): void {
    const exchange = this.#exchanges.get(streamId)
    if (exchange !== undefined) this.#reset(exchange, code, 'faulty')
    else if (this.#isIdle(streamId)) throw new ConnectionError(code, message)
    else this.#writer.writeRstStream(streamId, code)
  }

  #receiveFrame(frame: Frame): void {
    switch (frame.type) {
      case FrameType.data:
        this.#receiveData(frame)
        break
      case FrameType.headers:
      case FrameType.continuation:
        this.#receiveHeaders(frame)
        break
      case FrameType.rstStream:
        this.#receiveRstStream(frame)
        break
      case FrameType.settings:
        this.#receiveSettings(frame)
        break
      case FrameType.pushPromise:
        throw new ConnectionError('PROTOCOL_ERROR', 'PUSH_PROMISE, which our SETTINGS disable')
      case FrameType.ping:
        this.#receivePing(frame)
        break
      case FrameType.goaway:
        this.#receiveGoaway(frame)
        break
      case FrameType.windowUpdate:
        this.#receiveWindowUpdate(frame)
        break
      // PRIORITY and unknown types are ignored. — source: RFC 9113, 5.3.2 and 5.5
    }
  }

  #checkOrder({ type, flags }: Frame): void {
    const isSettings = type === FrameType.settings && (flags & Flag.ack) === 0
    if (this.#state === 'opening' && !isSettings)
      throw new ConnectionError('PROTOCOL_ERROR', 'the first frame is not SETTINGS')
    if (this.#blocks.isOpen && type !== FrameType.continuation)
      throw new ConnectionError('PROTOCOL_ERROR', 'another frame inside a header block')
    if (++this.#idleFrames > maxIdleFrames)
      throw new ConnectionError('ENHANCE_YOUR_CALM', 'too many frames without an answer')
  }

  #receiveData(frame: Frame): void {
    const { flags, streamId, payload } = frame
    const content = contentOf(frame)
    this.#useWindow(payload.length)
    const exchange = this.#findAnswered(streamId)
    if (exchange === undefined) return
    exchange.ungrantedBytes += payload.length
    exchange.receiveBody(content)
    if ((flags & Flag.endStream) !== 0) this.#complete(exchange)
    else if (exchange.ungrantedBytes > grantBytes) {
      this.#writer.writeWindowUpdate(streamId, exchange.ungrantedBytes)
      exchange.ungrantedBytes = 0
    }
  }

  /** Padding and streams that have ended use up the window as well. — source: RFC 9113, 6.9.1 */
  #useWindow(bytes: number): void {
    this.#ungrantedBytes += bytes
    if (this.#ungrantedBytes <= grantBytes) return
    this.#writer.writeWindowUpdate(0, this.#ungrantedBytes)
    this.#ungrantedBytes = 0
  }

  /** Decodes also the blocks of streams that have ended: all streams share one table. */
  #receiveHeaders(frame: Frame): void {
    if (frame.type === FrameType.headers) this.#findAnswered(frame.streamId)
    const block = this.#blocks.next(frame)
    if (block === undefined) return
    const { fields } = this.#decoder.decode(block.bytes)
    const exchange = this.#exchanges.get(block.streamId)
    if (exchange === undefined) return
    exchange.receiveHeaders(fields, block.endStream)
    this.#hasAnswered ||= exchange.hasHead
    if (exchange.hasHead) this.calm()
    if (block.endStream) this.#complete(exchange)
  }

  #receiveRstStream({ streamId, payload }: Frame): void {
    const exchange = this.#find(streamId)
    if (exchange !== undefined) this.#end(exchange, endBy[payload.readUInt32BE()] ?? 'lost')
  }

  #receiveSettings({ flags, payload }: Frame): void {
    if ((flags & Flag.ack) !== 0) {
      this.#isAcknowledged = true
      return
    }
    this.#requests.configure(payload, this.#exchanges)
    this.#state = 'open'
    this.#writer.writeSettingsAck()
    this.resume()
    this.#owner.configured()
  }

  /** A peer that answers a PING has read our SETTINGS long before. — source: RFC 9113, 6.5.3 */
  #receivePing({ flags, payload }: Frame): void {
    if ((flags & Flag.ack) === 0) this.#writer.writePingAck(payload)
    else if (payload.readUInt32BE(4) !== this.#pings) return
    else if (this.#isAcknowledged) this.#owner.ponged()
    else throw new ConnectionError('SETTINGS_TIMEOUT', 'does not acknowledge SETTINGS')
  }

  /** The peer processes no stream above the last one, but may have answered it already. */
  #receiveGoaway({ payload }: Frame): void {
    const lastProcessedId = payload.readUInt32BE() & 0x7fff_ffff
    this.#owner.goneAway(payload.readUInt32BE(4), payload.subarray(8))
    this.#lastResetId = this.#nextStreamId
    for (const exchange of this.#exchanges.values())
      if (exchange.streamId > lastProcessedId) this.#end(exchange, 'refused')
  }

  #receiveWindowUpdate({ streamId, payload }: Frame): void {
    const increment = payload.readUInt32BE() & 0x7fff_ffff
    const exchange = streamId === 0 ? undefined : this.#find(streamId)
    if (exchange !== undefined) this.#requests.grantStream(exchange, increment)
    else if (streamId === 0) this.#requests.grant(increment)
    else return
    // WINDOW_UPDATE on an open stream does not count as a frame without an answer.
    this.#idleFrames--
  }

  /** The request that an answer on this stream belongs to; undefined if we may have reset it. */
  #findAnswered(streamId: number): Exchange | undefined {
    const exchange = this.#find(streamId)
    if (exchange === undefined && streamId > this.#lastResetId)
      throw new ConnectionError('STREAM_CLOSED', 'a frame on a stream that has ended')
    return exchange
  }

  /** The request in flight on a stream; undefined if it has ended. */
  #find(streamId: number): Exchange | undefined {
    const exchange = this.#exchanges.get(streamId)
    if (exchange === undefined && this.#isIdle(streamId))
      throw new ConnectionError('PROTOCOL_ERROR', 'a frame on a stream that is not open')
    return exchange
  }

  /** Whether we have not opened the stream. — source: RFC 9113, 5.1 */
  #isIdle(streamId: number): boolean {
    return streamId % 2 === 0 || streamId >= this.#nextStreamId
  }

  /** Stops sending a body once the peer has answered. — source: RFC 9113, 8.1 */
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
    this.#requests.drop(exchange)
    this.#owner.ended(exchange, end)
  }
}

/** What a RST_STREAM means; NO_ERROR after an answer only stops the request. — source: RFC 9113, 8.1 */
const endBy: Readonly<Record<number, ExchangeEnd>> = {
  [ErrorCode.NO_ERROR]: 'complete',
  [ErrorCode.REFUSED_STREAM]: 'refused',
}
