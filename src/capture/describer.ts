/** Describes a source message by message; stores the current message only. */
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
  type BufferedBytes,
  type Message,
} from './description.ts'

/** The port that a stream belongs to; `auto` = detected from its first byte. */
export type Service = 'auto' | 'gateway' | 'feedback'

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

  /** Describes the messages that this part completes. */
  receive(part: SourcePart): Iterable<Description> {
    if (part.kind === 'bytes') return this.#stream.receive(part.bytes)
    const { number } = part.connection
    const describer =
      this.#connections.get(number) ?? new ConnectionDescriber(number, this.#options)
    this.#connections.set(number, describer)
    return part.record === undefined ? [] : describer.receive(part.record)
  }

  /** Describes incomplete messages at the end of the source. */
  *end(): Generator<Description> {
    for (const describer of [this.#stream, ...this.#connections.values()]) yield* describer.end()
  }
}

/** A record in which the next message to describe may begin. */
interface RecordStart {
  readonly record: number
  readonly ms: number | undefined
  /** Offset of its first byte in the stream. */
  readonly start: number
}

/** Describes both directions of a connection; each message as soon as it is complete. */
class ConnectionDescriber {
  readonly #number: number
  readonly #options: DescriberOptions
  readonly #sides = new Map<
    CapturedRecord['from'],
    { readonly describer: StreamDescriber; starts: RecordStart[] }
  >()
  #records = 0

  constructor(number: number, options: DescriberOptions) {
    this.#number = number
    this.#options = options
  }

  /** Describes the messages that this record completes. */
  *receive({ from, offsetMs, bytes }: CapturedRecord): Generator<Description> {
    const side = this.#sides.get(from) ?? {
      describer: new StreamDescriber(from, this.#options),
      starts: [],
    }
    this.#sides.set(from, side)
    const { describer } = side
    side.starts.push({ record: ++this.#records, ms: offsetMs, start: describer.receivedBytes })
    for (const one of describer.receive(bytes)) yield this.#withRecord(from, side.starts, one)
    const current = side.starts.findLastIndex(({ start }) => start <= describer.describedBytes)
    side.starts = side.starts.slice(Math.max(0, current))
  }

  /** Describes incomplete messages at the end of the connection. */
  *end(): Generator<Description> {
    for (const [from, { describer, starts }] of this.#sides)
      for (const one of describer.end()) yield this.#withRecord(from, starts, one)
  }

  #withRecord(
    from: CapturedRecord['from'],
    starts: readonly RecordStart[],
    description: Description,
  ): Description {
    const found = starts.findLast(({ start }) => start <= description.offset)
    const { record, ms } = found ?? { record: 0, ms: undefined }
    return { connection: this.#number, from, record, ms, ...description }
  }
}

/** Stored before the current message, because a description shows the bytes around a fault. */
const contextBytes = 8
/** Shown of an unreadable rest of the stream. */
const unreadableBytes = 64

/** Describes one direction. `unreadable` is always its last description. */
export class StreamDescriber {
  readonly #from: CapturedRecord['from'] | undefined
  readonly #options: DescriberOptions
  #buffered: BufferedBytes = { bytes: Buffer.alloc(0), start: 0 }
  #format: StreamFormat | undefined
  #describedBytes = 0
  #receivedBytes = 0
  #unreadable: Description | undefined

  /** @param from the side that wrote the bytes; undefined = unknown */
  constructor(from: CapturedRecord['from'] | undefined, options: DescriberOptions) {
    this.#from = from
    this.#options = options
  }

  get receivedBytes(): number {
    return this.#receivedBytes
  }

  /** Offset of the first message that is not yet described. */
  get describedBytes(): number {
    return this.#describedBytes
  }

  /** Describes the messages that these bytes complete. */
  *receive(bytes: Buffer): Generator<Description> {
    this.#receivedBytes += bytes.length
    if (this.#unreadable !== undefined || bytes.length === 0) return
    const start = Math.max(this.#buffered.start, this.#describedBytes - contextBytes)
    const held = this.#buffered.bytes.subarray(start - this.#buffered.start)
    this.#buffered = { bytes: Buffer.concat([held, bytes]), start }
    yield* this.#describe({ isEnd: false })
  }

  /** Describes the incomplete or unreadable end of the stream. */
  *end(): Generator<Description> {
    if (this.#unreadable === undefined) yield* this.#describe({ isEnd: true })
    if (this.#unreadable === undefined) return
    yield { ...this.#unreadable, length: this.#receivedBytes - this.#unreadable.offset }
  }

  *#describe({ isEnd }: { readonly isEnd: boolean }): Generator<Description> {
    const { bytes, start } = this.#buffered
    const first = bytes[this.#describedBytes - start]
    this.#format ??= formats[serviceOf(first, this.#from, this.#options.service)]
    const { fields, describe } = this.#format
    for (const message of messagesOf(this.#buffered, this.#describedBytes, fields)) {
      if (!message.isWhole && !isEnd && !isUnreadable(message)) return
      for (const description of describe(message, this.#options)) {
        if (description.kind !== 'unreadable') yield description
        else this.#unreadable = description
      }
      if (this.#unreadable !== undefined) return
      this.#describedBytes = message.offset + message.length
    }
  }
}

interface StreamFormat {
  readonly fields: () => Fields
  readonly describe: (message: Message, options: DescriptionOptions) => Iterable<Description>
}

const formats = {
  sender: { fields: notificationFields, describe: describeNotification },
  gateway: { fields: errorResponseFields, describe: describeErrorResponse },
  feedback: { fields: feedbackTupleFields, describe: describeFeedbackTuple },
} satisfies Record<string, StreamFormat>

/** The side that wrote a stream, detected from its first byte if it is unknown. */
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

function* messagesOf(
  buffered: BufferedBytes,
  offset: number,
  fields: () => Fields,
): Generator<Message> {
  const bytes = buffered.bytes.subarray(offset - buffered.start)
  let parts: FieldPart[] = []
  for (const part of new FieldReader(fields, offset).read(bytes)) {
    parts.push(part)
    if (!part.isLast) continue
    yield messageOf(parts, buffered)
    parts = []
  }
  if (parts.length > 0) yield messageOf(parts, buffered)
}

function messageOf(fields: readonly FieldPart[], buffered: BufferedBytes): Message {
  const length = fields.reduce((sum, { content }) => sum + content.length, 0)
  const isWhole = fields.at(-1)?.isLast === true
  return { fields, isWhole, offset: fields[0]?.offset ?? 0, length, buffered }
}

/** Whether the message can never be read, and there are enough bytes to show. */
function isUnreadable({ fields, length }: Message): boolean {
  return fields.at(-1)?.name === 'unreadable' && length >= unreadableBytes
}
