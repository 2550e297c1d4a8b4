/** Commands 0, 1 and 2 as they lie on the wire, field by field; all integers big-endian. */
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

/** Most are numbers: five views for each frame would cost more than all the rest of it. */
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

/** One type-length-value of a command-2 frame. */
export interface Item {
  readonly itemId: number
  readonly itemDataLength: number
  /** Where its data begins in the bytes that were parsed. */
  readonly dataOffset: number
}

interface TokenAndPayload {
  readonly token: Buffer
  readonly payload: Buffer
}

/** One message, its fields named as in Apple's tables. */
export type Message =
  | { readonly command: 0; readonly body: TokenAndPayload }
  | {
      readonly command: 1
      readonly body: TokenAndPayload & { readonly identifier: number; readonly expiration: number }
    }
  | { readonly command: 2; readonly body: { readonly items: readonly Item[] } }

/**
 * Reads whole messages back to back. Many at a time, because a parser call costs more than a
 * message. The fields are views of `bytes`; `bytes` must hold nothing but whole messages.
 */
export function parseMessages(bytes: Buffer): Message[] {
  return (messages.parse(bytes) as { messages: Message[] }).messages
}
