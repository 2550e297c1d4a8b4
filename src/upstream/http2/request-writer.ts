/** Writes requests: headers at once, bodies as far as flow control and the output allow. */
import {
  ConnectionError,
  defaultWindowBytes,
  frameHeaderBytes,
  maxMaxFrameBytes,
  maxWindowBytes,
  minMaxFrameBytes,
  Setting,
  StreamError,
} from './frame.ts'
import type { FrameWriter } from './frame-writer.ts'
import { HpackEncoder } from './hpack-encoder.ts'
import type { Stream, StreamTable } from './stream.ts'

/** Obeys what the peer's SETTINGS and WINDOW_UPDATE allow. — source: RFC 9113, 5.2 and 6.9 */
export class RequestWriter {
  /** Requests that the peer accepts at a time; Infinity without a limit. */
  streamLimit = Infinity
  readonly #authority: string
  readonly #writer: FrameWriter
  readonly #encoder = new HpackEncoder()
  /** Streams whose body waits for a window or for the output, in the order sent. */
  readonly #unsent = new Set<Stream>()
  #maxFrameBytes = minMaxFrameBytes
  #initialWindowBytes = defaultWindowBytes
  /** Of the connection. */
  #windowBytes = defaultWindowBytes

  constructor(authority: string, writer: FrameWriter) {
    this.#authority = authority
    this.#writer = writer
  }

  /** Whether a further request would only add to the bodies that wait. */
  get isBlocked(): boolean {
    return this.#writer.isFull || (this.#windowBytes <= 0 && this.#unsent.size > 0)
  }

  /** Writes the headers, and as much of the body as possible; {@link resume} writes the rest. */
  send(stream: Stream, authorization: string | undefined): void {
    this.#sendHeaders(stream, authorization)
    if (!this.#sendBody(stream)) this.#unsent.add(stream)
  }

  /** Continues with the bodies that wait. */
  resume(): void {
    for (const stream of this.#unsent) {
      if (this.#windowBytes <= 0 || this.#writer.isFull) return
      if (this.#sendBody(stream)) this.#unsent.delete(stream)
    }
  }

  /** Drops the rest of a body: its stream has ended. */
  drop(stream: Stream): void {
    this.#unsent.delete(stream)
  }

  /** Adds to the window of the connection. @throws {ConnectionError} */
  grant(increment: number): void {
    if (increment === 0) throw new ConnectionError('PROTOCOL_ERROR', 'a WINDOW_UPDATE of 0')
    const wasShut = this.#windowBytes <= 0
    this.#windowBytes += increment
    checkWindow(this.#windowBytes)
    if (wasShut) this.resume()
  }

  /** Adds to the window of one stream. @throws {StreamError} */
  grantStream(stream: Stream, increment: number): void {
    if (increment === 0) throw new StreamError(stream.id, 'PROTOCOL_ERROR', 'a WINDOW_UPDATE of 0')
    stream.credit += increment
    if (this.#initialWindowBytes + stream.credit > maxWindowBytes)
      throw new StreamError(stream.id, 'FLOW_CONTROL_ERROR', tooLargeWindow)
    if (!this.#unsent.has(stream) || this.#writer.isFull) return
    if (this.#sendBody(stream)) this.#unsent.delete(stream)
  }

  /** Applies the payload of SETTINGS; ignores unknown ones. — source: RFC 9113, 6.5.2 */
  configure(settings: Buffer, inFlight: StreamTable): void {
    for (let offset = 0; offset < settings.length; offset += 6)
      this.#apply(settings.readUInt16BE(offset), settings.readUInt32BE(offset + 2), inFlight)
  }

  #apply(setting: number, value: number, inFlight: StreamTable): void {
    if (setting === Setting.headerTableSize) this.#encoder.resize(value)
    else if (setting === Setting.maxConcurrentStreams) this.streamLimit = value
    else if (setting === Setting.initialWindowSize) this.#setInitialWindow(value, inFlight)
    else if (setting === Setting.maxFrameSize) {
      if (value < minMaxFrameBytes || value > maxMaxFrameBytes)
        throw new ConnectionError('PROTOCOL_ERROR', `SETTINGS_MAX_FRAME_SIZE ${value}`)
      this.#maxFrameBytes = value
    } else if (setting === Setting.enablePush && value !== 0)
      throw new ConnectionError('PROTOCOL_ERROR', 'SETTINGS_ENABLE_PUSH of a server is not 0')
  }

  /** Applies to streams in flight as well, which keep their difference. — source: RFC 9113, 6.9.2 */
  #setInitialWindow(bytes: number, inFlight: StreamTable): void {
    checkWindow(bytes)
    for (const { credit } of inFlight.all) checkWindow(bytes + credit)
    this.#initialWindowBytes = bytes
  }

  #sendHeaders(stream: Stream, authorization: string | undefined): void {
    const { request } = stream.delivery
    const writer = this.#writer
    const maxBytes = this.#encoder.maxBytes(request, this.#authority, authorization)
    const target = writer.reserve(frameHeaderBytes + maxBytes)
    const start = writer.length + frameHeaderBytes
    const end = this.#encoder.encode(request, this.#authority, authorization, target, start)
    writer.writeBlock(stream.id, stream.unsentBytes === 0, end, this.#maxFrameBytes)
  }

  /** Writes as much as the windows allow; returns whether nothing is left. */
  #sendBody(stream: Stream): boolean {
    const { payload } = stream.delivery.request
    for (let left = stream.unsentBytes; left > 0; left = stream.unsentBytes) {
      const window = Math.min(this.#windowBytes, this.#initialWindowBytes + stream.credit)
      const bytes = Math.min(left, window, this.#maxFrameBytes)
      if (bytes <= 0) return false
      this.#writer.writeData(stream.id, bytes === left, payload, stream.sentBytes, bytes)
      stream.sentBytes += bytes
      stream.credit -= bytes
      this.#windowBytes -= bytes
    }
    return true
  }
}

const tooLargeWindow = `a window over ${maxWindowBytes} bytes`

function checkWindow(bytes: number): void {
  if (bytes > maxWindowBytes) throw new ConnectionError('FLOW_CONTROL_ERROR', tooLargeWindow)
}
