/** Describes a source as it comes: piece after piece, and no more of it in memory than the last one. */
import { FieldReader, type FieldPart } from '../binary/field-reader.ts'
import {
  errorResponseCommand,
  errorResponseFields,
  feedbackTupleFields,
  notificationFields,
  type Fields,
} from '../binary/wire-format.ts'
import type { CapturedRecord } from './capture.ts'
import type { SourcePart } from './capture-source.ts'
import {
  describeErrorResponse,
  describeFeedbackTuple,
  describeNotification,
  type Description,
  type DescriptionOptions,
  type Extract,
  type Piece,
} from './description.ts'

/** Which port a stream belongs to; `auto` tells by its first byte. */
export type Service = 'auto' | 'gateway' | 'feedback'

/** How to describe. */
export interface DescriberOptions extends DescriptionOptions {
  readonly service: Service
}

/** Describes what a {@link SourceReader} reads, part by part. */
export class SourceDescriber {
  readonly #options: DescriberOptions
  readonly #stream: StreamDescriber
  readonly #connections = new Map<number, ConnectionDescriber>()

  constructor(options: DescriberOptions) {
    this.#options = options
    this.#stream = new StreamDescriber(undefined, options)
  }

  /** What is whole with this part. */
  receive(part: SourcePart): Iterable<Description> {
    if (part.kind === 'bytes') return this.#stream.receive(part.bytes)
    const { number } = part.connection
    const describer =
      this.#connections.get(number) ?? new ConnectionDescriber(number, this.#options)
    this.#connections.set(number, describer)
    return part.record === undefined ? [] : describer.receive(part.record)
  }

