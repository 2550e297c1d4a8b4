/** The fields of a byte stream in the order of the wire, found by its length fields alone. */
import { errorResponseCommand } from '../binary/error-response.ts'
import { ItemId, itemHeadBytes, longestFrameBytes } from '../binary/extent.ts'

/** One field of a message or of a feedback tuple. */
export interface Field {
  readonly name: FieldName
  /** As announced by the field before it; Infinity = everything that follows. */
  readonly bytes: number
}

/** `rest`: what a frame holds behind its last readable item. `unreadable`: all that follows. */
export type FieldName =
  | 'command'
  | 'frame-length'
  | 'item-id'
  | 'item-length'
  | 'token-length'
  | 'payload-length'
  | 'timestamp'
  | 'status'
  | keyof typeof ItemId
  | 'unknown-item'
  | 'rest'
  | 'unreadable'

/** Each field that it names is answered with that field's bytes; only heads and lengths are read. */
export type FieldWalk = Generator<Field, void, Buffer>

/**
 * What a sender writes, message after message: the same boundaries that the decoder finds, with
 * lengths that are over a limit as well.
 * — source: Apple, "Binary Provider API" and "Legacy Notification Format"
 */
export function* walkMessages(): FieldWalk {
  for (;;) {
    const command = uint(yield { name: 'command', bytes: 1 })
    if (command > 2 || (command === 2 && !(yield* walkFrame()))) break
    if (command === 2) continue
    if (command === 1) {
      yield { name: 'identifier', bytes: 4 }
      yield { name: 'expiration', bytes: 4 }
    }
    yield* walkSized('token')
    yield* walkSized('payload')
  }
  yield { name: 'unreadable', bytes: Infinity }
}

/** What the gateway writes. — source: Apple, "Binary Provider API", "Table A-1" */
export function* walkResponses(): FieldWalk {
  while (uint(yield { name: 'command', bytes: 1 }) === errorResponseCommand) {
    yield { name: 'status', bytes: 1 }
    yield { name: 'identifier', bytes: 4 }
  }
  yield { name: 'unreadable', bytes: Infinity }
}

/** What the feedback service writes. — source: Apple, "Binary Provider API", Table A-2 */
export function* walkTuples(): FieldWalk {
  for (;;) {
    yield { name: 'timestamp', bytes: 4 }
    yield* walkSized('token')
  }
}

const itemNames = new Map<number, keyof typeof ItemId>([
  [ItemId.token, 'token'],
  [ItemId.payload, 'payload'],
  [ItemId.identifier, 'identifier'],
  [ItemId.expiration, 'expiration'],
  [ItemId.priority, 'priority'],
])

/** False when the frame's length is impossible: nothing tells where the next message begins. */
function* walkFrame(): Generator<Field, boolean, Buffer> {
  let left = uint(yield { name: 'frame-length', bytes: 4 })
  if (left > longestFrameBytes) return false
  while (left >= itemHeadBytes) {
    const itemId = uint(yield { name: 'item-id', bytes: 1 })
    const bytes = uint(yield { name: 'item-length', bytes: 2 })
    left -= itemHeadBytes
    if (bytes > left) break
    yield { name: itemNames.get(itemId) ?? 'unknown-item', bytes }
    left -= bytes
  }
  if (left > 0) yield { name: 'rest', bytes: left }
  return true
}

function* walkSized(name: 'token' | 'payload'): FieldWalk {
  const bytes = uint(yield { name: `${name}-length`, bytes: 2 })
  yield { name, bytes }
}

function uint(bytes: Buffer): number {
  return bytes.readUIntBE(0, bytes.length)
}

/** A field with its place in a stream. */
export interface PlacedField extends Field {
  /** Of its first byte, from 0. */
  readonly offset: number
  /** Fewer than announced where the stream breaks off. */
  readonly content: Buffer
  /** Whether the message or tuple is whole with it. */
  readonly isLast: boolean
}

/**
 * The fields of a stream, the last one perhaps not whole; an empty one only where announced.
 * @param start the offset of the first byte
 */
export function* placeFields(
  stream: Buffer,
  walk: FieldWalk,
  start = 0,
): Generator<PlacedField, undefined> {
  let at = 0
  let step = walk.next()
  while (step.done !== true) {
    const { name, bytes } = step.value
    if (at >= stream.length && bytes > 0) return
    const content = stream.subarray(at, at + bytes)
    const isWhole = content.length === bytes
    if (isWhole) step = walk.next(content)
    const isLast = isWhole && step.done !== true && firstFields.has(step.value.name)
    yield { name, bytes, offset: start + at, content, isLast }
    if (!isWhole) return
    at += bytes
  }
}

const firstFields: ReadonlySet<FieldName> = new Set<FieldName>(['command', 'timestamp'])
