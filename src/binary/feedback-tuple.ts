/** The feedback tuple: reports that one device token is no longer valid. */
import { Parser } from 'binary-parser'

/** A device token that is no longer valid for the topic of the connection. */
export interface FeedbackTuple {
  /** UNIX seconds: when APNs found that the app was removed. */
  readonly timestamp: number
  readonly token: Buffer
}

const layout = new Parser()
  .uint32be('timestamp')
  .uint16be('tokenLength')
  .buffer('token', { length: 'tokenLength', clone: true })

const headerBytes = 6

/** `timestamp (4) | token length (2) | token`. — source: Apple, "Binary Provider API", Table A-2 */
export function encodeFeedbackTuple({ timestamp, token }: FeedbackTuple): Buffer {
  const bytes = Buffer.alloc(headerBytes + token.length)
  bytes.writeUInt32BE(timestamp, 0)
  bytes.writeUInt16BE(token.length, 4)
  token.copy(bytes, headerBytes)
  return bytes
}

export function encodeFeedbackTuples(tuples: readonly FeedbackTuple[]): Buffer {
  return Buffer.concat(tuples.map(encodeFeedbackTuple))
}

/** The complete tuples in `bytes`, and the rest, to which the next bytes must be appended. */
export function decodeFeedbackTuples(bytes: Buffer): { tuples: FeedbackTuple[]; rest: Buffer } {
  const tuples: FeedbackTuple[] = []
  let at = 0
  while (bytes.length >= at + headerBytes) {
    const end = at + headerBytes + bytes.readUInt16BE(at + 4)
    if (bytes.length < end) break
    const { timestamp, token } = layout.parse(bytes.subarray(at, end))
    tuples.push({ timestamp, token })
    at = end
  }
  return { tuples, rest: bytes.subarray(at) }
}
