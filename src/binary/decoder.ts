/** Decodes a sender's byte stream, which may arrive in chunks of any size, into notifications. */
import { parseMessages, type Item, type Message } from './layout.ts'
import { incomplete, messageLength, outOfBounds } from './message-length.ts'
import {
  BinaryProtocolError,
  refused,
  tokenBytes,
  type Notification,
  type RefusalCode,
  type RefusedNotification,
} from './notification.ts'
import { RefusedMessageReader } from './refused-message-reader.ts'
import { itemFormats } from './wire-format.ts'

/**
 * What a decoder returns: a notification to deliver, or one that is refused without asking APNs.
 */
export type Received = Notification | RefusedNotification

const nothing: Buffer = Buffer.alloc(0)

/**
 * {@link receive} stores bytes, {@link next} decodes them. The decoder checks every length field
 * before it waits for the bytes, so it stores at most `maxPayloadBytes` and about 1 KiB after
 * `next` has returned undefined. A malformed notification is returned as refused, and decoding
 * continues after it. If the stream itself is unreadable, every further call throws the same error.
 */
export class Decoder {
  readonly #maxPayloadBytes: number
  #bytes: Buffer = nothing
  /** What {@link #messages} were parsed from. */
  #parsedBytes: Buffer = nothing
  #messages: Message[] = []
  #nextMessage = 0
  /** The message being read, if its lengths are out of bounds. */
  #refused: RefusedMessageReader | undefined
  #fault: BinaryProtocolError | undefined

  /** @param maxPayloadBytes 4,096 for most topics, 5,120 for VoIP. — source: Apple, "Generating a remote notification" */
  constructor(maxPayloadBytes: number) {
    this.#maxPayloadBytes = maxPayloadBytes
  }

  /** Bytes stored but not decoded. */
  get bufferedBytes(): number {
    return this.#bytes.length
  }

  /** Stores received bytes; the caller may reuse `chunk` afterwards. */
  receive(chunk: Uint8Array): void {
    // Concatenation is cheap, because the stored rest is at most one message.
    if (this.#fault === undefined) this.#bytes = Buffer.concat([this.#bytes, chunk])
  }

  /**
   * The next notification in the order received; undefined when more bytes are needed.
   * @throws {BinaryProtocolError} when the rest of the stream is unreadable
   */
  next(): Received | undefined {
    if (this.#fault !== undefined) throw this.#fault
    for (;;) {
      const message = this.#messages[this.#nextMessage]
      if (message !== undefined) {
        this.#nextMessage++
        return receivedFrom(message, this.#parsedBytes)
      }
      if (this.#refused !== undefined) {
        const refusal = this.#readRefused(this.#refused)
        if (refusal !== undefined || this.#bytes.length === 0) return refusal
      } else if (!this.#parseBuffered()) return undefined
    }
  }

  /**
   * Ends the stream.
   * @throws {BinaryProtocolError} `truncated` when the stream ends inside a message
   */
  end(): void {
    if (this.#fault !== undefined) throw this.#fault
    const readBytes = this.#bytes.length + (this.#refused?.readBytes ?? 0)
    if (readBytes === 0) return
    this.#fault = new BinaryProtocolError(
      'truncated',
      `the stream ended inside a message, of which ${readBytes} bytes were received`,
    )
    throw this.#fault
  }

  /** Parses all complete messages; false when more bytes are needed. */
  #parseBuffered(): boolean {
    let end = 0
    let length = incomplete
    while (end < this.#bytes.length) {
      length = messageLength(this.#bytes, end, this.#maxPayloadBytes)
      if (length <= 0) break
      end += length
    }
    if (end > 0) {
      this.#parsedBytes = this.#bytes.subarray(0, end)
      this.#messages = parseMessages(this.#parsedBytes)
      this.#nextMessage = 0
      this.#bytes = this.#bytes.subarray(end)
      return true
    }
    this.#messages = []
    // Releases the memory of the last read while the connection is idle.
    this.#parsedBytes = nothing
    if (this.#bytes.length === 0) this.#bytes = nothing
    if (this.#bytes.length === 0 || length !== outOfBounds) return false
    this.#refused = new RefusedMessageReader(this.#maxPayloadBytes)
    return true
  }

  /** Discards the stored bytes of the message; returns its refusal, once. */
  #readRefused(message: RefusedMessageReader): RefusedNotification | undefined {
    const before = message.readBytes
    try {
      const refusal = message.read(this.#bytes)
      this.#bytes = this.#bytes.subarray(message.readBytes - before)
      if (message.isOver) this.#refused = undefined
      return refusal
    } catch (error) {
      if (error instanceof BinaryProtocolError) {
        this.#fault = error
        this.#bytes = nothing
      }
      throw error
    }
  }
}

function receivedFrom(message: Message, bytes: Buffer): Received {
  if (message.command === 2) return receivedFromFrame(message.body.items, bytes)
  const { token, payload } = message.body
  const [identifier, expiration] =
    message.command === 1 ? [message.body.identifier, message.body.expiration] : []
  return checkLengths({
    kind: 'notification',
    command: message.command,
    identifier,
    token,
    payload,
    expiration,
    priority: undefined,
  })
}

/**
 * Items may come in any order, items 3 to 5 may be missing, and ids that Apple did not define are
 * skipped.
 */
function receivedFromFrame(items: readonly Item[], bytes: Buffer): Received {
  let token: Buffer = nothing
  let payload: Buffer = nothing
  let identifier: number | undefined
  let expiration: number | undefined
  let priority: number | undefined
  let refusalCode: RefusalCode | undefined
  let seen = 0
  for (const { itemId, itemDataLength, dataOffset } of items) {
    const format = itemFormats[itemId]
    if (format === undefined) continue
    if (seen & (1 << itemId)) refusalCode ??= 'duplicate-item'
    else if (format.bytes !== undefined && itemDataLength !== format.bytes)
      refusalCode ??= 'invalid-item-size'
    else
      switch (format.name) {
        case 'token':
          token = bytes.subarray(dataOffset, dataOffset + itemDataLength)
          break
        case 'payload':
          payload = bytes.subarray(dataOffset, dataOffset + itemDataLength)
          break
        case 'identifier':
          identifier = bytes.readUInt32BE(dataOffset)
          break
        case 'expiration':
          expiration = bytes.readUInt32BE(dataOffset)
          break
        case 'priority':
          priority = bytes[dataOffset]
      }
    seen |= 1 << itemId
  }
  if (refusalCode !== undefined) return refused(2, identifier, refusalCode)
  return checkLengths({
    kind: 'notification',
    command: 2,
    identifier,
    token,
    payload,
    expiration,
    priority,
  })
}

/** Does not check for values that are too long: {@link RefusedMessageReader} has read those. */
function checkLengths(notification: Notification): Received {
  const { command, identifier, token, payload } = notification
  if (token.length === 0) return refused(command, identifier, 'missing-token')
  if (token.length < tokenBytes.min) return refused(command, identifier, 'invalid-token-size')
  if (payload.length === 0) return refused(command, identifier, 'missing-payload')
  return notification
}
