/** Reads a message that is out of bounds, to refuse it; stores none of its bytes. */
import { FieldScanner, type FieldPart } from './field-scanner.ts'
import {
  BinaryProtocolError,
  refused,
  tokenBytes,
  type Command,
  type RefusalCode,
  type RefusedNotification,
} from './notification.ts'
import { longestFrameBytes, notificationFields, type Field } from './wire-format.ts'

/**
 * Reads one message from its command byte to its end, so that the decoder can continue after it.
 */
export class RefusedMessageReader {
  readonly #reader = new FieldScanner(notificationFields)
  readonly #maxPayloadBytes: number
  #command: Command = 0
  #identifier: number | undefined
  #code: RefusalCode | undefined
  #isReported = false
  #isOver = false
  #readBytes = 0

  constructor(maxPayloadBytes: number) {
    this.#maxPayloadBytes = maxPayloadBytes
  }

  get isOver(): boolean {
    return this.#isOver
  }

  /** Bytes of the message read so far. */
  get readBytes(): number {
    return this.#readBytes
  }

  /**
   * Reads `bytes` up to the end of the message.
   * @returns the refusal, once, as soon as its code and the identifier are known
   * @throws {BinaryProtocolError} when the end of the message cannot be found
   */
  read(bytes: Buffer): RefusedNotification | undefined {
    let refusal: RefusedNotification | undefined
    for (const part of this.#reader.read(bytes)) {
      this.#readBytes += part.content.length
      if (part.isWhole) refusal ??= this.#check(part)
      this.#isOver = part.isLast
      if (this.#isOver) break
    }
    return refusal
  }

  #check({ name, bytes, value, isLast }: FieldPart): RefusedNotification | undefined {
    const next = this.#reader.field
    if (next.name === 'unreadable') throw unreadableAfter(name, value)
    if (name === 'command' && (value === 1 || value === 2)) this.#command = value
    // The first of several identifiers counts, as in a frame within bounds.
    if (name === 'identifier' && bytes === 4) this.#identifier ??= value
    this.#code ??= refusalCodeOf(next, this.#maxPayloadBytes)
    if (this.#isReported || !(isLast || this.#isDecided(next))) return undefined
    this.#isReported = true
    return refused(this.#command, this.#identifier, this.#code ?? 'frame-too-long')
  }

  /**
   * Whether the rest of the message cannot change the refusal. A frame is checked between two
   * items.
   */
  #isDecided({ name }: Field): boolean {
    if (this.#code === undefined) return false
    if (this.#command !== 2 || name === 'rest') return true
    return name === 'item-id' && this.#identifier !== undefined
  }
}

function refusalCodeOf({ name, bytes }: Field, maxPayloadBytes: number): RefusalCode | undefined {
  if (name === 'token' && bytes > tokenBytes.max) return 'invalid-token-size'
  if (name === 'payload' && bytes > maxPayloadBytes) return 'invalid-payload-size'
  return name === 'rest' ? 'item-overruns-frame' : undefined
}

function unreadableAfter(name: Field['name'], value: number): BinaryProtocolError {
  return name === 'command'
    ? new BinaryProtocolError('unknown-command', `byte ${value} is not a command`)
    : new BinaryProtocolError(
        'impossible-frame-length',
        `a frame data length of ${value} bytes; the maximum is ${longestFrameBytes}`,
      )
}
