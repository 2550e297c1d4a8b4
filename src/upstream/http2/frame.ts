/** The frames of HTTP/2: types, flags, limits and errors, and how received bytes become frames. */

/** — source: RFC 9113, 6 */
export const FrameType = {
  data: 0,
  headers: 1,
  priority: 2,
  rstStream: 3,
  settings: 4,
  pushPromise: 5,
  ping: 6,
  goaway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const

/** Bits of the flags byte. — source: RFC 9113, 6 */
export const Flag = {
  endStream: 0x01,
  ack: 0x01,
  endHeaders: 0x04,
  padded: 0x08,
  priority: 0x20,
} as const

/** Those that are sent or understood. — source: RFC 9113, 7 */
export const ErrorCode = {
  NO_ERROR: 0x0,
  PROTOCOL_ERROR: 0x1,
  FLOW_CONTROL_ERROR: 0x3,
  SETTINGS_TIMEOUT: 0x4,
  STREAM_CLOSED: 0x5,
  FRAME_SIZE_ERROR: 0x6,
  REFUSED_STREAM: 0x7,
  CANCEL: 0x8,
  COMPRESSION_ERROR: 0x9,
  ENHANCE_YOUR_CALM: 0xb,
} as const

/** One of the keys of {@link ErrorCode}. */
export type ErrorName = keyof typeof ErrorCode

/** — source: RFC 9113, 6.5.2 */
export const Setting = {
  headerTableSize: 0x1,
  enablePush: 0x2,
  maxConcurrentStreams: 0x3,
  initialWindowSize: 0x4,
  maxFrameSize: 0x5,
  maxHeaderListSize: 0x6,
} as const

/** Length (3), type (1), flags (1), stream (4). — source: RFC 9113, 4.1 */
export const frameHeaderBytes = 9

/** The payload size that every peer accepts, bytes. — source: RFC 9113, 4.2 */
export const minMaxFrameBytes = 16_384

/** — source: RFC 9113, 6.5.2 */
export const maxMaxFrameBytes = 0xff_ffff

/** The first window of a stream and of the connection, bytes. — source: RFC 9113, 6.9.2 */
export const defaultWindowBytes = 65_535

/** — source: RFC 9113, 6.9.1 */
export const maxWindowBytes = 0x7fff_ffff

/** — source: RFC 9113, 5.1.1 */
export const lastStreamId = 0x7fff_ffff

/** One frame. Its payload is a view of what was received. */
export interface Frame {
  readonly type: number
  readonly flags: number
  readonly streamId: number
  readonly payload: Buffer
}

/** The peer violated the protocol; the answer is GOAWAY. Radius: the connection. */
export class ConnectionError extends Error {
  override readonly name: string = 'ConnectionError'
  readonly code: ErrorName

  constructor(code: ErrorName, message: string) {
    super(message)
    this.code = code
  }
}

/** The peer violated the protocol on one stream; the answer is RST_STREAM. Radius: the stream. */
export class StreamError extends Error {
  override readonly name = 'StreamError'
  readonly streamId: number
  readonly code: ErrorName

  constructor(streamId: number, code: ErrorName, message: string) {
    super(message)
    this.streamId = streamId
    this.code = code
  }
}

interface Shape {
  /** Whether the frame belongs to a stream or to the connection; undefined for either. */
  readonly onStream: boolean | undefined
  /** By default any length. */
  readonly fits?: (length: number, flags: number) => boolean
}

/** By type. — source: RFC 9113, 6.1 to 6.10 */
const shapes: Readonly<Record<number, Shape>> = {
  [FrameType.data]: { onStream: true },
  [FrameType.headers]: { onStream: true },
  // The one frame whose wrong length is an error of its stream only. — source: RFC 9113, 6.3
  [FrameType.priority]: { onStream: true },
  [FrameType.rstStream]: { onStream: true, fits: (length) => length === 4 },
  [FrameType.settings]: {
    onStream: false,
    fits: (length, flags) => length % 6 === 0 && (length === 0 || (flags & Flag.ack) === 0),
  },
  [FrameType.pushPromise]: { onStream: true },
  [FrameType.ping]: { onStream: false, fits: (length) => length === 8 },
  [FrameType.goaway]: { onStream: false, fits: (length) => length >= 8 },
  [FrameType.windowUpdate]: { onStream: undefined, fits: (length) => length === 4 },
  [FrameType.continuation]: { onStream: true },
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
  if (shape.fits?.(length, flags) === false)
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
  readonly isComplete: boolean
  readonly bytes: Buffer
}

/** The block that HEADERS begin, or the open block with CONTINUATION. @throws {ConnectionError} */
export function joinBlock(open: HeaderBlock | undefined, frame: Frame): HeaderBlock {
  const { type, flags, streamId, payload } = frame
  const isComplete = (flags & Flag.endHeaders) !== 0
  if (type === FrameType.headers) {
    const endStream = (flags & Flag.endStream) !== 0
    return { streamId, endStream, isComplete, bytes: contentOf(frame) }
  }
  if (open?.streamId !== streamId)
    throw new ConnectionError('PROTOCOL_ERROR', 'CONTINUATION without an open header block')
  if (open.bytes.length + payload.length > maxBlockBytes)
    throw new ConnectionError('ENHANCE_YOUR_CALM', `a header block over ${maxBlockBytes} bytes`)
  return { ...open, isComplete, bytes: Buffer.concat([open.bytes, payload]) }
}
