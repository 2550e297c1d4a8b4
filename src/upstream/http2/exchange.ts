/** One request and its answer: the state of one stream. */
import type { Delivery } from '../../relay/delivery.ts'
import { maxWindowBytes, StreamError } from './frame.ts'
import type { ResponseHead } from './response-head.ts'

/** More than any answer of the provider API has; what goes beyond is not kept. */
const longestBodyBytes = 4096

/**
 * How it ended. `complete`: the answer is whole. `refused`: the peer has not processed it.
 * `overdue`: given up by us. `faulty`: what came is no answer. `lost`: anything else.
 */
export type ExchangeEnd = 'complete' | 'refused' | 'overdue' | 'faulty' | 'lost'

/** Lives in the connection's table until one {@link ExchangeEnd} ends it. */
export class Exchange {
  readonly streamId: number
  readonly delivery: Delivery
  readonly sentAtMs: number
  /** Bytes of the payload that are on their way. */
  sentBytes = 0
  /** What the peer has granted beyond its initial window, less what was sent; may be negative. */
  credit = 0
  /** What the peer has sent since it was last granted anything, bytes. */
  ungrantedBytes = 0
  head: ResponseHead | undefined
  #receivedBytes = 0
  #body: Buffer | undefined

  constructor(streamId: number, delivery: Delivery, sentAtMs: number) {
    this.streamId = streamId
    this.delivery = delivery
    this.sentAtMs = sentAtMs
  }

  get unsentBytes(): number {
    return this.delivery.request.payload.length - this.sentBytes
  }

  /** Of the answer, so far. */
  get body(): string {
    return this.#body?.toString() ?? ''
  }

  /**
   * The peer grants more.
   * @throws {StreamError} when that is more than a window can be — source: RFC 9113, 6.9.1
   */
  grant(increment: number, initialWindowBytes: number): void {
    this.credit += increment
    if (initialWindowBytes + this.credit > maxWindowBytes)
      throw new StreamError(this.streamId, 'FLOW_CONTROL_ERROR', 'a window beyond all bounds')
  }

  /** Takes a piece of the answer's body. */
  receive(content: Buffer): void {
    this.#receivedBytes += content.length
    if (this.head === undefined)
      throw new StreamError(this.streamId, 'PROTOCOL_ERROR', 'a body without headers')
    if (this.#receivedBytes > (this.head.contentLength ?? Infinity)) throw this.#miscounted()
    // Of a delivery, the body says nothing.
    if (this.head.status === 200) return
    const room = longestBodyBytes - (this.#body?.length ?? 0)
    this.#body = Buffer.concat([this.#body ?? empty, content.subarray(0, room)])
  }

  /** The answer is at its end. @throws {StreamError} when it cannot be — source: RFC 9113, 8.1.1 */
  complete(): void {
    if (this.head === undefined)
      throw new StreamError(this.streamId, 'PROTOCOL_ERROR', 'an answer without headers')
    const { status, contentLength = this.#receivedBytes } = this.head
    const mayHaveNone = (status === 204 || status === 304) && this.#receivedBytes === 0
    if (contentLength !== this.#receivedBytes && !mayHaveNone) throw this.#miscounted()
  }

  #miscounted(): StreamError {
    return new StreamError(this.streamId, 'PROTOCOL_ERROR', 'a body of another content-length')
  }
}

const empty = Buffer.alloc(0)
