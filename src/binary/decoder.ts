/** Turns a sender's byte stream, cut anywhere, into notifications. */
import { incomplete, ItemId, messageExtent, outOfBounds } from './extent.ts'
import { parseMessages, type Item, type Message } from './layout.ts'
import {
  BinaryProtocolError,
  refused,
  tokenBytes,
  type Notification,
  type RefusalCode,
  type RefusedNotification,
} from './notification.ts'
import { skimMessage, type Skim, type Wish } from './skim.ts'

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
  #skim: Skim | undefined
  #wish: Wish | undefined
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
      if (this.#skim === undefined) {
        if (!this.#parseRun()) return undefined
      } else {
        const found = this.#skimOn(this.#skim)
        if (found !== 'done') return found
      }
    }
  }

  /**
   * The sender has finished.
   * @throws {BinaryProtocolError} `truncated` when it stopped inside a message
   */
  end(): void {
    if (this.#fault !== undefined) throw this.#fault
    if (this.#bytes.length === 0 && this.#skim === undefined) return
    this.#fault = new BinaryProtocolError(
      'truncated',
      `the stream ended inside a message, ${this.#bytes.length} bytes after its beginning`,
    )
    throw this.#fault
  }

  /** Parses all whole messages at the front; false when it takes more bytes to get on. */
  #parseRun(): boolean {
    let end = 0
    let extent = incomplete
    while (end < this.#bytes.length) {
      extent = messageExtent(this.#bytes, end, this.#maxPayloadBytes)
      if (extent <= 0) break
      end += extent
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
    if (this.#bytes.length === 0 || extent !== outOfBounds) return false
    this.#skim = skimMessage(this.#maxPayloadBytes)
    this.#wish = this.#skim.next().value
    return true
  }

  /** Grants the skim's wishes as far as the bytes reach. */
  #skimOn(skim: Skim): RefusedNotification | undefined | 'done' {
    while (this.#wish !== undefined) {
      const wish = this.#wish
      if ('kind' in wish) {
        this.#advance(skim)
        return wish
      }
      if ('read' in wish) {
        if (this.#bytes.length < wish.read) return undefined
        this.#advance(skim, this.#take(wish.read))
      } else {
        const dropped = this.#take(Math.min(wish.skip, this.#bytes.length)).length
        if (dropped < wish.skip) {
          this.#wish = { skip: wish.skip - dropped }
          return undefined
        }
        this.#advance(skim)
      }
    }
    this.#skim = undefined
    return 'done'
  }

  #advance(skim: Skim, bytes?: Buffer): void {
    try {
      this.#wish = skim.next(bytes).value
    } catch (error) {
      if (error instanceof BinaryProtocolError) {
        this.#fault = error
        this.#bytes = nothing
      }
      throw error
    }
  }

  #take(count: number): Buffer {
    const taken = this.#bytes.subarray(0, count)
    this.#bytes = this.#bytes.subarray(count)
    return taken
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

const fixedItemBytes: Readonly<Record<number, number>> = {
  [ItemId.identifier]: 4,
  [ItemId.expiration]: 4,
  [ItemId.priority]: 1,
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
    if (itemId < ItemId.token || itemId > ItemId.priority) continue
    const fixed = fixedItemBytes[itemId]
    if (seen & (1 << itemId)) offence ??= 'duplicate-item'
    else if (fixed !== undefined && itemDataLength !== fixed) offence ??= 'invalid-item-size'
    else if (itemId === ItemId.token) token = run.subarray(dataOffset, dataOffset + itemDataLength)
    else if (itemId === ItemId.payload)
      payload = run.subarray(dataOffset, dataOffset + itemDataLength)
    else if (itemId === ItemId.identifier) identifier = run.readUInt32BE(dataOffset)
    else if (itemId === ItemId.expiration) expiration = run.readUInt32BE(dataOffset)
    else priority = run[dataOffset]
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

/** What is too long never gets here: {@link messageExtent} has sent it to be skimmed. */
function weigh(notification: Notification): Received {
  const { command, identifier, token, payload } = notification
  if (token.length === 0) return refused(command, identifier, 'missing-token')
  if (token.length < tokenBytes.min) return refused(command, identifier, 'invalid-token-size')
  if (payload.length === 0) return refused(command, identifier, 'missing-payload')
  return notification
}
