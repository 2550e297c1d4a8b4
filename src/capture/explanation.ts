/** What bytes of the binary protocol say, piece by piece, with the offset of each. */
import { Decoder, type Received } from '../binary/decoder.ts'
import { decodeErrorResponse, errorResponseBytes } from '../binary/error-response.ts'
import { decodeFeedbackTuples } from '../binary/feedback-tuple.ts'
import { BinaryProtocolError, refusalStatus } from '../binary/notification.ts'
import { statusCodeName } from '../binary/status-code.ts'
import type { CapturedConnection, CapturedRecord } from './capture.ts'
import { hexAround, refusalFault, streamFault, type Fault } from './fault.ts'
import {
  placeFields,
  walkMessages,
  walkTuples,
  type FieldName,
  type FieldWalk,
  type PlacedField,
} from './field-walk.ts'

/** Which port a stream belongs to; `auto` looks at its first byte. */
export const services = ['auto', 'gateway', 'feedback'] as const

/** One of {@link services}. */
export type Service = (typeof services)[number]

/** How to explain. */
export interface ExplanationOptions {
  readonly service: Service
  /** What is longer is refused, as the gateway does. Default of a gateway: 4,096 bytes. */
  readonly maxPayloadBytes: number
  /** Shown instead of tokens, payloads and other bytes, where given. */
  readonly mask: ((secret: Buffer) => string) | undefined
}

/** A JSON object; `kind` tells which: notification, refused, error-response, feedback-tuple, unreadable. */
export interface Explanation extends Readonly<Record<string, unknown>> {
  readonly kind: 'notification' | 'refused' | 'error-response' | 'feedback-tuple' | 'unreadable'
  /** In what its side has written on this connection, from 0. */
  readonly offset: number
}

/** Both directions of a connection, in the order in which their pieces begin. */
export function explainConnection(
  { number, records }: CapturedConnection,
  options: ExplanationOptions,
): Explanation[] {
  const explained = (['sender', 'gateway'] as const).flatMap((from) => {
    const places = placesOf(records, from)
    const stream = Buffer.concat(places.map(({ bytes }) => bytes))
    return [...explainStream(stream, from, options)].map((explanation) => {
      const { record, offsetMs } =
        places.findLast(({ start }) => start <= explanation.offset) ?? nowhere
      return { connection: number, from, record, ms: offsetMs, ...explanation }
    })
  })
  return explained.sort((one, other) => one.record - other.record)
}

const nowhere = { record: 0, offsetMs: undefined }

/** The records of one side: their number among those of both, from 1, and where they begin. */
function placesOf(
  records: readonly CapturedRecord[],
  side: CapturedRecord['from'],
): (CapturedRecord & { record: number; start: number })[] {
  let next = 0
  return records.flatMap((captured, index) => {
    if (captured.from !== side) return []
    const start = next
    next += captured.bytes.length
    return [{ ...captured, record: index + 1, start }]
  })
}

/** One direction; undefined where nobody knows which. Nothing follows what is `unreadable`. */
export function explainStream(
  stream: Buffer,
  from: CapturedRecord['from'] | undefined,
  options: ExplanationOptions,
): Iterable<Explanation> {
  if (from === 'sender') return explainMessages(stream, options)
  const isResponse = stream[0] === 8
  const isTuple = options.service === 'feedback' || looksLikeTuple(stream, options.service)
  if (isTuple) return explainTuples(stream, options)
  if (isResponse || from === 'gateway') return explainResponses(stream)
  return explainMessages(stream, options)
}

/** Tuples begin with UNIX seconds: 0x49 since 2008, when the protocol began, and 0x7f until 2038. */
function looksLikeTuple([first = 0]: Buffer, service: Service): boolean {
  return service === 'auto' && first >= 0x49 && first <= 0x7f
}

function* explainMessages(stream: Buffer, options: ExplanationOptions): Generator<Explanation> {
  const decoder = new Decoder(options.maxPayloadBytes)
  let fields: PlacedField[] = []
  try {
    for (fields of groups(stream, walkMessages(), 'command')) {
      const offset = fields[0]?.offset ?? 0
      const length = lengthOf(fields)
      decoder.receive(stream.subarray(offset, offset + length))
      // A refused message is skipped to its end by the call behind the one that tells of it.
      for (let one = decoder.next(); one !== undefined; one = decoder.next())
        yield {
          offset,
          length,
          ...about(one, stream, fields, options),
          ...items(fields, options),
        }
    }
    decoder.end()
  } catch (error) {
    if (!(error instanceof BinaryProtocolError)) throw error
    yield unreadable(stream, error.code, fields, options)
  }
}

/** The fields of each message or tuple, which begins with the field `first`. */
function* groups(
  stream: Buffer,
  walk: FieldWalk,
  first: 'command' | 'timestamp',
): Generator<PlacedField[]> {
  let fields: PlacedField[] = []
  for (const field of placeFields(stream, walk)) {
    if (field.name === first && fields.length > 0) {
      yield fields
      fields = []
    }
    fields.push(field)
  }
  if (fields.length > 0) yield fields
}

