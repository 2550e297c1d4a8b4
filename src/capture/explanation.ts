/** What bytes of the binary protocol say, piece by piece, with the offset of each. */
import { Decoder, type Received } from '../binary/decoder.ts'
import {
  decodeErrorResponse,
  errorResponseBytes,
  errorResponseCommand,
} from '../binary/error-response.ts'
import { decodeFeedbackTuples } from '../binary/feedback-tuple.ts'
import { BinaryProtocolError, refusalStatus } from '../binary/notification.ts'
import { statusCodeName } from '../binary/status-code.ts'
import type { CapturedConnection, CapturedRecord } from './capture.ts'
import type { SourcePart } from './capture-source.ts'
import { hexAround, refusalFault, streamFault, type Fault } from './fault.ts'
import {
  placeFields,
  walkMessages,
  walkResponses,
  walkTuples,
  type FieldName,
  type FieldWalk,
  type PlacedField,
} from './field-walk.ts'

/** Which port a stream belongs to; `auto` looks at its first byte. */
export type Service = 'auto' | 'gateway' | 'feedback'

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

/** Both directions of a connection, as their pieces become whole. */
export function explainConnection(
  { number, records }: CapturedConnection,
  options: ExplanationOptions,
): Explanation[] {
  const explainer = new ConnectionExplainer(number, options)
  return [...records.flatMap((record) => [...explainer.receive(record)]), ...explainer.end()]
}

/** One direction; undefined where nobody knows which. Nothing follows what is `unreadable`. */
export function explainStream(
  stream: Buffer,
  from: CapturedRecord['from'] | undefined,
  options: ExplanationOptions,
): Explanation[] {
  const explainer = new StreamExplainer(from, options)
  return [...explainer.receive(stream), ...explainer.end()]
}

/** Explains what a {@link SourceReader} reads, part by part. */
export class SourceExplainer {
  readonly #options: ExplanationOptions
  readonly #stream: StreamExplainer
  readonly #connections = new Map<number, ConnectionExplainer>()

  constructor(options: ExplanationOptions) {
    this.#options = options
    this.#stream = new StreamExplainer(undefined, options)
  }

  /** What is whole with this part. */
  receive(part: SourcePart): Iterable<Explanation> {
    if (part.kind === 'bytes') return this.#stream.receive(part.bytes)
    const { number } = part.connection
    const explainer =
      this.#connections.get(number) ?? new ConnectionExplainer(number, this.#options)
    this.#connections.set(number, explainer)
    return part.record === undefined ? [] : explainer.receive(part.record)
  }

