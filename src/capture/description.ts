/** Describes a message as a JSON object: its values, or the first wrong byte. */
import { Decoder, type Received } from '../binary/decoder.ts'
import { decodeErrorResponse, errorResponseBytes } from '../binary/error-response.ts'
import { decodeFeedbackTuples } from '../binary/feedback-tuple.ts'
import type { FieldPart } from '../binary/field-reader.ts'
import { BinaryProtocolError, refusalStatus } from '../binary/notification.ts'
import { statusCodeName } from '../binary/status-code.ts'
import { errorResponseCommand, type FieldName } from '../binary/wire-format.ts'
import { hexAround, refusalFault, streamFault, type Fault } from './fault.ts'

export interface DescriptionOptions {
  /** Longer payloads are described as refused. Default of a gateway: 4,096 bytes. */
  readonly maxPayloadBytes: number
  /** Replaces tokens, payloads and other bytes; undefined = shown as they are. */
  readonly mask: ((secret: Buffer) => string) | undefined
}

/** A JSON object; the other values depend on `kind`. */
export interface Description extends Readonly<Record<string, unknown>> {
  readonly kind: 'notification' | 'refused' | 'error-response' | 'feedback-tuple' | 'unreadable'
  /** In the bytes that the same side has written on the connection, from 0. */
  readonly offset: number
}

/** The part of a stream that is in memory. */
export interface Extract {
  readonly bytes: Buffer
  /** Offset of its first byte in the stream. */
  readonly start: number
}

/** A notification, error response or feedback tuple; only the last one may be incomplete. */
export interface Piece {
  readonly fields: readonly FieldPart[]
  readonly isWhole: boolean
  /** Of its first byte in the stream. */
  readonly offset: number
  readonly length: number
  readonly extract: Extract
}

/** One description, or two if a refused notification is incomplete. */
export function* describeNotification(
  piece: Piece,
  options: DescriptionOptions,
): Generator<Description> {
  const { offset, length } = piece
  const decoder = new Decoder(options.maxPayloadBytes)
  decoder.receive(bytesOf(piece))
  try {
    for (let one = decoder.next(); one !== undefined; one = decoder.next())
      yield { offset, length, ...verdict(one, piece, options), items: itemsOf(piece, options) }
    decoder.end()
  } catch (error) {
    if (!(error instanceof BinaryProtocolError)) throw error
    yield unreadable(error.code, piece, options)
  }
}

export function* describeErrorResponse(piece: Piece): Generator<Description> {
  const { offset, length } = piece
  const bytes = bytesOf(piece)
  if (!piece.isWhole) {
    const fault = located(responseFault(bytes, offset), piece, undefined)
    yield { kind: 'unreadable', offset, length, fault }
    return
  }
  const { statusCode: status, identifier } = decodeErrorResponse(bytes)
  const meaning = statusCodeName(status)
  yield { kind: 'error-response', offset, length, status, meaning, identifier }
}

export function* describeFeedbackTuple(
  piece: Piece,
  options: DescriptionOptions,
): Generator<Description> {
  const { offset, length } = piece
  const [tuple] = decodeFeedbackTuples(bytesOf(piece)).tuples
  if (tuple === undefined) {
    yield unreadable('truncated', piece, options)
    return
  }
  const { timestamp } = tuple
  const time = new Date(timestamp * 1000).toISOString()
  const token = options.mask === undefined ? tuple.token.toString('hex') : options.mask(tuple.token)
  yield { kind: 'feedback-tuple', offset, length, timestamp, time, token }
}

function bytesOf({ offset, length, extract }: Piece): Buffer {
  return extract.bytes.subarray(offset - extract.start, offset - extract.start + length)
}

function verdict(
  received: Received,
  piece: Piece,
  { maxPayloadBytes, mask }: DescriptionOptions,
): Pick<Description, 'kind'> & Readonly<Record<string, unknown>> {
  const { kind, command, identifier } = received
  if (kind === 'notification') return { kind, command, identifier }
  const { code } = received
  const status = refusalStatus[code]
  const fault = located(refusalFault(code, piece.fields, maxPayloadBytes), piece, mask)
  return { kind, command, identifier, code, status, meaning: statusCodeName(status), fault }
}

function unreadable(
  code: BinaryProtocolError['code'],
  piece: Piece,
  { mask }: DescriptionOptions,
): Description {
  const { fields, offset, length } = piece
  const fault = located(streamFault(code, fields, offset + length), piece, mask)
  return { kind: 'unreadable', offset, length, code, fault }
}

/** Omits the bytes around the fault if a mask is set: they may belong to a token or a payload. */
function located(
  fault: Fault,
  { extract }: Piece,
  mask: DescriptionOptions['mask'],
): Fault & { around?: string } {
  if (mask !== undefined) return fault
  return { ...fault, around: hexAround(extract.bytes, fault.offset - extract.start) }
}

function responseFault(bytes: Buffer, offset: number): Fault {
  const [first = 0] = bytes
  if (first !== errorResponseCommand)
    return {
      offset,
      expected: 'command 8, an error response',
      found: `byte 0x${first.toString(16).padStart(2, '0')}`,
    }
  const expected = `${errorResponseBytes} bytes of an error response`
  return { offset: offset + bytes.length, expected, found: `${bytes.length} bytes` }
}

const heads = new Set<FieldName>(['item-id', 'token-length', 'payload-length'])
const structure = new Set<FieldName>([
  'command',
  'frame-length',
  'item-length',
  'rest',
  'unreadable',
])

/**
 * The values of a notification. `offset` is that of the item's header, `length` that of its data.
 */
function itemsOf({ fields }: Piece, { mask }: DescriptionOptions): unknown[] {
  const items: unknown[] = []
  let head: number | undefined
  let id: number | undefined
  for (const field of fields) {
    if (heads.has(field.name)) head = field.offset
    if (field.name === 'item-id') id = field.content[0]
    if (heads.has(field.name) || structure.has(field.name)) continue
    const offset = head ?? field.offset
    items.push({ offset, id, name: field.name, length: field.bytes, ...valueOf(field, mask) })
    head = undefined
  }
  return items
}

function valueOf(
  { name, bytes, content, isWhole, value }: FieldPart,
  mask: DescriptionOptions['mask'],
): Record<string, unknown> {
  const isNumber = name === 'identifier' || name === 'expiration' || name === 'priority'
  if (isNumber && isWhole && bytes >= 1 && bytes <= 4) return { value }
  if (mask !== undefined) return { masked: mask(content) }
  const text = name === 'payload' ? jsonText(content) : undefined
  return text === undefined ? { hex: content.toString('hex') } : { text }
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Undefined if the bytes are not JSON in UTF-8. */
function jsonText(bytes: Buffer): string | undefined {
  try {
    const text = utf8.decode(bytes)
    JSON.parse(text)
    return text
  } catch {
    return undefined
  }
}
