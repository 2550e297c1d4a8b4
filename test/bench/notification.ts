/** The notifications of a benchmark: each with a number of its own, all of the same length. */
import type { Command } from '../../src/binary/notification.ts'
import { built } from './built.ts'

/** The topic of all. */
export const topic = 'com.example.app'

/** Few, because nghttpd needs a file for each that it is to answer with status 200. */
export const tokens: readonly string[] = Array.from({ length: 16 }, (_, index) =>
  index.toString(16).repeat(64),
)

const numberDigits = 8
const timeDigits = 16

/** Its expiration, UNIX seconds. */
export const expiration = 2_000_000_000

/** The token of the n-th. */
export function tokenOf(n: number): string {
  return tokens[n % tokens.length] ?? ''
}

/** The alert of the n-th. */
export function alertOf(n: number): string {
  return `hello ${String(n).padStart(numberDigits, '0')}`
}

/** The payload of the n-th. */
export function payloadOf(n: number): string {
  return `{"aps":{"alert":"${alertOf(n)}","sound":"default"}}`
}

/** The payload of the n-th with the time in it. */
export function payloadSentNow(n: number): string {
  const time = String(nowMicroseconds()).padStart(timeDigits, '0')
  return `{"aps":{"alert":"${alertOf(n)}","sound":"default"},"sent":"${time}"}`
}

/** The time in a payload; 0 when it has none. */
export function sentAt(payload: Buffer): number {
  const end = payload.length - 2
  return Number(payload.toString('latin1', end - timeDigits, end)) || 0
}

/** Of a clock that never jumps and that all processes of a machine share. */
export function nowMicroseconds(): number {
  return Number(process.hrtime.bigint() / 1000n)
}

/** The n-th as a sender writes it. */
export async function notificationEncoder(
  command: Command,
): Promise<(n: number, payload: string) => Buffer> {
  const { encodeNotification } = await built('binary/encoder')
  return (n, payload) =>
    encodeNotification({
      command,
      identifier: n,
      token: Buffer.from(tokenOf(n), 'hex'),
      payload: Buffer.from(payload),
      expiration,
      priority: 10,
    })
}

/** Messages in a block: about 64 KiB, and a multiple of the number of tokens. */
export const blockSize = 512

/** The next number of notifications that a sender can write in whole blocks. */
export function wholeBlocks(count: number): number {
  return Math.ceil(count / blockSize) * blockSize
}

const marker = 0xfeedc000

/**
 * Makes blocks of {@link blockSize} messages by writing numbers into a copy of the first, so that
 * a sender has next to nothing to do.
 */
export async function blockMaker(): Promise<(first: number) => Buffer> {
  const encode = await notificationEncoder(2)
  const messages = Array.from({ length: blockSize }, (_, n) => encode(marker + n, payloadOf(0)))
  const template = Buffer.concat(messages)
  const messageBytes = template.length / blockSize
  const identifierAt = template.indexOf(marker.toString(16), 0, 'hex')
  const alertAt = template.indexOf(alertOf(0))
  return (first) => {
    const block = Buffer.from(template)
    for (let n = first, at = 0; at < block.length; n++, at += messageBytes) {
      block.writeUInt32BE(n, at + identifierAt)
      block.write(alertOf(n), at + alertAt, 'latin1')
    }
    return block
  }
}
