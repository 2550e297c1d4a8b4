/**
 * The messages of a sender, a gateway and a feedback service, field by field in wire order. All
 * integers are big-endian. `layout.ts` parses complete notifications; all other code uses this
 * file.
 */

/** The first byte of an error response. */
export const errorResponseCommand = 8

/** `bytes`: undefined = a uint16 before the value contains its length. */
const token = { name: 'token', bytes: undefined } as const
const payload = { name: 'payload', bytes: undefined } as const
const identifier = { name: 'identifier', bytes: 4 } as const
const expiration = { name: 'expiration', bytes: 4 } as const
const priority = { name: 'priority', bytes: 1 } as const
const status = { name: 'status', bytes: 1 } as const
const timestamp = { name: 'timestamp', bytes: 4 } as const

type ItemFormat =
  typeof token | typeof payload | typeof identifier | typeof expiration | typeof priority
type ValueFormat = ItemFormat | typeof status | typeof timestamp

/**
 * Commands 0 and 1, after their first byte:
 *
 *     0: token length (2) | token | payload length (2) | payload
 *     1: identifier (4) | expiration (4) | token length (2) | token | payload length (2) | payload
 *
 * — source: Apple, "Legacy Notification Format", simple and enhanced
 */
export const commandFormats = {
  0: [token, payload],
  1: [identifier, expiration, token, payload],
} as const

/**
 * The items of command 2 by id, in any order; the decoder skips other ids. After the first byte:
 * `frame data length (4) | items`. Each item: `item id (1) | item data length (2) | item data`.
 * — source: Apple, "Binary Provider API"
 */
export const itemFormats: Readonly<Record<number, ItemFormat>> = {
  1: token,
  2: payload,
  3: identifier,
  4: expiration,
  5: priority,
}

/** Undefined for a field that is not the value of an item, or has any length. */
export function fixedBytes(name: FieldName): number | undefined {
  return Object.values(itemFormats).find((format) => format.name === name)?.bytes
}

/** Bytes of an item's id and data length. */
export const itemHeaderBytes = 3

/** Frame data of a frame that contains each item once, with the longest values. */
export const longestFrameBytes = Object.values(itemFormats).reduce(
  (sum, { bytes = 0xffff }) => sum + itemHeaderBytes + bytes,
  0,
)

/** One field of a message. */
export interface Field {
  readonly name: FieldName
  /** From the length field before it, or fixed; Infinity = the rest of the stream. */
  readonly bytes: number
}

/**
 * `rest`: the end of a frame after its last readable item. `unreadable`: the rest of the stream.
 */
export type FieldName =
  | 'command'
  | 'frame-length'
  | 'item-id'
  | 'item-length'
  | 'token-length'
  | 'payload-length'
  | ValueFormat['name']
  | 'unknown-item'
  | 'rest'
  | 'unreadable'

/** Follows a field after which the end of the message is unknown. */
export const unreadable: Field = { name: 'unreadable', bytes: Infinity }

/**
 * Yields the fields of one message. `next` expects the value of the last field, if that has 1 to 4
 * bytes.
 */
export type Fields = Generator<Field, undefined, number>

/**
 * A message of a sender: `command (1)`, and the fields of that command. Fields longer than the
 * decoder's limits are read to their end, so that the next message is found.
 */
export function* notificationFields(): Fields {
  const command = yield { name: 'command', bytes: 1 }
  if (command === 2) yield* frameFields()
  else if (command === 0 || command === 1) yield* valueFields(commandFormats[command])
  else yield unreadable
}

/** More than any sender writes into a frame; a frame can have 43,000 empty ones, which take a second. */
const mostItems = 2000

/** Command 2: `frame data length (4) | items`. */
function* frameFields(): Fields {
  let left = yield { name: 'frame-length', bytes: 4 }
  if (left > longestFrameBytes) yield unreadable
  for (let count = 0; left >= itemHeaderBytes && count < mostItems; count++) {
    const itemId = yield { name: 'item-id', bytes: 1 }
    const bytes = yield { name: 'item-length', bytes: 2 }
    left -= itemHeaderBytes
    if (bytes > left) {
      yield { name: 'rest', bytes: left }
      return undefined
    }
    yield { name: itemFormats[itemId]?.name ?? 'unknown-item', bytes }
    left -= bytes
  }
  if (left > 0) yield { name: 'rest', bytes: left }
}

/** A message of a gateway: `command (1) = 8 | status (1) | identifier (4)`. — source: Apple, "Binary Provider API", Figure A-2 */
export function* errorResponseFields(): Fields {
  const command = yield { name: 'command', bytes: 1 }
  if (command === errorResponseCommand) yield* valueFields([status, identifier])
  else yield unreadable
}

/** A message of the feedback service: `timestamp (4) | token length (2) | token`. — source: Apple, "Binary Provider API", Table A-2 */
export function* feedbackTupleFields(): Fields {
  yield* valueFields([timestamp, token])
}

function* valueFields(formats: readonly ValueFormat[]): Fields {
  for (const { name, bytes } of formats)
    yield { name, bytes: bytes ?? (yield { name: `${name}-length`, bytes: 2 }) }
}
