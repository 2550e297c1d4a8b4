/** Frames to bytes: those that a client sends. */
import { ErrorCode, Flag, frameHeaderBytes, FrameType, type ErrorName } from './frame.ts'
import type { Output } from './output.ts'

/** What a client says first. — source: RFC 9113, 3.4 */
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

/** Each method adds one frame to the output, `endHeaders` as many as the block needs. */
export class FrameWriter {
  readonly #output: Output

  constructor(output: Output) {
    this.#output = output
  }

  /** The connection preface, which {@link writeSettings} has to follow. */
  writePreface(): void {
    const { length } = this.#output
    preface.copy(this.#output.reserve(preface.length), length)
    this.#output.commit(length + preface.length)
  }

  /** Identifier (2) and value (4) of each. — source: RFC 9113, 6.5.1 */
  writeSettings(settings: readonly (readonly [identifier: number, value: number])[]): void {
    const length = 6 * settings.length
    const target = this.#output.reserve(frameHeaderBytes + length)
    let end = putHeader(target, this.#output.length, length, FrameType.settings, 0, 0)
    for (const [identifier, value] of settings) {
      end = target.writeUInt16BE(identifier, end)
      end = putUint32(target, end, value)
    }
    this.#output.commit(end)
  }

  writeSettingsAck(): void {
    const target = this.#output.reserve(frameHeaderBytes)
    this.#output.commit(putHeader(target, this.#output.length, 0, FrameType.settings, Flag.ack, 0))
  }

  /** Where a header block of at most `maxBytes` is to be encoded, for {@link endHeaders}. */
  beginHeaders(maxBytes: number, maxFrameBytes: number): { target: Buffer; offset: number } {
    const frames = Math.max(1, Math.ceil(maxBytes / maxFrameBytes))
    const target = this.#output.reserve(maxBytes + frames * frameHeaderBytes)
    return { target, offset: this.#output.length + frameHeaderBytes }
  }

  /** HEADERS round the block that ends at `end`; CONTINUATION for what exceeds `maxFrameBytes`. */
  endHeaders(streamId: number, endStream: boolean, end: number, maxFrameBytes: number): void {
    const target = this.#output.reserve(0)
    const flags = endStream ? Flag.endStream : 0
    const start = this.#output.length
    this.#output.commit(frameBlock(target, start, end, streamId, flags, maxFrameBytes))
  }

  /** `length` bytes of `content` from `from`. */
  writeData(
    streamId: number,
    endStream: boolean,
    content: Buffer,
    from: number,
    length: number,
  ): void {
    const target = this.#output.reserve(frameHeaderBytes + length)
    const flags = endStream ? Flag.endStream : 0
    const start = putHeader(target, this.#output.length, length, FrameType.data, flags, streamId)
    content.copy(target, start, from, from + length)
    this.#output.commit(start + length)
  }

  /** @param opaque 8 bytes */
  writePing(opaque: Buffer): void {
    this.#writeEight(FrameType.ping, 0, opaque)
  }

  writePingAck(opaque: Buffer): void {
    this.#writeEight(FrameType.ping, Flag.ack, opaque)
  }

  /** @param streamId 0 for the connection */
  writeWindowUpdate(streamId: number, increment: number): void {
    this.#writeUint32(FrameType.windowUpdate, streamId, increment)
  }

  writeRstStream(streamId: number, code: ErrorName): void {
    this.#writeUint32(FrameType.rstStream, streamId, ErrorCode[code])
  }

  /** The last stream is always 0: a client takes none. — source: RFC 9113, 6.8 */
  writeGoaway(code: ErrorName): void {
    const target = this.#output.reserve(frameHeaderBytes + 8)
    const start = putHeader(target, this.#output.length, 8, FrameType.goaway, 0, 0)
    this.#output.commit(putUint32(target, putUint32(target, start, 0), ErrorCode[code]))
  }

  #writeEight(type: number, flags: number, opaque: Buffer): void {
    const target = this.#output.reserve(frameHeaderBytes + 8)
    const start = putHeader(target, this.#output.length, 8, type, flags, 0)
    opaque.copy(target, start)
    this.#output.commit(start + 8)
  }

  #writeUint32(type: number, streamId: number, value: number): void {
    const target = this.#output.reserve(frameHeaderBytes + 4)
    const start = putHeader(target, this.#output.length, 4, type, 0, streamId)
    this.#output.commit(putUint32(target, start, value))
  }
}

/**
 * Puts frame headers round a block that begins behind the first one's place; what exceeds a frame
 * is moved back to make room for the header of the next. Returns where the last one ends.
 */
function frameBlock(
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
