/** Locates a fault in a message: its offset, the expected value, and the value found. */
import type { FieldPart } from '../binary/field-scanner.ts'
import { tokenBytes, type BinaryProtocolError, type RefusalCode } from '../binary/notification.ts'
import { itemFormats, longestFrameBytes, type FieldName } from '../binary/wire-format.ts'

export interface Fault {
  readonly offset: number
  readonly expected: string
  readonly found: string
}

type Fields = readonly FieldPart[]

/** The fault of a refused message, after which the stream stays readable. */
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
      const expected = `a frame that is not longer than a payload of ${maxPayloadBytes} bytes requires`
      return valueFault(fields, 'frame-length', expected)
    }
  }
}

/** The fault that makes a stream unreadable; `end` is the length of the stream. */
export function streamFault(code: BinaryProtocolError['code'], fields: Fields, end: number): Fault {
  switch (code) {
    case 'unknown-command':
      return valueFault(fields, 'command', 'a command: 0, 1 or 2')
    case 'impossible-frame-length':
      return valueFault(
        fields,
        'frame-length',
        `a frame data length of at most ${longestFrameBytes} bytes`,
      )
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
    return { offset: fields[0]?.offset ?? 0, expected, found: 'a frame without this item' }
  return { offset: head.offset, expected, found: `${fields[index]?.bytes ?? 0} bytes` }
}

function duplicateFault(fields: Fields): Fault {
  const seen = new Set<FieldName>()
  for (const [index, { name, offset }] of fields.entries()) {
    if (fields[index - 1]?.name !== 'item-length' || name === 'unknown-item') continue
    if (seen.has(name))
      return { offset: offset - 3, expected: `at most one ${name}`, found: `another ${name}` }
    seen.add(name)
  }
  return unknownFault(fields)
}

function sizeFault(fields: Fields): Fault {
  for (const { name, bytes, offset } of fields) {
    const fixedBytes = Object.values(itemFormats).find((format) => format.name === name)?.bytes
    if (fixedBytes === undefined || fixedBytes === bytes) continue
    const expected = `a length of ${fixedBytes} for ${name}`
    return { offset: offset - 2, expected, found: `${bytes} bytes` }
  }
  return unknownFault(fields)
}

function overrunFault(fields: Fields): Fault {
  const frame = fields.find(({ name }) => name === 'frame-length')
  if (frame === undefined) return unknownFault(fields)
  const itemsAt = frame.offset + frame.bytes
  const frameEnd = itemsAt + frame.value
  const head = fields.findLast(({ name }) => name === 'item-length')
  const dataAt = head === undefined ? itemsAt : head.offset + head.bytes
  const itemEnd = dataAt + (head?.value ?? 0)
  if (head !== undefined && itemEnd > frameEnd)
    return {
      offset: head.offset,
      expected: `an item within the remaining ${frameEnd - dataAt} bytes of its frame`,
      found: `${head.value} bytes`,
    }
  const found = `the last ${frameEnd - itemEnd} bytes of the frame`
  return { offset: itemEnd, expected: 'an item of at least 3 bytes', found }
}

function valueFault(fields: Fields, name: FieldName, expected: string): Fault {
  const field = fields.find((one) => one.name === name)
  if (field === undefined) return unknownFault(fields)
  const found = name === 'command' ? byteText(field.value) : `${field.value} bytes`
  return { offset: field.offset, expected, found }
}

function unknownFault(fields: Fields): Fault {
  return {
    offset: fields[0]?.offset ?? 0,
    expected: 'a valid message',
    found: 'an invalid message',
  }
}

export function byteText(byte: number): string {
  return `byte 0x${byte.toString(16).padStart(2, '0')}`
}

const aroundBytes = 8

/** The bytes before and after `offset`, with the byte at `offset` in brackets: `00 20 [ff] 12`. */
export function hexAround(stream: Buffer, offset: number): string {
  const pairs = (from: number, to: number): string[] =>
    Array.from(stream.subarray(Math.max(0, from), Math.max(0, to)), (byte) =>
      byte.toString(16).padStart(2, '0'),
    )
  const here = `[${pairs(offset, offset + 1).join('')}]`
  const before = pairs(offset - aroundBytes, offset)
  return [...before, here, ...pairs(offset + 1, offset + 1 + aroundBytes)].join(' ')
}
