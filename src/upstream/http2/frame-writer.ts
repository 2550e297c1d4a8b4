/** Writes the frames that a client sends, those of one turn of the event loop as one buffer. */
import { ErrorCode, Flag, frameHeaderBytes, FrameType, type ErrorName } from './frame.ts'

/** Requests wait while so many bytes are collected or being written. */
const fullBytes = 256 * 1024

/** Bytes. Exceeded only if a peer requests acknowledgements and does not read them. */
const floodedBytes = 512 * 1024

/** Writes bytes, then calls `done`; until then the bytes do not change. */
export type Write = (bytes: Buffer, done: () => void) => void

/**
 * Uses two buffers in turn: one is written while the other is filled, so writes to a slow peer
 * become fewer and larger. Buffers grow and never shrink.
 */
export class Output {
  readonly #write: Write
  readonly #drained: () => void
  #buffer = Buffer.allocUnsafeSlow(16 * 1024)
  #length = 0
  #spare = Buffer.allocUnsafeSlow(16 * 1024)
  #onItsWay = 0
  #closed = false

  /** @param drained called when the output is no longer {@link isFull} */
  constructor(write: Write, drained: () => void) {
    this.#write = write
    this.#drained = drained
  }

  /** Whether requests should wait, because the peer reads slowly or there are many in this turn. */
  get isFull(): boolean {
    return this.#length + this.#onItsWay >= fullBytes
  }

  /** Whether there are more bytes than requests and their bodies can cause. */
  get isFlooded(): boolean {
    return this.#length + this.#onItsWay >= floodedBytes
  }

  /** Bytes collected; the offset of the next byte in the buffer of {@link reserve}. */
  get length(): number {
    return this.#length
  }

  /** The buffer, with room for `bytes` more at {@link length}. */
  reserve(bytes: number): Buffer {
    const needed = this.#length + bytes
    if (needed > this.#buffer.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(needed, 2 * this.#buffer.length))
      this.#buffer.copy(larger, 0, 0, this.#length)
      this.#buffer = larger
    }
    return this.#buffer
  }

  /** Schedules everything before `end` to be written. */
  commit(end: number): void {
    const isFirst = this.#length === 0
    this.#length = end
    if (isFirst && this.#onItsWay === 0 && !this.#closed) setImmediate(this.#flush)
  }

  /** Returns the collected bytes; ignores later commits. */
  close(): Buffer {
    this.#closed = true
    return this.#buffer.subarray(0, this.#length)
  }

  readonly #flush = (): void => {
    if (this.#closed || this.#length === 0) return
    const bytes = this.#buffer.subarray(0, this.#length)
    ;[this.#buffer, this.#spare] = [this.#spare, this.#buffer]
    this.#onItsWay = this.#length
    this.#length = 0
    this.#write(bytes, this.#written)
  }

  readonly #written = (): void => {
    const { isFull } = this
    this.#onItsWay = 0
    this.#flush()
    if (isFull && !this.isFull && !this.#closed) this.#drained()
  }
}

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
  target.writeUInt32BE(length * 0x100 + type, offset)
  target[offset + 4] = flags
  return target.writeUInt32BE(streamId, offset + 5)
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}

/** Each method adds one frame to the output; `writeBlock` as many as the block needs. */
export class FrameWriter extends Output {
  /** The connection preface; SETTINGS must follow. */
  writePreface(): void {
    preface.copy(this.reserve(preface.length), this.length)
    this.commit(this.length + preface.length)
  }

  /** Identifier (2) and value (4) of each; none with {@link Flag.ack}. — source: RFC 9113, 6.5.1 */
  writeSettings(
    settings: readonly (readonly [identifier: number, value: number])[],
    flags = 0,
  ): void {
    const payload = Buffer.alloc(6 * settings.length)
    for (const [index, [identifier, value]] of settings.entries())
      payload.writeUInt32BE(value, payload.writeUInt16BE(identifier, 6 * index))
    this.#write(FrameType.settings, flags, 0, payload)
  }

  /**
   * HEADERS with a block, and CONTINUATION for what exceeds `maxFrameBytes`. The block has been
   * encoded into the reserved buffer, behind space for a frame header, and ends at `end`.
   */
  writeBlock(streamId: number, endStream: boolean, end: number, maxFrameBytes: number): void {
    const target = this.reserve(0)
    const flags = endStream ? Flag.endStream : 0
    const length = end - this.length - frameHeaderBytes
    if (length > maxFrameBytes) {
      const block = Buffer.from(target.subarray(end - length, end))
      this.#splitBlock(streamId, flags, block, maxFrameBytes)
      return
    }
    putHeader(target, this.length, length, FrameType.headers, flags | Flag.endHeaders, streamId)
    this.commit(end)
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
  writePing(opaque: Buffer, flags = 0): void {
    this.#write(FrameType.ping, flags, 0, opaque)
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
    const target = this.reserve(frameHeaderBytes + length)
    const start = putHeader(target, this.length, length, type, flags, streamId)
    payload.copy(target, start, from, from + length)
    this.commit(start + length)
  }

  #splitBlock(streamId: number, flags: number, block: Buffer, maxFrameBytes: number): void {
    for (let at = 0; at < block.length; at += maxFrameBytes) {
      const length = Math.min(maxFrameBytes, block.length - at)
      const type = at === 0 ? FrameType.headers : FrameType.continuation
      const last = at + length === block.length ? Flag.endHeaders : 0
      this.#write(type, (at === 0 ? flags : 0) | last, streamId, block, at, length)
    }
  }
}