  /** What breaks off at the end. */
  *end(): Generator<Explanation> {
    for (const explainer of [this.#stream, ...this.#connections.values()]) yield* explainer.end()
  }
}

/** A record of which a piece that is not whole yet may be. */
interface Place {
  readonly record: number
  readonly ms: number | undefined
  /** Offset of its first byte. */
  readonly start: number
}

/** Explains the records of a connection one by one; keeps no more than what is not whole yet. */
export class ConnectionExplainer {
  readonly #number: number
  readonly #options: ExplanationOptions
  readonly #sides = new Map<
    CapturedRecord['from'],
    { readonly explainer: StreamExplainer; places: Place[] }
  >()
  #records = 0

  constructor(number: number, options: ExplanationOptions) {
    this.#number = number
    this.#options = options
  }

  /** What is whole with this record. */
  *receive({ from, offsetMs, bytes }: CapturedRecord): Generator<Explanation> {
    const side = this.#sides.get(from) ?? {
      explainer: new StreamExplainer(from, this.#options),
      places: [],
    }
    this.#sides.set(from, side)
    const { explainer } = side
    side.places.push({ record: ++this.#records, ms: offsetMs, start: explainer.receivedBytes })
    for (const one of explainer.receive(bytes)) yield this.#placed(from, side.places, one)
    const current = side.places.findLastIndex(({ start }) => start <= explainer.explainedBytes)
    side.places = side.places.slice(Math.max(0, current))
  }

  /** What breaks off at the end. */
  *end(): Generator<Explanation> {
    for (const [from, { explainer, places }] of this.#sides)
      for (const one of explainer.end()) yield this.#placed(from, places, one)
  }

  #placed(
    from: CapturedRecord['from'],
    places: readonly Place[],
    explanation: Explanation,
  ): Explanation {
    const place = places.findLast(({ start }) => start <= explanation.offset)
    const { record, ms } = place ?? { record: 0, ms: undefined }
    return { connection: this.#number, from, record, ms, ...explanation }
  }
}

/** What of a stream is at hand. */
interface Extract {
  readonly bytes: Buffer
  /** Offset of its first byte in the stream. */
  readonly start: number
  /** Bytes of the stream so far. */
  readonly end: number
}

/** What the fields of a message or tuple say; the last one may not be whole. */
interface Piece {
  readonly fields: readonly PlacedField[]
  readonly isWhole: boolean
  /** In the stream. */
  readonly offset: number
  readonly length: number
}

/** Shown around a fault, and so kept in front of what is not explained yet. */
const contextBytes = 8
/** From its beginning; whatever follows an unreadable piece says nothing. */
const unreadableBytes = 64

/** Explains a stream as it comes; keeps no more of it than the piece that is not whole yet. */
export class StreamExplainer {
  readonly #from: CapturedRecord['from'] | undefined
  readonly #options: ExplanationOptions
  #extract: Omit<Extract, 'end'> = { bytes: Buffer.alloc(0), start: 0 }
  #kind: Kind | undefined
  #explained = 0
  #received = 0
  #unreadable: Explanation | undefined

  /** @param from undefined where nobody knows which side has written it */
  constructor(from: CapturedRecord['from'] | undefined, options: ExplanationOptions) {
    this.#from = from
    this.#options = options
  }

  get receivedBytes(): number {
    return this.#received
  }

  /** Where the first piece begins of which nothing has been said. */
  get explainedBytes(): number {
    return this.#explained
  }

  /** What is whole with these bytes. */
  *receive(bytes: Buffer): Generator<Explanation> {
    this.#received += bytes.length
    if (this.#unreadable !== undefined || bytes.length === 0) return
    const kept = Math.max(this.#extract.start, this.#explained - contextBytes)
    const held = this.#extract.bytes.subarray(kept - this.#extract.start)
    this.#extract = { bytes: Buffer.concat([held, bytes]), start: kept }
    yield* this.#explain({ isEnd: false })
  }

  /** What is not whole, or cannot be read: nothing follows it. */
  *end(): Generator<Explanation> {
    if (this.#unreadable === undefined) yield* this.#explain({ isEnd: true })
    if (this.#unreadable === undefined) return
    yield { ...this.#unreadable, length: this.#received - this.#unreadable.offset }
  }

  *#explain({ isEnd }: { readonly isEnd: boolean }): Generator<Explanation> {
    const { bytes, start } = this.#extract
    const rest = bytes.subarray(this.#explained - start)
    this.#kind ??= kindOf(rest, this.#from, this.#options.service)
    for (const piece of piecesOf(rest, walks[this.#kind](), this.#explained)) {
      if (!piece.isWhole && !isEnd && !isHopeless(piece)) return
      const about = explain[this.#kind](
        piece,
        { ...this.#extract, end: this.#received },
        this.#options,
      )
      for (const explanation of about) {
        if (explanation.kind !== 'unreadable') yield explanation
        else this.#unreadable = explanation
      }
      if (this.#unreadable !== undefined) return
      this.#explained = piece.offset + piece.length
    }
  }
}

type Kind = 'messages' | 'responses' | 'tuples'

const walks: Readonly<Record<Kind, () => FieldWalk>> = {
  messages: walkMessages,
  responses: walkResponses,
  tuples: walkTuples,
}

const explain: Readonly<
  Record<
    Kind,
    (piece: Piece, extract: Extract, options: ExplanationOptions) => Iterable<Explanation>
  >
> = {
  messages: explainMessage,
  responses: explainResponse,
  tuples: explainTuple,
}

function kindOf(
  [first = 0]: Buffer,
  from: CapturedRecord['from'] | undefined,
  service: Service,
): Kind {
  if (from === 'sender') return 'messages'
  // Tuples begin with UNIX seconds: 0x49 since 2008, when the protocol began, and 0x7f until 2038.
  const looksLikeTuple = service === 'auto' && first >= 0x49 && first <= 0x7f
  if (service === 'feedback' || looksLikeTuple) return 'tuples'
  return first === errorResponseCommand || from === 'gateway' ? 'responses' : 'messages'
}

function* piecesOf(bytes: Buffer, walk: FieldWalk, start: number): Generator<Piece> {
  let fields: PlacedField[] = []
  for (const field of placeFields(bytes, walk, start)) {
    fields.push(field)
    if (!field.isLast) continue
    yield pieceOf(fields, true)
    fields = []
  }
  if (fields.length > 0) yield pieceOf(fields, false)
}

function pieceOf(fields: readonly PlacedField[], isWhole: boolean): Piece {
  const length = fields.reduce((sum, { content }) => sum + content.length, 0)
  return { fields, isWhole, offset: fields[0]?.offset ?? 0, length }
}

/** Whatever else comes: it cannot be read, and there is enough of it to be shown. */
function isHopeless({ fields, length }: Piece): boolean {
  return fields.at(-1)?.name === 'unreadable' && length >= unreadableBytes
}

function bytesOf({ offset, length }: Piece, { bytes, start }: Extract): Buffer {
  return bytes.subarray(offset - start, offset - start + length)
}

function* explainMessage(
  piece: Piece,
  extract: Extract,
  options: ExplanationOptions,
): Generator<Explanation> {
  const { offset, length } = piece
  const decoder = new Decoder(options.maxPayloadBytes)
  decoder.receive(bytesOf(piece, extract))
  try {
    // A refused message is skipped to its end by the call behind the one that tells of it.
    for (let one = decoder.next(); one !== undefined; one = decoder.next())
      yield { offset, length, ...about(one, piece, extract, options), ...items(piece, options) }
    decoder.end()
  } catch (error) {
    if (!(error instanceof BinaryProtocolError)) throw error
    yield unreadable(error.code, piece, extract, options)
  }
}

function about(
  received: Received,
  { fields }: Piece,
  extract: Extract,
  { maxPayloadBytes, mask }: ExplanationOptions,
): Pick<Explanation, 'kind'> & Readonly<Record<string, unknown>> {
  const { kind, command, identifier } = received
  if (kind === 'notification') return { kind, command, identifier }
  const { code } = received
  const status = refusalStatus[code]
  const fault = shown(refusalFault(code, fields, maxPayloadBytes), extract, mask)
  return { kind, command, identifier, code, status, meaning: statusCodeName(status), fault }
}

function unreadable(
  code: BinaryProtocolError['code'],
  { fields, offset, length }: Piece,
  extract: Extract,
  { mask }: ExplanationOptions,
): Explanation {
  const fault = shown(streamFault(code, fields, extract.end), extract, mask)
  return { kind: 'unreadable', offset, length, code, fault }
}

/** The bytes around may be those of a token or a payload. */
function shown(
  fault: Fault,
  { bytes, start }: Extract,
  mask: ExplanationOptions['mask'],
): Fault & { around?: string } {
  return mask === undefined ? { ...fault, around: hexAround(bytes, fault.offset - start) } : fault
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
function items({ fields }: Piece, { mask }: ExplanationOptions): { items: unknown[] } {
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

function* explainResponse(piece: Piece, extract: Extract): Generator<Explanation> {
  const { offset, length } = piece
  const bytes = bytesOf(piece, extract)
  if (!piece.isWhole) {
    const fault = shown(responseFault(bytes, offset), extract, undefined)
    yield { kind: 'unreadable', offset, length, fault }
    return
  }
  const { statusCode: status, identifier } = decodeErrorResponse(bytes)
  const meaning = statusCodeName(status)
  yield { kind: 'error-response', offset, length, status, meaning, identifier }
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

function* explainTuple(
  piece: Piece,
  extract: Extract,
  options: ExplanationOptions,
): Generator<Explanation> {
  const { offset, length } = piece
  const [tuple] = decodeFeedbackTuples(bytesOf(piece, extract)).tuples
  if (tuple === undefined) {
    yield unreadable('truncated', piece, extract, options)
    return
  }
  const { timestamp } = tuple
  const time = new Date(timestamp * 1000).toISOString()
  const token = options.mask === undefined ? tuple.token.toString('hex') : options.mask(tuple.token)
  yield { kind: 'feedback-tuple', offset, length, timestamp, time, token }
}
