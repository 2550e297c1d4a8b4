/** The client side of an HTTP/2 connection that carries APNs requests only; no socket, no clock. */
import type { Delivery } from '../../relay/delivery.ts'
import {
  ConnectionError,
  contentOf,
  defaultWindowBytes,
  Flag,
  FrameReader,
  FrameType,
  joinBlock,
  lastStreamId,
  Setting,
  StreamError,
  type ErrorName,
  type Frame,
  type HeaderBlock,
} from './frame.ts'
import type { FrameWriter } from './frame-writer.ts'
import { initialTableBytes } from './hpack.ts'
import { HpackDecoder } from './hpack-decoder.ts'
import { RequestWriter } from './request-writer.ts'
import { endOfReset, Stream, StreamTable, type StreamEnd } from './stream.ts'

/** The peer takes no more requests. */
export interface Goaway {
  readonly code: number
  readonly debugData: Buffer
}

/** Frames in a row without an answer to a request, within one period of {@link Connection.calm}. */
const maxIdleFrames = 10_000
/** Received bytes after which a window is renewed, early enough that no peer has to wait. */
const grantBytes = defaultWindowBytes >>> 1
/** APNs answers with about 100 bytes of headers. */
const headerLimits = { maxTableBytes: initialTableBytes, maxListBytes: 16 * 1024 }

/**
 * Calls nobody back: whoever calls a method looks afterwards at what has changed. Each type of
 * frame that may be received has its `#receive…`. — source: RFC 9113
 */
export class Connection {
  /** Whether the peer's SETTINGS have been received. */
  isOpen = false
  /** Whether the peer has answered a request. */
  hasAnswered = false
  /** Whether the last {@link ping} has no answer yet. */
  awaitsPong = false
  readonly #writer: FrameWriter
  readonly #requests: RequestWriter
  readonly #reader = new FrameReader()
  readonly #decoder = new HpackDecoder(headerLimits)
  readonly #streams: StreamTable
  /** Not yet returned by {@link takeEnded}. */
  #ended: Stream[] = []
  #openBlock: HeaderBlock | undefined
  readonly #goaways: Goaway[] = []
  #nextStreamId: number
  /** Frames on streams up to this one may have been sent before the peer read our RST_STREAM. */
  #lastResetId = 0
  #isAcknowledged = false
  #ungrantedBytes = 0
  #idleFrames = 0
  #pings = 0

  /** @param firstStreamId odd */
  constructor(authority: string, writer: FrameWriter, firstStreamId = 1) {
    this.#writer = writer
    this.#requests = new RequestWriter(authority, writer)
    this.#streams = new StreamTable(firstStreamId)
    this.#nextStreamId = firstStreamId
  }