function lengthOf(fields: readonly PlacedField[]): number {
  return fields.reduce((sum, { content }) => sum + content.length, 0)
}

function about(
  received: Received,
  stream: Buffer,
  fields: readonly PlacedField[],
  { maxPayloadBytes, mask }: ExplanationOptions,
): Pick<Explanation, 'kind'> & Readonly<Record<string, unknown>> {
  const { kind, command, identifier } = received
  if (kind === 'notification') return { kind, command, identifier }
  const { code } = received
  const status = refusalStatus[code]
  const fault = shown(refusalFault(code, fields, maxPayloadBytes), stream, mask)
  return { kind, command, identifier, code, status, meaning: statusCodeName(status), fault }
}

function unreadable(
  stream: Buffer,
  code: BinaryProtocolError['code'],
  fields: readonly PlacedField[],
  { mask }: ExplanationOptions,
): Explanation {
  const offset = fields[0]?.offset ?? 0
  const fault = shown(streamFault(code, fields, stream.length), stream, mask)
  return { kind: 'unreadable', offset, length: stream.length - offset, code, fault }
}

/** The bytes around may be those of a token or a payload. */
function shown(
  fault: Fault,
  stream: Buffer,
  mask: ExplanationOptions['mask'],
): Fault & { around?: string } {
  return mask === undefined ? { ...fault, around: hexAround(stream, fault.offset) } : fault
}

const heads = new Set<FieldName>(['item-id', 'token-length', 'payload-length'])
const structure = new Set<FieldName>([
  'command',
  'frame-length',
  'item-length',
  'rest',
  'unreadable',
])

/** What a message carries; each `offset` is that of the item's head, each `length` that of its data. */
function items(fields: readonly PlacedField[], { mask }: ExplanationOptions): { items: unknown[] } {
  const found: unknown[] = []
  let head: number | undefined
  let id: number | undefined
  for (const field of fields) {
    if (heads.has(field.name)) head = field.offset
    if (field.name === 'item-id') id = field.content[0]
    if (heads.has(field.name) || structure.has(field.name)) continue
    const offset = head ?? field.offset
    found.push({ offset, id, name: field.name, length: field.bytes, ...valueOf(field, mask) })
    head = undefined
  }
  return { items: found }
}

function valueOf(
  { name, bytes, content }: PlacedField,
  mask: ExplanationOptions['mask'],
): Record<string, unknown> {
  const isNumber = name === 'identifier' || name === 'expiration' || name === 'priority'
  if (isNumber && content.length === bytes && bytes >= 1 && bytes <= 4)
    return { value: content.readUIntBE(0, bytes) }
  if (mask !== undefined) return { masked: mask(content) }
  const text = name === 'payload' ? jsonText(content) : undefined
  return text === undefined ? { hex: content.toString('hex') } : { text }
}

/** Undefined for what is not JSON in UTF-8. */
function jsonText(bytes: Buffer): string | undefined {
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
    JSON.parse(text)
    return text
  } catch {
    return undefined
  }
}

function* explainResponses(stream: Buffer): Generator<Explanation> {
  for (let offset = 0; offset < stream.length; offset += errorResponseBytes) {
    const bytes = stream.subarray(offset, offset + errorResponseBytes)
    const fault = responseFault(bytes, offset)
    if (fault !== undefined) {
      const around = hexAround(stream, fault.offset)
      yield {
        kind: 'unreadable',
        offset,
        length: stream.length - offset,
        fault: { ...fault, around },
      }
      return
    }
    const { statusCode: status, identifier } = decodeErrorResponse(bytes)
    const meaning = statusCodeName(status)
    yield {
      kind: 'error-response',
      offset,
      length: errorResponseBytes,
      status,
      meaning,
      identifier,
    }
  }
}

function responseFault(bytes: Buffer, offset: number): Fault | undefined {
  const [first = 0] = bytes
  if (first !== 8)
    return {
      offset,
      expected: 'command 8, an error response',
      found: `byte 0x${first.toString(16).padStart(2, '0')}`,
    }
  if (bytes.length === errorResponseBytes) return undefined
  const expected = `${errorResponseBytes} bytes of an error response`
  return { offset: offset + bytes.length, expected, found: `${bytes.length} bytes` }
}

function* explainTuples(stream: Buffer, options: ExplanationOptions): Generator<Explanation> {
  const { mask } = options
  for (const fields of groups(stream, walkTuples(), 'timestamp')) {
    const offset = fields[0]?.offset ?? 0
    const length = lengthOf(fields)
    const [tuple] = decodeFeedbackTuples(stream.subarray(offset, offset + length)).tuples
    if (tuple === undefined) {
      yield unreadable(stream, 'truncated', fields, options)
      return
    }
    const { timestamp } = tuple
    const time = new Date(timestamp * 1000).toISOString()
    const token = mask === undefined ? tuple.token.toString('hex') : mask(tuple.token)
    yield { kind: 'feedback-tuple', offset, length, timestamp, time, token }
  }
}
