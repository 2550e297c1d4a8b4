/** Streams: each has one request, its answer and its outcome. */
import { delivered, outcomeOf, type Outcome } from '../../apns/outcome.ts'
import type { Delivery } from '../../relay/delivery.ts'
import { ErrorCode, StreamError } from './frame.ts'
import type { HeaderField } from './hpack.ts'

/** More than any body of the provider API. Further bytes are discarded. */
const maxBodyBytes = 4096

/**
 * How a stream ended. `complete`: the answer is whole. `refused`: the peer has not processed the
 * request. `overdue`: we cancelled it. `faulty`: the answer is malformed. `lost`: anything else.
 */
export type StreamEnd = 'complete' | 'refused' | 'overdue' | 'faulty' | 'lost'

/** By the code of RST_STREAM; after an answer, NO_ERROR only stops the request. — source: RFC 9113, 8.1 */
export function endOfReset(code: number, isWhole: boolean): StreamEnd {
  if (code === ErrorCode.NO_ERROR && isWhole) return 'complete'
  return code === ErrorCode.REFUSED_STREAM ? 'refused' : 'lost'
}

/** The outcome of a request without an answer. */
const unanswered = {
  complete: { kind: 'unavailable', reason: 'no answer', retry: 'later' },
  refused: { kind: 'unavailable', reason: 'refused stream', retry: 'now' },
  overdue: { kind: 'unavailable', reason: 'no answer in time', retry: 'later' },
  faulty: { kind: 'unavailable', reason: 'malformed answer', retry: 'later' },
  lost: { kind: 'unavailable', reason: 'connection lost', retry: 'later' },
} as const satisfies Record<StreamEnd, Outcome>

interface ResponseHead {
  /** 100 to 999 */
  readonly status: number
  readonly retryAfterSeconds: number | undefined
  readonly contentLength: number | undefined
  readonly hasApnsId: boolean
  /** No apns-id, and a body of some kind: no 200 of APNs has one. */
  readonly isForeign: boolean
}

/** Ends with exactly one {@link StreamEnd}. */
export class Stream {
  readonly id: number
  readonly delivery: Delivery
  readonly sentAtMs: number
  /** Payload bytes written. */
  sentBytes = 0
  /** Window granted in addition to the peer's initial window, minus bytes sent; may be negative. */
  credit = 0
  /** Received bytes since the last WINDOW_UPDATE. */
  ungrantedBytes = 0
  /** How the stream ended; until then as if the connection were lost. */
  end: StreamEnd = 'lost'
  #head: ResponseHead | undefined
  #receivedBytes = 0
  #body: Buffer | undefined

  constructor(id: number, delivery: Delivery, sentAtMs: number) {
    this.id = id
    this.delivery = delivery
    this.sentAtMs = sentAtMs
  }

  get unsentBytes(): number {
    return this.delivery.request.payload.length - this.sentBytes
  }

  /** Whether the final status has been received. */
  get hasHead(): boolean {
    return this.#head !== undefined
  }

  /**
   * Reads the headers or the trailers of the answer. Informational answers may come before the
   * final one, except for 101. — source: RFC 9113, 8.1 and 8.6
   * @throws {StreamError} when they are malformed
   */
  receiveHeaders(fields: readonly HeaderField[], endStream: boolean): void {
    if (this.#head !== undefined) {
      if (!endStream) throw malformed(this.id, 'HEADERS without END_STREAM after the final status')
      for (const field of fields) checkField(this.id, field)
      return
    }
    const head = readHead(this.id, fields)
    if (head.status === 101 || (head.status < 200 && endStream))
      throw malformed(this.id, `status ${head.status} as the final answer`)
    if (head.status >= 200) this.#head = head
  }

