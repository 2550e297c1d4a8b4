/** Splits received bytes into frames and header blocks, and refuses invalid sizes. */
import {
  ConnectionError,
  Flag,
  frameHeaderBytes,
  FrameType,
  minMaxFrameBytes,
  StreamError,
  type Frame,
} from './frame.ts'

interface Shape {
  /** Whether the frame belongs to a stream or to the connection; undefined for either. */
  readonly onStream: boolean | undefined
  readonly fits: (length: number, flags: number) => boolean
}

const any = (): boolean => true

/** By type. — source: RFC 9113, 6.1 to 6.10 */
const shapes: Readonly<Record<number, Shape>> = {
  [FrameType.data]: { onStream: true, fits: any },
  [FrameType.headers]: { onStream: true, fits: any },
  // The one frame whose wrong length is an error of its stream only. — source: RFC 9113, 6.3
  [FrameType.priority]: { onStream: true, fits: any },
  [FrameType.rstStream]: { onStream: true, fits: (length) => length === 4 },
  [FrameType.settings]: {
    onStream: false,
    fits: (length, flags) => length % 6 === 0 && (length === 0 || (flags & Flag.ack) === 0),
  },
  [FrameType.pushPromise]: { onStream: true, fits: any },
  [FrameType.ping]: { onStream: false, fits: (length) => length === 8 },
  [FrameType.goaway]: { onStream: false, fits: (length) => length >= 8 },
  [FrameType.windowUpdate]: { onStream: undefined, fits: (length) => length === 4 },
  [FrameType.continuation]: { onStream: true, fits: any },
}

/** Holds at most one incomplete frame; refuses a wrong length before the payload arrives. */
export class FrameReader {
  #bytes: Buffer = Buffer.alloc(0)
  #offset = 0

  /** Adds received bytes; the frames are views of them. */
  receive(chunk: Buffer): void {
    const rest = this.#bytes.length - this.#offset
    // The rest is at most one frame, so joining is cheaper than a list of chunks.
    this.#bytes = rest === 0 ? chunk : Buffer.concat([this.#bytes.subarray(this.#offset), chunk])
    this.#offset = 0
  }

  /**
   * The next complete frame; undefined = more bytes are needed.
   * @throws {ConnectionError} for a wrong length or a wrong stream
   * @throws {StreamError} for a PRIORITY of the wrong length; the next frames can be read
   */
  next(): Frame | undefined {
    const bytes = this.#bytes
    const start = this.#offset + frameHeaderBytes
    if (bytes.length < start) return undefined
    const length = bytes.readUIntBE(start - 9, 3)
    const type = bytes.readUInt8(start - 6)
    const flags = bytes.readUInt8(start - 5)
    const streamId = bytes.readUInt32BE(start - 4) & 0x7fff_ffff
    if (length > minMaxFrameBytes)
      throw new ConnectionError('FRAME_SIZE_ERROR', `a frame of ${length} bytes`)
    checkShape(type, flags, streamId, length)
    if (bytes.length < start + length) return undefined
    this.#offset = start + length
    if (type === FrameType.priority && length !== 5)
      throw new StreamError(streamId, 'FRAME_SIZE_ERROR', `a PRIORITY of ${length} bytes`)
    return { type, flags, streamId, payload: bytes.subarray(start, start + length) }
  }
}

function checkShape(type: number, flags: number, streamId: number, length: number): void {
  const shape = shapes[type]
  if (shape === undefined) return
  if (shape.onStream === (streamId === 0))
    throw new ConnectionError('PROTOCOL_ERROR', `a frame of type ${type} on stream ${streamId}`)
  if (!shape.fits(length, flags))
    throw new ConnectionError('FRAME_SIZE_ERROR', `a frame of type ${type} of ${length} bytes`)
}

/**
 * The payload of a DATA or HEADERS frame without padding and priority.
 *
 *     pad length (1, if PADDED) | priority (5, if PRIORITY) | content | padding
 *
 * — source: RFC 9113, 6.1 and 6.2
 * @throws {ConnectionError} when the payload is too short for them
 */
export function contentOf({ type, flags, payload }: Frame): Buffer {
  const padded = (flags & Flag.padded) !== 0
  const prioritized = type === FrameType.headers && (flags & Flag.priority) !== 0
  if (!padded && !prioritized) return payload
  const start = (padded ? 1 : 0) + (prioritized ? 5 : 0)
  if (payload.length < start)
    throw new ConnectionError('FRAME_SIZE_ERROR', 'a frame too short for its fields')
  const end = payload.length - (padded ? payload.readUInt8(0) : 0)
  if (end < start) throw new ConnectionError('PROTOCOL_ERROR', 'padding longer than the frame')
  return payload.subarray(start, end)
}

/** Limit of a header block in HEADERS and CONTINUATION together, bytes. */
const maxBlockBytes = 32 * 1024

/** The bytes of HEADERS and of the CONTINUATION frames behind them. */
export interface HeaderBlock {
  readonly streamId: number
  readonly endStream: boolean
  readonly bytes: Buffer
}

/** Joins HEADERS and CONTINUATION to header blocks. */
export class BlockReader {
  #open: HeaderBlock | undefined

  /** Whether the next frame must be CONTINUATION. */
  get isOpen(): boolean {
    return this.#open !== undefined
  }

  /**
   * Adds HEADERS or CONTINUATION; returns the block if it is complete. @throws {ConnectionError}
   */
  next(frame: Frame): HeaderBlock | undefined {
    const block = frame.type === FrameType.headers ? firstOf(frame) : this.#extend(frame)
    const isComplete = (frame.flags & Flag.endHeaders) !== 0
    this.#open = isComplete ? undefined : block
    return isComplete ? block : undefined
  }

  #extend({ streamId, payload }: Frame): HeaderBlock {
    const open = this.#open
    if (open?.streamId !== streamId)
      throw new ConnectionError('PROTOCOL_ERROR', 'CONTINUATION without an open header block')
    if (open.bytes.length + payload.length > maxBlockBytes)
      throw new ConnectionError('ENHANCE_YOUR_CALM', `a header block over ${maxBlockBytes} bytes`)
    return { ...open, bytes: Buffer.concat([open.bytes, payload]) }
  }
}

function firstOf(frame: Frame): HeaderBlock {
  const endStream = (frame.flags & Flag.endStream) !== 0
  return { streamId: frame.streamId, endStream, bytes: contentOf(frame) }
}
