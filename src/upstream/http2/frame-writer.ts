/** Writes the frames that a client sends. */
import { ErrorCode, Flag, frameHeaderBytes, FrameType, type ErrorName } from './frame.ts'
import type { Output } from './output.ts'

/** The first bytes of a client. — source: RFC 9113, 3.4 */
const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1')

/** Writes the header of a frame at `offset`; returns where its payload begins. */
function putHeader(
  target: Buffer,
  offset: number,
  length: number,
  type: number,
  flags: number,
  streamId: number,
): number {
  target[offset] = length >>> 16
  target[offset + 1] = length >>> 8
  target[offset + 2] = length
  target[offset + 3] = type
  target[offset + 4] = flags
  return putUint32(target, offset + 5, streamId)
}

function putUint32(target: Buffer, offset: number, value: number): number {
  target[offset] = value >>> 24
  target[offset + 1] = value >>> 16
  target[offset + 2] = value >>> 8
  target[offset + 3] = value
  return offset + 4
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}

/** Each method adds one frame to the output; `writeBlock` as many as the block needs. */
export class FrameWriter {
  readonly #output: Output

  constructor(output: Output) {
    this.#output = output
  }

  /** The connection preface; SETTINGS must follow. */
  writePreface(): void {
    const { length } = this.#output
    preface.copy(this.#output.reserve(preface.length), length)
    this.#output.commit(length + preface.length)
  }

  /** Identifier (2) and value (4) of each. — source: RFC 9113, 6.5.1 */
  writeSettings(settings: readonly (readonly [identifier: number, value: number])[]): void {
    const payload = Buffer.alloc(6 * settings.length)
    for (const [index, [identifier, value]] of settings.entries())
      putUint32(payload, payload.writeUInt16BE(identifier, 6 * index), value)
    this.#write(FrameType.settings, 0, 0, payload)
  }

  writeSettingsAck(): void {
    this.#write(FrameType.settings, Flag.ack, 0, Buffer.alloc(0))
  }

  /** The buffer with room for a block, which is to be encoded at {@link blockOffset}. */
  reserveBlock(maxBytes: number, maxFrameBytes: number): Buffer {
    const frames = Math.max(1, Math.ceil(maxBytes / maxFrameBytes))
    return this.#output.reserve(maxBytes + frames * frameHeaderBytes)
  }

  get blockOffset(): number {
    return this.#output.length + frameHeaderBytes
  }

  /**
   * HEADERS with the block that ends at `end`, and CONTINUATION for what exceeds `maxFrameBytes`.
   */
  writeBlock(streamId: number, endStream: boolean, end: number, maxFrameBytes: number): void {
    const target = this.#output.reserve(0)
    const flags = endStream ? Flag.endStream : 0
    const start = this.#output.length
    this.#output.commit(splitBlock(target, start, end, streamId, flags, maxFrameBytes))
  }

  /** `length` bytes of `content` from `from`. */
  writeData(
    streamId: number,
    endStream: boolean,
    content: Buffer,
    from: number,
    length: number,
  ): void {
    this.#write(FrameType.data, endStream ? Flag.endStream : 0, streamId, content, from, length)
  }

  /** @param opaque 8 bytes */
  writePing(opaque: Buffer): void {
    this.#write(FrameType.ping, 0, 0, opaque)
  }

  writePingAck(opaque: Buffer): void {
    this.#write(FrameType.ping, Flag.ack, 0, opaque)
  }

  /** @param streamId 0 for the connection */
  writeWindowUpdate(streamId: number, increment: number): void {
    this.#write(FrameType.windowUpdate, 0, streamId, uint32(increment))
  }

  writeRstStream(streamId: number, code: ErrorName): void {
    this.#write(FrameType.rstStream, 0, streamId, uint32(ErrorCode[code]))
  }

  /** The last stream is always 0: a server opens none. — source: RFC 9113, 6.8 */
  writeGoaway(code: ErrorName): void {
    this.#write(FrameType.goaway, 0, 0, Buffer.concat([uint32(0), uint32(ErrorCode[code])]))
  }

  #write(
    type: number,
    flags: number,
    streamId: number,
    payload: Buffer,
    from = 0,
    length = payload.length,
  ): void {
    const target = this.#output.reserve(frameHeaderBytes + length)
    const start = putHeader(target, this.#output.length, length, type, flags, streamId)
    payload.copy(target, start, from, from + length)
    this.#output.commit(start + length)
  }
}

/**
 * Writes the frame headers of a block; the caller leaves space for the first one. Bytes that exceed
 * a frame are moved to make space for the next header. Returns the end of the last frame.
 */
function splitBlock(
  target: Buffer,
  start: number,
  end: number,
  streamId: number,
  endStream: number,
  maxFrameBytes: number,
): number {
  let at = start
  let last = end
  let type: number = FrameType.headers
  let flags = endStream
  while (last - at - frameHeaderBytes > maxFrameBytes) {
    putHeader(target, at, maxFrameBytes, type, flags, streamId)
    at += frameHeaderBytes + maxFrameBytes
    target.copyWithin(at + frameHeaderBytes, at, last)
    last += frameHeaderBytes
    type = FrameType.continuation
    flags = 0
  }
  const length = last - at - frameHeaderBytes
  putHeader(target, at, length, type, flags | Flag.endHeaders, streamId)
  return last
}