  /** Adds a part of the answer's body. @throws {StreamError} */
  receiveBody(content: Buffer): void {
    this.#receivedBytes += content.length
    if (this.#head === undefined) throw malformed(this.id, 'DATA before HEADERS')
    if (this.#receivedBytes > (this.#head.contentLength ?? Infinity)) throw this.#miscounted()
    // The body of a 200 is ignored.
    if (this.#head.status === 200) return
    const room = maxBodyBytes - (this.#body?.length ?? 0)
    this.#body = Buffer.concat([this.#body ?? empty, content.subarray(0, room)])
  }

  /** Whether the body has as many bytes as its content-length says. */
  get isWhole(): boolean {
    const { status, contentLength } = this.#head ?? {}
    const mayHaveNone = (status === 204 || status === 304) && this.#receivedBytes === 0
    return (contentLength ?? this.#receivedBytes) === this.#receivedBytes || mayHaveNone
  }

  /** The peer ends the answer. @throws {StreamError} when it is incomplete — source: RFC 9113, 8.1.1 */
  complete(): void {
    if (this.#head === undefined) throw malformed(this.id, 'an answer without a final status')
    if (!this.isWhole) throw this.#miscounted()
  }

  /**
   * A 200 is a delivery, however the stream ends. An error status counts only with a complete body.
   */
  get outcome(): Outcome {
    if (this.#head?.status === 200 && !this.#head.isForeign) return delivered
    if (this.#head === undefined || this.end !== 'complete') return unanswered[this.end]
    return outcomeOf({ ...this.#head, body: this.#body?.toString() ?? '' })
  }

  #miscounted(): StreamError {
    return malformed(this.id, 'a body whose length is not its content-length')
  }
}

/**
 * Finds a stream by its identifier in an array, because identifiers are consecutive. With a Map the
 * connection takes a third more CPU time: tables that a Map has outgrown keep ended streams alive
 * until the next full garbage collection.
 */
export class StreamTable {
  /** In the order opened; undefined once the stream has ended. */
  readonly #slots: (Stream | undefined)[] = []
  /** The identifier that belongs to the first slot. */
  #firstId: number
  /** All slots before this one are empty. */
  #head = 0
  size = 0

  /** @param firstId odd */
  constructor(firstId: number) {
    this.#firstId = firstId
  }

  /** In the order opened. */
  get all(): readonly Stream[] {
    return this.#slots.filter((stream) => stream !== undefined)
  }

  get(id: number): Stream | undefined {
    return this.#slots[(id - this.#firstId) / 2]
  }

  /** Adds the next stream: its identifier is the last one plus 2. */
  add(stream: Stream): void {
    this.#slots.push(stream)
    this.size++
  }

  delete({ id }: Stream): void {
    this.#slots[(id - this.#firstId) / 2] = undefined
    this.size--
    while (this.#head < this.#slots.length && this.#slots[this.#head] === undefined) this.#head++
    if (this.#head < 1024) return
    this.#slots.splice(0, this.#head)
    this.#firstId += 2 * this.#head
    this.#head = 0
  }
}

const empty = Buffer.alloc(0)

/** Names are tokens without upper case. — source: RFC 9113, 8.2.1; RFC 9110, 5.6.2 */
const validName = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/
const invalidValue = /[\0\r\n]|^[ \t]|[ \t]$/

/** Valid names that APNs sends: skipping the pattern for them saves the most time here. */
const usualNames = new Set(['apns-id', 'content-length', 'content-type', 'date', 'server'])

/** HTTP/2 forbids header fields about the connection. — source: RFC 9113, 8.2.2 */
const connectionSpecific = /^(connection|keep-alive|proxy-connection|transfer-encoding|upgrade)$/

/** @throws {StreamError} when the headers are malformed — source: RFC 9113, 8.1.1 and 8.3 */
function readHead(streamId: number, fields: readonly HeaderField[]): ResponseHead {
  const [name, status = ''] = fields[0] ?? []
  if (name !== ':status' || (status !== '200' && !/^[1-9]\d\d$/.test(status)))
    throw malformed(streamId, 'the first header field is not a valid :status')
  let contentLength: number | undefined
  for (let index = 1; index < fields.length; index++) {
    const field = fields[index]
    if (field === undefined) break
    checkField(streamId, field)
    if (field[0] === 'content-length') contentLength = readLength(streamId, contentLength, field[1])
  }
  const hasApnsId = valueOf(fields, 'apns-id') !== undefined
  const isForeign = !hasApnsId && valueOf(fields, 'content-type') !== undefined
  const retryAfterSeconds = status === '200' ? undefined : retryAfter(fields)
  return { status: Number(status), retryAfterSeconds, contentLength, hasApnsId, isForeign }
}

function valueOf(fields: readonly HeaderField[], name: string): string | undefined {
  for (const field of fields) if (field[0] === name) return field[1]
  return undefined
}

/** Seconds, or a date by the clock of the peer. — source: RFC 9110, 10.2.3 */
function retryAfter(fields: readonly HeaderField[]): number | undefined {
  const value = valueOf(fields, 'retry-after')
  if (value === undefined) return undefined
  if (/^\d{1,9}$/.test(value)) return Number(value)
  const ms = Date.parse(value) - Date.parse(valueOf(fields, 'date') ?? '')
  return Number.isFinite(ms) ? Math.max(0, Math.ceil(ms / 1000)) : undefined
}

function checkField(streamId: number, [name, value]: HeaderField): void {
  if (!usualNames.has(name) && (!validName.test(name) || connectionSpecific.test(name)))
    throw malformed(streamId, 'a header field with a forbidden name')
  if (invalidValue.test(value)) throw malformed(streamId, 'a header field with a forbidden value')
}

function readLength(streamId: number, before: number | undefined, value: string): number {
  const length = /^\d{1,15}$/.test(value) ? Number(value) : undefined
  if (length === undefined || (before !== undefined && before !== length))
    throw malformed(streamId, 'an invalid content-length')
  return length
}

function malformed(streamId: number, what: string): StreamError {
  return new StreamError(streamId, 'PROTOCOL_ERROR', what)
}
