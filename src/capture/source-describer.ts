/** Describes a source message by message; stores the current message only. */
import { FieldScanner, type FieldPart } from '../binary/field-scanner.ts'
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
} from './describe-message.ts'

/** The port that a stream belongs to; `auto` = detected from its first byte. */
export type Service = 'auto' | 'gateway' | 'feedback'

/** The side that wrote a stream; undefined = unknown. */
type Side = CapturedRecord['from'] | undefined

export interface DescriberOptions extends DescriptionOptions {
  readonly service: Service
}

/** Describes what a {@link SourceReader} reads, part by part. */
export class SourceDescriber {
  readonly #options: DescriberOptions
  /** By connection and side. */
  readonly #streams = new Map<string, StreamDescriber>()
  /** Records so far, by connection. */
  readonly #records = new Map<number, number>()

  constructor(options: DescriberOptions) {
    this.#options = options
  }

  /** Describes the messages that this part completes. */
  receive(part: SourcePart): Iterable<Description> {
    if (Buffer.isBuffer(part)) return this.#stream(undefined, undefined).receive(part)
    if (part.record === undefined) return []
    const { number: connection } = part.connection
    const { from, offsetMs: ms, bytes } = part.record
    const record = (this.#records.get(connection) ?? 0) + 1
    this.#records.set(connection, record)
    return this.#stream(connection, from).receive(bytes, { connection, from, record, ms })
  }

  /** Describes incomplete messages at the end of the source. */
  *end(): Generator<Description> {
    for (const stream of this.#streams.values()) yield* stream.end()
  }

  #stream(connection: number | undefined, from: Side): StreamDescriber {
    const name = `${connection} ${from}`
    const stream = this.#streams.get(name) ?? new StreamDescriber(from, this.#options)
    this.#streams.set(name, stream)
    return stream
  }
}

/** A record in which the next message to describe may begin. */
interface RecordStart {
  readonly place: object
  /** Offset of its first byte in the stream. */
  readonly start: number
}

/** Stored before the current message, because a description shows the bytes around a fault. */
const contextBytes = 8
/** Shown of an unreadable rest of the stream. */
const unreadableBytes = 64

/** Describes one direction; each message as soon as it is complete. `unreadable` is always last. */
export class StreamDescriber {
  readonly #from: Side
  readonly #options: DescriberOptions
  #buffered: BufferedBytes = { bytes: Buffer.alloc(0), start: 0 }
  #format: (typeof formats)[keyof typeof formats] | undefined
  #describedBytes = 0
  #receivedBytes = 0
  #unreadable: Description | undefined
  #starts: RecordStart[] = []

  constructor(from: Side, options: DescriberOptions) {
    this.#from = from
    this.#options = options
  }

  /**
   * Describes the messages that these bytes complete.
   * @param place the record of the bytes; becomes a part of the description of a message in it
   */
  *receive(bytes: Buffer, place: object = {}): Generator<Description> {
    const recordStart = { place, start: this.#receivedBytes }
    this.#receivedBytes += bytes.length
    if (this.#unreadable !== undefined || bytes.length === 0) return
    this.#starts.push(recordStart)
    const start = Math.max(this.#buffered.start, this.#describedBytes - contextBytes)
    const held = this.#buffered.bytes.subarray(start - this.#buffered.start)
    this.#buffered = { bytes: Buffer.concat([held, bytes]), start }
    yield* this.#describe({ isEnd: false })
    const current = this.#starts.findLastIndex(({ start }) => start <= this.#describedBytes)
    this.#starts = this.#starts.slice(Math.max(0, current))
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
        const found = this.#starts.findLast(({ start }) => start <= description.offset)
        const placed = { ...found?.place, ...description }
        if (placed.kind !== 'unreadable') yield placed
        else this.#unreadable = placed
      }
      if (this.#unreadable !== undefined) return
      this.#describedBytes = message.offset + message.length
    }
  }
}

const formats = {
  sender: { fields: notificationFields, describe: describeNotification },
  gateway: { fields: errorResponseFields, describe: describeErrorResponse },
  feedback: { fields: feedbackTupleFields, describe: describeFeedbackTuple },
} as const

/** The side that wrote a stream, detected from its first byte if it is unknown. */
function serviceOf(first = 0, from: Side, service: Service): keyof typeof formats {
  if (from === 'sender') return 'sender'
  // Tuples begin with UNIX seconds: 0x49 since 2008, when the protocol began, and 0x7f until 2038.
  const looksLikeTuple = service === 'auto' && first >= 0x49 && first <= 0x7f
  if (service === 'feedback' || looksLikeTuple) return 'feedback'
  return first === errorResponseCommand || from === 'gateway' ? 'gateway' : 'sender'
}

function* messagesOf(
  buffered: BufferedBytes,
  offset: number,
  messageFields: () => Fields,
): Generator<Message> {
  let fields: FieldPart[] = []
  const bytes = buffered.bytes.subarray(offset - buffered.start)
  for (const field of new FieldScanner(messageFields, offset).read(bytes)) {
    fields.push(field)
    if (!field.isLast) continue
    yield messageOf(fields, buffered)
    fields = []
  }
  if (fields.length > 0) yield messageOf(fields, buffered)
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