  /** What breaks off at the end. */
  *end(): Generator<Description> {
    for (const describer of [this.#stream, ...this.#connections.values()]) yield* describer.end()
  }
}

/** A record in which the first piece that is not whole may begin. */
interface Place {
  readonly record: number
  readonly ms: number | undefined
  /** Offset of its first byte. */
  readonly start: number
}

/** Describes the records of a connection, both directions, as their pieces become whole. */
class ConnectionDescriber {
  readonly #number: number
  readonly #options: DescriberOptions
  readonly #sides = new Map<
    CapturedRecord['from'],
    { readonly describer: StreamDescriber; places: Place[] }
  >()
  #records = 0

  constructor(number: number, options: DescriberOptions) {
    this.#number = number
    this.#options = options
  }

  /** What is whole with this record. */
  *receive({ from, offsetMs, bytes }: CapturedRecord): Generator<Description> {
    const side = this.#sides.get(from) ?? {
      describer: new StreamDescriber(from, this.#options),
      places: [],
    }
    this.#sides.set(from, side)
    const { describer } = side
    side.places.push({ record: ++this.#records, ms: offsetMs, start: describer.receivedBytes })
    for (const one of describer.receive(bytes)) yield this.#placed(from, side.places, one)
    const current = side.places.findLastIndex(({ start }) => start <= describer.describedBytes)
    side.places = side.places.slice(Math.max(0, current))
  }

  /** What breaks off at the end. */
  *end(): Generator<Description> {
    for (const [from, { describer, places }] of this.#sides)
      for (const one of describer.end()) yield this.#placed(from, places, one)
  }

  #placed(
    from: CapturedRecord['from'],
    places: readonly Place[],
    description: Description,
  ): Description {
    const place = places.findLast(({ start }) => start <= description.offset)
    const { record, ms } = place ?? { record: 0, ms: undefined }
    return { connection: this.#number, from, record, ms, ...description }
  }
}

/** Shown around a fault, and so kept in front of the first piece that is not whole. */
const contextBytes = 8
/** Enough to show of what is unreadable. */
const unreadableBytes = 64

/** Describes one direction. Nothing follows what is `unreadable`. */
export class StreamDescriber {
  readonly #from: CapturedRecord['from'] | undefined
  readonly #options: DescriberOptions
  #extract: Extract = { bytes: Buffer.alloc(0), start: 0 }
  #format: StreamFormat | undefined
  #describedBytes = 0
  #receivedBytes = 0
  #unreadable: Description | undefined

  /** @param from undefined where nobody knows which side has written it */
  constructor(from: CapturedRecord['from'] | undefined, options: DescriberOptions) {
    this.#from = from
    this.#options = options
  }

  get receivedBytes(): number {
    return this.#receivedBytes
  }

  /** Where the first piece begins that is not described yet. */
  get describedBytes(): number {
    return this.#describedBytes
  }

  /** What is whole with these bytes. */
  *receive(bytes: Buffer): Generator<Description> {
    this.#receivedBytes += bytes.length
    if (this.#unreadable !== undefined || bytes.length === 0) return
    const start = Math.max(this.#extract.start, this.#describedBytes - contextBytes)
    const held = this.#extract.bytes.subarray(start - this.#extract.start)
    this.#extract = { bytes: Buffer.concat([held, bytes]), start }
    yield* this.#describe({ isEnd: false })
  }

  /** What is not whole, or cannot be read. */
  *end(): Generator<Description> {
    if (this.#unreadable === undefined) yield* this.#describe({ isEnd: true })
    if (this.#unreadable === undefined) return
    yield { ...this.#unreadable, length: this.#receivedBytes - this.#unreadable.offset }
  }

  *#describe({ isEnd }: { readonly isEnd: boolean }): Generator<Description> {
    const { bytes, start } = this.#extract
    const first = bytes[this.#describedBytes - start]
    this.#format ??= formats[serviceOf(first, this.#from, this.#options.service)]
    const { fields, describe } = this.#format
    for (const piece of piecesOf(this.#extract, this.#describedBytes, fields)) {
      if (!piece.isWhole && !isEnd && !isHopeless(piece)) return
      for (const description of describe(piece, this.#options)) {
        if (description.kind !== 'unreadable') yield description
        else this.#unreadable = description
      }
      if (this.#unreadable !== undefined) return
      this.#describedBytes = piece.offset + piece.length
    }
  }
}

interface StreamFormat {
  readonly fields: () => Fields
  readonly describe: (piece: Piece, options: DescriptionOptions) => Iterable<Description>
}

const formats = {
  sender: { fields: notificationFields, describe: describeNotification },
  gateway: { fields: errorResponseFields, describe: describeErrorResponse },
  feedback: { fields: feedbackTupleFields, describe: describeFeedbackTuple },
} satisfies Record<string, StreamFormat>

/** Who has written a stream, by its first byte where nothing else tells. */
function serviceOf(
  first = 0,
  from: CapturedRecord['from'] | undefined,
  service: Service,
): keyof typeof formats {
  if (from === 'sender') return 'sender'
  // Tuples begin with UNIX seconds: 0x49 since 2008, when the protocol began, and 0x7f until 2038.
  const looksLikeTuple = service === 'auto' && first >= 0x49 && first <= 0x7f
  if (service === 'feedback' || looksLikeTuple) return 'feedback'
  return first === errorResponseCommand || from === 'gateway' ? 'gateway' : 'sender'
}

function* piecesOf(extract: Extract, offset: number, fields: () => Fields): Generator<Piece> {
  const bytes = extract.bytes.subarray(offset - extract.start)
  let parts: FieldPart[] = []
  for (const part of new FieldReader(fields, offset).read(bytes)) {
    parts.push(part)
    if (!part.isLast) continue
    yield pieceOf(parts, extract)
    parts = []
  }
  if (parts.length > 0) yield pieceOf(parts, extract)
}

function pieceOf(fields: readonly FieldPart[], extract: Extract): Piece {
  const length = fields.reduce((sum, { content }) => sum + content.length, 0)
  const isWhole = fields.at(-1)?.isLast === true
  return { fields, isWhole, offset: fields[0]?.offset ?? 0, length, extract }
}

/** Unreadable whatever else comes, with enough bytes to show. */
function isHopeless({ fields, length }: Piece): boolean {
  return fields.at(-1)?.name === 'unreadable' && length >= unreadableBytes
}
