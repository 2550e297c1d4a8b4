/** The frames of HTTP/2: types, flags and limits, and the two kinds of errors about them. */

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

/** — source: RFC 9113, 7 */
export const ErrorCode = {
  NO_ERROR: 0x0,
  PROTOCOL_ERROR: 0x1,
  INTERNAL_ERROR: 0x2,
  FLOW_CONTROL_ERROR: 0x3,
  SETTINGS_TIMEOUT: 0x4,
  STREAM_CLOSED: 0x5,
  FRAME_SIZE_ERROR: 0x6,
  REFUSED_STREAM: 0x7,
  CANCEL: 0x8,
  COMPRESSION_ERROR: 0x9,
  CONNECT_ERROR: 0xa,
  ENHANCE_YOUR_CALM: 0xb,
  INADEQUATE_SECURITY: 0xc,
  HTTP_1_1_REQUIRED: 0xd,
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
