/** Goes over a message that is out of bounds: finds what to tell the sender, keeps none of its bytes. */
import { ItemId, itemHeadBytes, longestFrameBytes } from './extent.ts'
import {
  BinaryProtocolError,
  refused,
  tokenBytes,
  type Command,
  type RefusalCode,
  type RefusedNotification,
} from './notification.ts'

/** What a skim asks of its owner: bytes to look at, bytes to drop, or to tell what was found. */
export type Wish = { readonly read: number } | { readonly skip: number } | RefusedNotification

/** A conversation: each `read` is answered with exactly that many bytes, the rest with nothing. */
export type Skim = Generator<Wish, undefined, Buffer | undefined>

/**
 * Skims one message from its command byte on. The refusal is told as soon as the offence and the
 * identifier are known, the rest of the message is skipped, so what comes behind it can be read.
 * @throws {BinaryProtocolError} where nothing tells where the message ends
 */
export function* skimMessage(maxPayloadBytes: number): Skim {
  const command = (yield* read(1)).readUInt8()
  if (command === 2) yield* skimFrame(maxPayloadBytes)
  else if (command === 0 || command === 1) yield* skimPair(command)
  else throw new BinaryProtocolError('unknown-command', `no command begins with byte ${command}`)
}

function* skimPair(command: Command): Skim {
  const identifier = command === 1 ? (yield* read(8)).readUInt32BE() : undefined
  const tokenLength = (yield* read(2)).readUInt16BE()
  const tokenTooLong = tokenLength > tokenBytes.max
  yield refused(command, identifier, tokenTooLong ? 'invalid-token-size' : 'invalid-payload-size')
  yield { skip: tokenLength }
  yield { skip: (yield* read(2)).readUInt16BE() }
}

function* skimFrame(maxPayloadBytes: number): Skim {
  const frameLength = (yield* read(4)).readUInt32BE()
  if (frameLength > longestFrameBytes)
    throw new BinaryProtocolError(
      'impossible-frame-length',
      `a frame of ${frameLength} bytes; the longest possible has ${longestFrameBytes}`,
    )
  let left = frameLength
  let identifier: number | undefined
  let offence: RefusalCode | undefined
  while (left >= itemHeadBytes && (offence === undefined || identifier === undefined)) {
    const head = yield* read(itemHeadBytes)
    const itemId = head.readUInt8()
    const length = head.readUInt16BE(1)
    left -= itemHeadBytes
    if (length > left) {
      offence ??= 'item-overruns-frame'
      break
    }
    offence ??= offenceOf(itemId, length, maxPayloadBytes)
    // The first of several counts, as it does in a frame within bounds.
    if (itemId === ItemId.identifier && length === 4 && identifier === undefined)
      identifier = (yield* read(4)).readUInt32BE()
    else yield { skip: length }
    left -= length
  }
  if (left > 0 && left < itemHeadBytes) offence ??= 'item-overruns-frame'
  yield refused(2, identifier, offence ?? 'frame-too-long')
  yield { skip: left }
}

function offenceOf(
  itemId: number,
  length: number,
  maxPayloadBytes: number,
): RefusalCode | undefined {
  if (itemId === ItemId.token && length > tokenBytes.max) return 'invalid-token-size'
  if (itemId === ItemId.payload && length > maxPayloadBytes) return 'invalid-payload-size'
  return undefined
}

function* read(bytes: number): Generator<Wish, Buffer, Buffer | undefined> {
  return (yield { read: bytes }) ?? Buffer.alloc(bytes)
}
