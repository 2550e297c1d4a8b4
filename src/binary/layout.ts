/** The layout of commands 0, 1 and 2, field by field in wire order; all integers are big-endian. */
import { Parser } from 'binary-parser'

const tokenAndPayload = (head: Parser) =>
  head
    .uint16be('tokenLength')
    .buffer('token', { length: 'tokenLength' })
    .uint16be('payloadLength')
    .buffer('payload', { length: 'payloadLength' })

/** Command 0. — source: Apple, "Legacy Notification Format", simple */
const simple = tokenAndPayload(new Parser())

/** Command 1. — source: Apple, "Legacy Notification Format", enhanced */
const enhanced = tokenAndPayload(new Parser().uint32be('identifier').uint32be('expiration'))

/** Reads the offset instead of a view: five views would cost more than the rest of the frame. */
const item = new Parser()
  .uint8('itemId')
  .uint16be('itemDataLength')
  .saveOffset('dataOffset')
  .seek('itemDataLength')

/** Command 2. — source: Apple, "Binary Provider API" */
const framed = new Parser()
  .uint32be('frameDataLength')
  .array('items', { type: item, lengthInBytes: 'frameDataLength' })

const message = new Parser()
  .uint8('command')
  .choice('body', { tag: 'command', choices: { 0: simple, 1: enhanced, 2: framed } })

const messages = new Parser().array('messages', { type: message, readUntil: 'eof' })

/** One item of a command-2 frame. */
export interface Item {
  readonly itemId: number
  readonly itemDataLength: number
  /** Offset of the item data in the parsed bytes. */
  readonly dataOffset: number
}

interface TokenAndPayload {
  readonly token: Buffer
  readonly payload: Buffer
}

/** One message; the names of its fields are Apple's. */
export type Message =
  | { readonly command: 0; readonly body: TokenAndPayload }
  | {
      readonly command: 1
      readonly body: TokenAndPayload & { readonly identifier: number; readonly expiration: number }
    }
  | { readonly command: 2; readonly body: { readonly items: readonly Item[] } }

/**
 * Parses consecutive messages in one call, because a parser call costs more than a message.
 * `bytes` must contain complete messages only. The fields are views of `bytes`.
 */
export function parseMessages(bytes: Buffer): Message[] {
  return (messages.parse(bytes) as { messages: Message[] }).messages
}
