/** Turns a sender's byte stream, cut anywhere, into notifications. */
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
import { RefusedMessage } from './refused-message.ts'
import { itemFormats } from './wire-format.ts'

/** What a decoder yields: a notification to deliver, or one that is refused unasked. */
export type Received = Notification | RefusedNotification

const nothing: Buffer = Buffer.alloc(0)

/**
 * Two verbs: {@link receive} stores, {@link next} decodes. Whoever stops calling `next` leaves the
 * bytes where they are. Limits are enforced from length fields before bytes are waited for, so at
 * most `maxPayloadBytes` and about 1 KiB stay behind when `next` has returned undefined. A single
 * bad notification is yielded as refused and the stream goes on behind it; once the stream itself
 * is unreadable every further call throws the same error.
 */
export class Decoder {
  readonly #maxPayloadBytes: number
  #bytes: Buffer = nothing
  /** What {@link #messages} were parsed from. */
  #run: Buffer = nothing
  #messages: Message[] = []
  #nextMessage = 0
  /** The message at the front, where it is out of bounds. */
  #refused: RefusedMessage | undefined
  #fault: BinaryProtocolError | undefined

  /** @param maxPayloadBytes 4,096 for most topics, 5,120 for VoIP. — source: Apple, "Generating a remote notification" */
  constructor(maxPayloadBytes: number) {
    this.#maxPayloadBytes = maxPayloadBytes
  }

  /** Bytes stored and not yet decoded. */
  get bufferedBytes(): number {
    return this.#bytes.length
  }

  /** Takes what arrived, of any length; the caller may re-use `chunk` afterwards. */
  receive(chunk: Uint8Array): void {
    // A plain concatenation is right because what is left over is bounded by one message.
    if (this.#fault === undefined) this.#bytes = Buffer.concat([this.#bytes, chunk])
  }

  /**
   * The next notification in the order received; undefined when more bytes are needed.
   * @throws {BinaryProtocolError} when the stream cannot be read on
   */
  next(): Received | undefined {
    if (this.#fault !== undefined) throw this.#fault
    for (;;) {
      const message = this.#messages[this.#nextMessage]
      if (message !== undefined) {
        this.#nextMessage++
        return judge(message, this.#run)
      }
      if (this.#refused !== undefined) {
        const refusal = this.#readRefused(this.#refused)
        if (refusal !== undefined || this.#bytes.length === 0) return refusal
      } else if (!this.#parseRun()) return undefined
    }
  }

  /**
   * The sender has finished.
   * @throws {BinaryProtocolError} `truncated` when it stopped inside a message
   */
  end(): void {
    if (this.#fault !== undefined) throw this.#fault
    const readBytes = this.#bytes.length + (this.#refused?.readBytes ?? 0)
    if (readBytes === 0) return
    this.#fault = new BinaryProtocolError(
      'truncated',
      `the stream ended inside a message, ${readBytes} bytes after its beginning`,
    )
    throw this.#fault
  }

  /** Parses all whole messages at the front; false when it takes more bytes to get on. */
  #parseRun(): boolean {
    let end = 0
    let length = incomplete
    while (end < this.#bytes.length) {
      length = messageLength(this.#bytes, end, this.#maxPayloadBytes)
      if (length <= 0) break
      end += length
    }
    if (end > 0) {
      this.#run = this.#bytes.subarray(0, end)
      this.#messages = parseMessages(this.#run)
      this.#nextMessage = 0
      this.#bytes = this.#bytes.subarray(end)
      return true
    }
    this.#messages = []
    // An idle connection keeps nothing of the large read before.
    this.#run = nothing
    if (this.#bytes.length === 0) this.#bytes = nothing
    if (this.#bytes.length === 0 || length !== outOfBounds) return false
    this.#refused = new RefusedMessage(this.#maxPayloadBytes)
    return true
  }

  /** Drops the bytes of the message as far as they have come; its refusal, once. */
  #readRefused(message: RefusedMessage): RefusedNotification | undefined {
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

function judge(message: Message, run: Buffer): Received {
  if (message.command === 2) return judgeFrame(message.body.items, run)
  const { token, payload } = message.body
  const [identifier, expiration] =
    message.command === 1 ? [message.body.identifier, message.body.expiration] : []
  return weigh({
    kind: 'notification',
    command: message.command,
    identifier,
    token,
    payload,
    expiration,
    priority: undefined,
  })
}

/** Items may stand in any order, 3 to 5 may be missing, and ids that Apple did not define are skipped. */
function judgeFrame(items: readonly Item[], run: Buffer): Received {
  let token: Buffer = nothing
  let payload: Buffer = nothing
  let identifier: number | undefined
  let expiration: number | undefined
  let priority: number | undefined
  let offence: RefusalCode | undefined
  let seen = 0
  for (const { itemId, itemDataLength, dataOffset } of items) {
    const format = itemFormats[itemId]
    if (format === undefined) continue
    if (seen & (1 << itemId)) offence ??= 'duplicate-item'
    else if (format.bytes !== undefined && itemDataLength !== format.bytes)
      offence ??= 'invalid-item-size'
    else
      switch (format.name) {
        case 'token':
          token = run.subarray(dataOffset, dataOffset + itemDataLength)
          break
        case 'payload':
          payload = run.subarray(dataOffset, dataOffset + itemDataLength)
          break
        case 'identifier':
          identifier = run.readUInt32BE(dataOffset)
          break
        case 'expiration':
          expiration = run.readUInt32BE(dataOffset)
          break
        case 'priority':
          priority = run[dataOffset]
      }
    seen |= 1 << itemId
  }
  if (offence !== undefined) return refused(2, identifier, offence)
  return weigh({
    kind: 'notification',
    command: 2,
    identifier,
    token,
    payload,
    expiration,
    priority,
  })
}

/** What is too long never gets here: a {@link RefusedMessage} has read it. */
function weigh(notification: Notification): Received {
  const { command, identifier, token, payload } = notification
  if (token.length === 0) return refused(command, identifier, 'missing-token')
  if (token.length < tokenBytes.min) return refused(command, identifier, 'invalid-token-size')
  if (payload.length === 0) return refused(command, identifier, 'missing-payload')
  return notification
}