  /** Requests that can be sent now. */
  get room(): number {
    if (this.isUsedUp || this.#requests.isBlocked) return 0
    return Math.max(0, this.#requests.streamLimit - this.#streams.size)
  }

  get inFlight(): number {
    return this.#streams.size
  }

  /** Requests that the peer accepts at a time; 0 before its SETTINGS, Infinity without a limit. */
  get streamLimit(): number {
    return this.isOpen ? this.#requests.streamLimit : 0
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
    const stream = new Stream(this.#nextStreamId, delivery, nowMs)
    this.#nextStreamId += 2
    this.#streams.add(stream)
    this.#requests.send(stream, authorization)
  }

  /** The GOAWAYs received since the last call. A peer may send several, and only one has a reason. */
  takeGoaways(): readonly Goaway[] {
    return this.#goaways.splice(0)
  }

  /** The streams that have ended since the last call; each is returned once. */
  takeEnded(): readonly Stream[] {
    const ended = this.#ended
    this.#ended = []
    return ended
  }

  /**
   * Cancels the requests sent at this time or before, as `overdue`; returns whether there are any.
   */
  cancelSentBy(timeMs: number): boolean {
    let found = false
    for (const stream of this.#streams.all) {
      if (stream.sentAtMs > timeMs) break
      this.#reset(stream, 'CANCEL', 'overdue')
      found = true
    }
    return found
  }

  /** Sends a PING. */
  ping(): void {
    const opaque = Buffer.alloc(8)
    opaque.writeUInt32BE(++this.#pings, 4)
    this.awaitsPong = true
    this.#writer.writePing(opaque)
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
    for (const stream of this.#streams.all) this.#end(stream, 'lost')
  }

  /** Handles received bytes; returns how the peer has violated the protocol, if it has. */
  receive(chunk: Buffer): ConnectionError | undefined {
    this.#reader.receive(chunk)
    try {
      while (this.#receiveNext());
      return undefined
    } catch (error) {
      if (error instanceof ConnectionError) return error
      throw error
    }
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
    if (this.#writer.isFlooded)
      throw new ConnectionError('ENHANCE_YOUR_CALM', 'does not read our answers')
    return true
  }

  /** A malformed PRIORITY can also come on a stream that has ended, or was never opened. */
  #refuse({ streamId, code, message }: StreamError): void {
    const stream = this.#streams.get(streamId)
    if (stream !== undefined) this.#reset(stream, code, 'faulty')
    else if (this.#isIdle(streamId)) throw new ConnectionError(code, message)
    else this.#writer.writeRstStream(streamId, code)
  }

  /** Ignores PRIORITY and unknown types. — source: RFC 9113, 5.3.2 and 5.5 */
  #receiveFrame(frame: Frame): void {
    const { type } = frame
    if (type === FrameType.headers || type === FrameType.continuation) this.#receiveHeaders(frame)
    else if (type === FrameType.data) this.#receiveData(frame)
    else if (type === FrameType.windowUpdate) this.#receiveWindowUpdate(frame)
    else if (type === FrameType.rstStream) this.#receiveRstStream(frame)
    else if (type === FrameType.settings) this.#receiveSettings(frame)
    else if (type === FrameType.ping) this.#receivePing(frame)
    else if (type === FrameType.goaway) this.#receiveGoaway(frame)
    else if (type === FrameType.pushPromise)
      throw new ConnectionError('PROTOCOL_ERROR', 'PUSH_PROMISE, which our SETTINGS disable')
  }

  #checkOrder({ type, flags }: Frame): void {
    const isSettings = type === FrameType.settings && (flags & Flag.ack) === 0
    if (!this.isOpen && !isSettings)
      throw new ConnectionError('PROTOCOL_ERROR', 'the first frame is not SETTINGS')
    if (this.#openBlock !== undefined && type !== FrameType.continuation)
      throw new ConnectionError('PROTOCOL_ERROR', 'another frame inside a header block')
    if (++this.#idleFrames > maxIdleFrames)
      throw new ConnectionError('ENHANCE_YOUR_CALM', 'too many frames without an answer')
  }

  #receiveData(frame: Frame): void {
    const { flags, streamId, payload } = frame
    const content = contentOf(frame)
    this.#useWindow(payload.length)
    const stream = this.#findAnswered(streamId)
    if (stream === undefined) return
    stream.ungrantedBytes += payload.length
    stream.receiveBody(content)
    if ((flags & Flag.endStream) !== 0) this.#complete(stream)
    else if (stream.ungrantedBytes > grantBytes) {
      this.#writer.writeWindowUpdate(streamId, stream.ungrantedBytes)
      stream.ungrantedBytes = 0
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
    const block = joinBlock(this.#openBlock, frame)
    this.#openBlock = block.isComplete ? undefined : block
    if (!block.isComplete) return
    const { fields } = this.#decoder.decode(block.bytes)
    const stream = this.#streams.get(block.streamId)
    if (stream === undefined) return
    stream.receiveHeaders(fields, block.endStream)
    this.hasAnswered ||= stream.hasHead
    if (stream.hasHead) this.calm()
    if (block.endStream) this.#complete(stream)
  }

  #receiveRstStream({ streamId, payload }: Frame): void {
    const stream = this.#find(streamId)
    if (stream !== undefined) this.#end(stream, endOfReset(payload.readUInt32BE(), stream.isWhole))
  }

  #receiveSettings({ flags, payload }: Frame): void {
    if ((flags & Flag.ack) !== 0) {
      this.#isAcknowledged = true
      return
    }
    this.#requests.configure(payload, this.#streams)
    this.isOpen = true
    this.#writer.writeSettings([], Flag.ack)
    this.resume()
  }

  /** A peer that answers a PING has read our SETTINGS long before. — source: RFC 9113, 6.5.3 */
  #receivePing({ flags, payload }: Frame): void {
    if ((flags & Flag.ack) === 0) this.#writer.writePing(payload, Flag.ack)
    else if (payload.readUInt32BE(4) !== this.#pings) return
    else if (this.#isAcknowledged) this.awaitsPong = false
    else throw new ConnectionError('SETTINGS_TIMEOUT', 'does not acknowledge SETTINGS')
  }

  /** The peer processes no stream above the last one, but may have answered it already. */
  #receiveGoaway({ payload }: Frame): void {
    const lastProcessedId = payload.readUInt32BE() & 0x7fff_ffff
    this.#goaways.push({ code: payload.readUInt32BE(4), debugData: payload.subarray(8) })
    this.#lastResetId = this.#nextStreamId
    for (const stream of this.#streams.all)
      if (stream.id > lastProcessedId) this.#end(stream, 'refused')
  }

  #receiveWindowUpdate({ streamId, payload }: Frame): void {
    const increment = payload.readUInt32BE() & 0x7fff_ffff
    const stream = streamId === 0 ? undefined : this.#find(streamId)
    if (stream !== undefined) this.#requests.grantStream(stream, increment)
    else if (streamId === 0) this.#requests.grant(increment)
    else return
    // WINDOW_UPDATE on an open stream does not count as a frame without an answer.
    this.#idleFrames--
  }

  /** The request that an answer on this stream belongs to; undefined if we may have reset it. */
  #findAnswered(streamId: number): Stream | undefined {
    const stream = this.#find(streamId)
    if (stream === undefined && streamId > this.#lastResetId)
      throw new ConnectionError('STREAM_CLOSED', 'a frame on a stream that has ended')
    return stream
  }

  /** The request in flight on a stream; undefined if it has ended. */
  #find(streamId: number): Stream | undefined {
    const stream = this.#streams.get(streamId)
    if (stream === undefined && this.#isIdle(streamId))
      throw new ConnectionError('PROTOCOL_ERROR', 'a frame on a stream that is not open')
    return stream
  }

  /** Whether we have not opened the stream. — source: RFC 9113, 5.1 */
  #isIdle(streamId: number): boolean {
    return streamId % 2 === 0 || streamId >= this.#nextStreamId
  }

  /** Stops sending a body once the peer has answered. — source: RFC 9113, 8.1 */
  #complete(stream: Stream): void {
    stream.complete()
    if (stream.unsentBytes > 0) this.#reset(stream, 'CANCEL', 'complete')
    else this.#end(stream, 'complete')
  }

  #reset(stream: Stream, code: ErrorName, end: StreamEnd): void {
    this.#writer.writeRstStream(stream.id, code)
    this.#lastResetId = Math.max(this.#lastResetId, stream.id)
    this.#end(stream, end)
  }

  #end(stream: Stream, end: StreamEnd): void {
    this.#streams.delete(stream)
    this.#requests.drop(stream)
    stream.end = end
    this.#ended.push(stream)
  }
}
