/** Where in a message a fault lies: the byte, what the protocol expects there, and what was found. */
import { longestFrameBytes } from '../binary/extent.ts'
import { tokenBytes, type BinaryProtocolError, type RefusalCode } from '../binary/notification.ts'
import type { FieldName, PlacedField } from './field-walk.ts'

/** Points at a byte of a stream. */
export interface Fault {
  readonly offset: number
  readonly expected: string
  readonly found: string
}

type Fields = readonly PlacedField[]

/** The fault of a message that was refused while the stream stays readable behind it. */
export function refusalFault(code: RefusalCode, fields: Fields, maxPayloadBytes: number): Fault {
  const token = `a device token of ${tokenBytes.min} to ${tokenBytes.max} bytes`
  const payload = `a payload of 1 to ${maxPayloadBytes} bytes`
  switch (code) {
    case 'missing-token':
      return lengthFault(fields, 'token', token, (bytes) => bytes === 0)
    case 'invalid-token-size':
      return lengthFault(fields, 'token', token, (n) => n < tokenBytes.min || n > tokenBytes.max)
    case 'missing-payload':
      return lengthFault(fields, 'payload', payload, (bytes) => bytes === 0)
    case 'invalid-payload-size':
      return lengthFault(fields, 'payload', payload, (bytes) => bytes > maxPayloadBytes)
    case 'duplicate-item':
      return duplicateFault(fields)
    case 'invalid-item-size':
      return sizeFault(fields)
    case 'item-overruns-frame':
      return overrunFault(fields)
    case 'frame-too-long': {
      const expected = `a frame that a payload of ${maxPayloadBytes} bytes can fill`
      return atNumber(fields, 'frame-length', expected)
    }
  }
}

/** The fault that ends a stream; `end` is the number of its bytes. */
export function streamFault(code: BinaryProtocolError['code'], fields: Fields, end: number): Fault {
  switch (code) {
    case 'unknown-command':
      return atNumber(fields, 'command', 'a command: 0, 1 or 2')
    case 'impossible-frame-length':
      return atNumber(fields, 'frame-length', `a frame of ${longestFrameBytes} bytes at the most`)
    case 'truncated': {
      const last = fields.at(-1)
      const missing = last === undefined ? 0 : last.bytes - last.content.length
      const expected =
        missing > 0 && last !== undefined
          ? `${missing} more ${missing === 1 ? 'byte' : 'bytes'} of ${last.name}`
          : 'the rest of the message'
      return { offset: end, expected, found: 'the end of the stream' }
    }
  }
}

function lengthFault(
  fields: Fields,
  name: 'token' | 'payload',
  expected: string,
  isWrong: (bytes: number) => boolean,
): Fault {
  const index = fields.findIndex((field) => field.name === name && isWrong(field.bytes))
  const head = fields[index - 1]
  if (head === undefined)
    return { offset: fields[0]?.offset ?? 0, expected, found: 'a frame without that item' }
  return { offset: head.offset, expected, found: `${fields[index]?.bytes ?? 0} bytes` }
}

function duplicateFault(fields: Fields): Fault {
  const seen = new Set<FieldName>()
  for (const [index, { name, offset }] of fields.entries()) {
    if (fields[index - 1]?.name !== 'item-length' || name === 'unknown-item') continue
    if (seen.has(name))
      return { offset: offset - 3, expected: `one ${name} at the most`, found: 'another one' }
    seen.add(name)
  }
  return nowhere(fields)
}

const fixedBytes: Partial<Record<FieldName, number>> = { identifier: 4, expiration: 4, priority: 1 }

function sizeFault(fields: Fields): Fault {
  for (const { name, bytes, offset } of fields) {
    const fixed = fixedBytes[name]
    if (fixed === undefined || fixed === bytes) continue
    const expected = `a length of ${fixed} for ${name}`
    return { offset: offset - 2, expected, found: `${bytes} bytes` }
  }
  return nowhere(fields)
}

function overrunFault(fields: Fields): Fault {
  const rest = fields.find(({ name }) => name === 'rest')
  const head = fields.filter(({ name }) => name === 'item-length').at(-1)
  const end = head === undefined ? 0 : head.offset + head.bytes
  const restEnd = rest === undefined ? end : rest.offset + rest.bytes
  if (head !== undefined && (rest === undefined || rest.offset === end))
    return {
      offset: head.offset,
      expected: `an item within the ${restEnd - end} bytes that its frame has left`,
      found: `${number(head)} bytes`,
    }
  const found = `the last ${rest?.bytes ?? 0} of the frame`
  return { offset: rest?.offset ?? 0, expected: 'an item, which takes 3 bytes at least', found }
}

function atNumber(fields: Fields, name: FieldName, expected: string): Fault {
  const field = fields.find((one) => one.name === name)
  if (field === undefined) return nowhere(fields)
  const found = name === 'command' ? byteInWords(number(field)) : `${number(field)} bytes`
  return { offset: field.offset, expected, found }
}

function nowhere(fields: Fields): Fault {
  return { offset: fields[0]?.offset ?? 0, expected: 'a sound message', found: 'another' }
}

function byteInWords(byte: number): string {
  return `byte 0x${byte.toString(16).padStart(2, '0')}`
}

function number({ content }: PlacedField): number {
  return content.length === 0 ? 0 : content.readUIntBE(0, content.length)
}

const aroundBytes = 8

/** Some bytes before and behind `offset`, the one there in brackets: `00 20 [ff] 12`. */
export function hexAround(stream: Buffer, offset: number): string {
  const pairs = (from: number, to: number): string[] =>
    Array.from(stream.subarray(Math.max(0, from), Math.max(0, to)), (byte) =>
      byte.toString(16).padStart(2, '0'),
    )
  const here = `[${pairs(offset, offset + 1).join('')}]`
  const before = pairs(offset - aroundBytes, offset)
  return [...before, here, ...pairs(offset + 1, offset + 1 + aroundBytes)].join(' ')
}
