/** Locates a fault in a message: its offset, the expected value, and the value found. */
import type { FieldPart } from '../binary/field-scanner.ts'
import { tokenBytes, type BinaryProtocolError, type RefusalCode } from '../binary/notification.ts'
import {
  fixedBytes,
  itemHeaderBytes,
  longestFrameBytes,
  type FieldName,
} from '../binary/wire-format.ts'

export interface Fault {
  readonly offset: number
  readonly expected: string
  readonly found: string
}

type Fields = readonly FieldPart[]

/** The fault of a refused message, after which the stream stays readable. */
export function refusalFault(code: RefusalCode, fields: Fields, maxPayloadBytes: number): Fault {
  switch (code) {
    case 'missing-token':
    case 'invalid-token-size':
      return lengthFault(fields, 'token', 'a device token', tokenBytes)
    case 'missing-payload':
    case 'invalid-payload-size':
      return lengthFault(fields, 'payload', 'a payload', { min: 1, max: maxPayloadBytes })
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
    case 'impossible-frame-length': {
      const expected = `a frame data length of at most ${longestFrameBytes} bytes`
      return valueFault(fields, 'frame-length', expected)
    }
    case 'truncated': {
      const last = fields.at(-1)
      const missing = last && !last.isWhole ? last.bytes - last.content.length : 0
      const what = `${missing} more ${missing === 1 ? 'byte' : 'bytes'} of ${last?.name}`
      const expected = missing > 0 ? what : 'the rest of the message'
      return { offset: end, expected, found: 'the end of the stream' }
    }
  }
}

function lengthFault(
  fields: Fields,
  name: 'token' | 'payload',
  what: string,
  { min, max }: { readonly min: number; readonly max: number },
): Fault {
  const expected = `${what} of ${min} to ${max} bytes`
  const isWrong = (field: FieldPart): boolean =>
    field.name === name && (field.bytes < min || field.bytes > max)
  const index = fields.findIndex(isWrong)
  const [head, value] = fields.slice(index - 1)
  if (index < 1 || head === undefined || value === undefined)
    return { offset: fields[0]?.offset ?? 0, expected, found: 'a frame without this item' }
  return { offset: head.offset, expected, found: `${value.bytes} bytes` }
}

const repeatable = new Set<FieldName>(['item-id', 'item-length', 'unknown-item'])

function duplicateFault(fields: Fields): Fault {
  const single = fields.filter(({ name }) => !repeatable.has(name))
  const isSecond = (field: FieldPart): boolean =>
    single.find(({ name }) => name === field.name) !== field
  const { name, offset } = fieldWhere(single, isSecond)
  return {
    offset: offset - itemHeaderBytes,
    expected: `at most one ${name}`,
    found: `another ${name}`,
  }
}

function sizeFault(fields: Fields): Fault {
  const isWrong = ({ name, bytes }: FieldPart): boolean => (fixedBytes(name) ?? bytes) !== bytes
  const { name, bytes, offset } = fieldWhere(fields, isWrong)
  const expected = `a length of ${fixedBytes(name)} for ${name}`
  return { offset: offset - 2, expected, found: `${bytes} bytes` }
}

function overrunFault(fields: Fields): Fault {
  const frame = fieldWhere(fields, ({ name }) => name === 'frame-length')
  const itemsAt = frame.offset + frame.bytes
  const frameEnd = itemsAt + frame.value
  const head = fields.findLast(({ name }) => name === 'item-length')
  const dataAt = head === undefined ? itemsAt : head.offset + head.bytes
  const itemEnd = dataAt + (head?.value ?? 0)
  if (head !== undefined && itemEnd > frameEnd) {
    const expected = `an item within the remaining ${frameEnd - dataAt} bytes of its frame`
    return { offset: head.offset, expected, found: `${head.value} bytes` }
  }
  const found = `the last ${frameEnd - itemEnd} bytes of the frame`
  return { offset: itemEnd, expected: 'an item of at least 3 bytes', found }
}

function valueFault(fields: Fields, name: FieldName, expected: string): Fault {
  const { offset, value } = fieldWhere(fields, (field) => field.name === name)
  return { offset, expected, found: name === 'command' ? byteText(value) : `${value} bytes` }
}

/** @throws TypeError if the message does not have the fault */
function fieldWhere(fields: Fields, isWanted: (field: FieldPart) => boolean): FieldPart {
  const field = fields.find(isWanted)
  if (field === undefined) throw new TypeError('no field of the message has this fault')
  return field
}

export function byteText(byte: number): string {
  return `byte 0x${byte.toString(16).padStart(2, '0')}`
}

const aroundBytes = 8

/** The bytes before and after `offset`, with the byte at `offset` in brackets: `00 20 [ff] 12`. */
export function hexAround(stream: Buffer, offset: number): string {
  const start = Math.max(0, offset - aroundBytes)
  const before = stream.subarray(start, offset).toString('hex').replaceAll(/../g, '$& ')
  const after = stream.subarray(offset + 1, offset + 1 + aroundBytes).toString('hex')
  const here = stream.toString('hex', offset, offset + 1)
  return `${before}[${here}]${after.replaceAll(/../g, ' $&')}`
}
