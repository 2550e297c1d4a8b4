/** Bytes to frames: cuts them out at any segmentation, and refuses those of an impossible size. */
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
  /** Whether it belongs to a stream or to the connection; undefined for either. */
  readonly onStream: boolean | undefined
  readonly fits: (length: number, flags: number) => boolean
}

const any = (): boolean => true

/** By type. — source: RFC 9113, 6.1 to 6.10 */
const shapes: readonly Shape[] = [
  { onStream: true, fits: any },
  { onStream: true, fits: any },
  { onStream: true, fits: (length) => length === 5 },
  { onStream: true, fits: (length) => length === 4 },
  {
    onStream: false,
    fits: (length, flags) => ((flags & Flag.ack) === 0 ? length % 6 === 0 : length === 0),
  },
  { onStream: true, fits: any },
  { onStream: false, fits: (length) => length === 8 },
  { onStream: false, fits: (length) => length >= 8 },
  { onStream: undefined, fits: (length) => length === 4 },
  { onStream: true, fits: any },
]

/** Holds at most one frame that is not complete; its length is judged before its payload comes. */
export class FrameReader {
  #bytes: Buffer = Buffer.alloc(0)
  #offset = 0

  /** Takes what was received, which the reader's frames are part of. */
  receive(chunk: Buffer): void {
    const rest = this.#bytes.length - this.#offset
    // Bounded by one frame in all but a flood, so joining is cheaper than a list of chunks.
    this.#bytes = rest === 0 ? chunk : Buffer.concat([this.#bytes.subarray(this.#offset), chunk])
    this.#offset = 0
  }

  /**
   * The next complete frame.
   * @throws {ConnectionError} when its length, or the stream it is on, cannot be
   * @throws {StreamError} for a PRIORITY of the wrong length; the frames behind it can be read
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
    checkPriority(type, streamId, length)
    return { type, flags, streamId, payload: bytes.subarray(start, start + length) }
  }
}

function checkShape(type: number, flags: number, streamId: number, length: number): void {
  const shape = shapes[type]
  if (shape === undefined) return
  if (shape.onStream === (streamId === 0))
    throw new ConnectionError('PROTOCOL_ERROR', `a frame of type ${type} on stream ${streamId}`)
  if (type !== FrameType.priority && !shape.fits(length, flags))
    throw new ConnectionError('FRAME_SIZE_ERROR', `a frame of type ${type} of ${length} bytes`)
}

/** The one frame whose wrong length is the fault of its stream only. — source: RFC 9113, 6.3 */
function checkPriority(type: number, streamId: number, length: number): void {
  if (type === FrameType.priority && length !== 5)
    throw new StreamError(streamId, 'FRAME_SIZE_ERROR', `a PRIORITY of ${length} bytes`)
}

/**
 * The payload of a DATA or HEADERS frame without padding and priority.
 *
 *     pad length (1, if PADDED) | priority (5, if PRIORITY) | content | padding
 *
 * — source: RFC 9113, 6.1 and 6.2
 * @throws {ConnectionError} when it is shorter than that
 */
export function contentOf({ type, flags, payload }: Frame): Buffer {
  const padded = (flags & Flag.padded) !== 0
  const prioritized = type === FrameType.headers && (flags & Flag.priority) !== 0
  if (!padded && !prioritized) return payload
  const start = (padded ? 1 : 0) + (prioritized ? 5 : 0)
  if (payload.length < start)
    throw new ConnectionError('FRAME_SIZE_ERROR', 'a frame shorter than its own fields')
  const end = payload.length - (padded ? payload.readUInt8(0) : 0)
  if (end < start) throw new ConnectionError('PROTOCOL_ERROR', 'more padding than frame')
  return payload.subarray(start, end)
}
