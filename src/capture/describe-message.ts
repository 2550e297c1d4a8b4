/** Describes a message as a JSON object: its values, or the first wrong byte. */
import { Decoder, type Received } from '../binary/decoder.ts'
import { decodeErrorResponse, errorResponseBytes } from '../binary/error-response.ts'
import { decodeFeedbackTuples } from '../binary/feedback-tuple.ts'
import type { FieldPart } from '../binary/field-scanner.ts'
import { BinaryProtocolError, refusalStatus } from '../binary/notification.ts'
import { statusCodeName } from '../binary/status-code.ts'
import { errorResponseCommand, type FieldName } from '../binary/wire-format.ts'
import { byteText, hexAround, refusalFault, streamFault, type Fault } from './fault.ts'

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
export interface BufferedBytes {
  readonly bytes: Buffer
  /** Offset of its first byte in the stream. */
  readonly start: number
}

/** A notification, error response or feedback tuple; only the last one may be incomplete. */
export interface Message {
  readonly fields: readonly FieldPart[]
  readonly isWhole: boolean
  /** Of its first byte in the stream. */
  readonly offset: number
  readonly length: number
  readonly buffered: BufferedBytes
}

/** One description, or two if a refused notification is incomplete. */
export function* describeNotification(
  message: Message,
  options: DescriptionOptions,
): Generator<Description> {
  const { offset, length } = message
  const decoder = new Decoder(options.maxPayloadBytes)
  decoder.receive(bytesOf(message))
  try {
    for (let one = decoder.next(); one !== undefined; one = decoder.next())
      yield { offset, length, ...resultOf(one, message, options), items: itemsOf(message, options) }
    decoder.end()
  } catch (error) {
    if (!(error instanceof BinaryProtocolError)) throw error
    yield unreadable(error.code, message, options)
  }
}

export function describeErrorResponse(message: Message): Description[] {
  const { offset, length } = message
  const bytes = bytesOf(message)
  if (!message.isWhole) {
    const fault = withContext(responseFault(bytes, offset), message, undefined)
    return [{ kind: 'unreadable', offset, length, fault }]
  }
  const { statusCode: status, identifier } = decodeErrorResponse(bytes)
  const meaning = statusCodeName(status)
  return [{ kind: 'error-response', offset, length, status, meaning, identifier }]
}

export function describeFeedbackTuple(
  message: Message,
  options: DescriptionOptions,
): Description[] {
  const { offset, length } = message
  const [tuple] = decodeFeedbackTuples(bytesOf(message)).tuples
  if (tuple === undefined) return [unreadable('truncated', message, options)]
  const { timestamp } = tuple
  const time = new Date(timestamp * 1000).toISOString()
  const token = options.mask === undefined ? tuple.token.toString('hex') : options.mask(tuple.token)
  return [{ kind: 'feedback-tuple', offset, length, timestamp, time, token }]
}

function bytesOf({ offset, length, buffered }: Message): Buffer {
  return buffered.bytes.subarray(offset - buffered.start, offset - buffered.start + length)
}

function resultOf(
  received: Received,
  message: Message,
  { maxPayloadBytes, mask }: DescriptionOptions,
): Pick<Description, 'kind'> & Readonly<Record<string, unknown>> {
  const { kind, command, identifier } = received
  if (kind === 'notification') return { kind, command, identifier }
  const { code } = received
  const status = refusalStatus[code]
  const fault = withContext(refusalFault(code, message.fields, maxPayloadBytes), message, mask)
  return { kind, command, identifier, code, status, meaning: statusCodeName(status), fault }
}

function unreadable(
  code: BinaryProtocolError['code'],
  message: Message,
  { mask }: DescriptionOptions,
): Description {
  const { fields, offset, length } = message
  const fault = withContext(streamFault(code, fields, offset + length), message, mask)
  return { kind: 'unreadable', offset, length, code, fault }
}

/** Omits the bytes around the fault if a mask is set: they may belong to a token or a payload. */
function withContext(
  fault: Fault,
  { buffered }: Message,
  mask: DescriptionOptions['mask'],
): Fault & { around?: string } {
  if (mask !== undefined) return fault
  return { ...fault, around: hexAround(buffered.bytes, fault.offset - buffered.start) }
}

function responseFault(bytes: Buffer, offset: number): Fault {
  const [first = 0] = bytes
  if (first !== errorResponseCommand)
    return { offset, expected: 'command 8, an error response', found: byteText(first) }
  const expected = `${errorResponseBytes} bytes of an error response`
  return { offset: offset + bytes.length, expected, found: `${bytes.length} bytes` }
}

/** The fields before a value. */
const itemHeads = new Set<FieldName>(['item-id', 'token-length', 'payload-length'])
const values = new Set<FieldName>([
  'identifier',
  'expiration',
  'priority',
  'token',
  'payload',
  'unknown-item',
])

/**
 * The values of a notification. `offset` is that of the item's header, `length` that of its data.
 */
function itemsOf({ fields }: Message, { mask }: DescriptionOptions): unknown[] {
  const items: unknown[] = []
  let head: FieldPart | undefined
  for (const field of fields) {
    if (itemHeads.has(field.name)) head = field
    if (!values.has(field.name)) continue
    const { name, offset, bytes: length } = field
    const id = head?.name === 'item-id' ? head.value : undefined
    items.push({ offset: head?.offset ?? offset, id, name, length, ...valueOf(field, mask) })
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
