/** What a piece of a stream says, as a JSON object: its values, or the byte at which it is at fault. */
import { Decoder, type Received } from '../binary/decoder.ts'
import { decodeErrorResponse, errorResponseBytes } from '../binary/error-response.ts'
import { decodeFeedbackTuples } from '../binary/feedback-tuple.ts'
import type { FieldPart } from '../binary/field-reader.ts'
import { BinaryProtocolError, refusalStatus } from '../binary/notification.ts'
import { statusCodeName } from '../binary/status-code.ts'
import { errorResponseCommand, type FieldName } from '../binary/wire-format.ts'
import { hexAround, refusalFault, streamFault, type Fault } from './fault.ts'

/** What a description depends on beside the bytes. */
export interface DescriptionOptions {
  /** Longer payloads are refused, as the gateway does. Default of a gateway: 4,096 bytes. */
  readonly maxPayloadBytes: number
  /** Shown instead of tokens, payloads and other bytes, where given. */
  readonly mask: ((secret: Buffer) => string) | undefined
}

/** A JSON object with further values. */
export interface Description extends Readonly<Record<string, unknown>> {
  readonly kind: 'notification' | 'refused' | 'error-response' | 'feedback-tuple' | 'unreadable'
  /** In what its side has written on this connection, from 0. */
  readonly offset: number
}

/** The part of a stream that is in memory. */
export interface Extract {
  readonly bytes: Buffer
  /** Offset of its first byte in the stream. */
  readonly start: number
}

/** A notification, error response or feedback tuple; whole, or the last of its stream. */
export interface Piece {
  readonly fields: readonly FieldPart[]
  readonly isWhole: boolean
  /** In the stream. */
  readonly offset: number
  readonly length: number
  readonly extract: Extract
}

/** What the decoder says of a notification; more than one object where a refused one breaks off. */
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

/** An error response of a gateway. */
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

/** A tuple of the feedback service. */
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

/** The bytes around may be those of a token or a payload, so a mask leaves them out. */
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

/** What a notification carries; each `offset` is that of the item's head, each `length` that of its data. */
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

/** Undefined for what is not JSON in UTF-8. */
function jsonText(bytes: Buffer): string | undefined {
  try {
    const text = utf8.decode(bytes)
    JSON.parse(text)
    return text
  } catch {
    return undefined
  }
}
