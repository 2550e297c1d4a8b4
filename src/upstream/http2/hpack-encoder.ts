/** Writes the header blocks of requests to the provider API. */
import type { ProviderRequest } from '../../apns/request.ts'
import { DynamicTable, initialTableBytes } from './dynamic-table.ts'
import { fieldBytes, type HeaderField } from './header-field.ts'
import { PrimitiveWriter } from './primitive-writer.ts'
import { representation, type Representation } from './representation.ts'
import { staticIndex, staticTable } from './static-table.ts'

const { indexed, withIndexing, sizeUpdate, neverIndexed, withoutIndexing } = representation

interface FieldName {
  readonly text: string
  /** 0 = not in the static table. */
  readonly index: number
}

const methodPost = staticIndex(':method', 'POST')
const schemeHttps = staticIndex(':scheme', 'https')
const path = named(':path')
const authorityName = named(':authority')
const authorizationName = named('authorization')
const apnsId = named('apns-id')
const topic = named('apns-topic')
const pushType = named('apns-push-type')
const priority = named('apns-priority')
const expiration = named('apns-expiration')
const contentType = named('content-type')
const contentLength = named('content-length')

/** More than all of a block but the strings of the request: names, lengths, numbers, size updates. */
const fixedBytes = 256

/**
 * For one connection. What repeats is indexed once; what is unique or secret never fills the table.
 * — source: RFC 7541; Apple, "Sending notification requests to APNs", for what to index
 */
export class HpackEncoder {
  readonly #maxTableBytes: number
  readonly #table = new DynamicTable(initialTableBytes)
  /** What the table has to be at the next block, and the least it had to be since the last one. */
  #wantedBytes = initialTableBytes
  #lowestBytes = initialTableBytes

  /** Uses `maxTableBytes` at most, even when the peer allows more. */
  constructor(maxTableBytes = initialTableBytes) {
    this.#maxTableBytes = maxTableBytes
    this.resize(initialTableBytes)
  }

  /**
   * The peer's SETTINGS_HEADER_TABLE_SIZE, in bytes. The acknowledgement must leave in front of
   * the next block. — source: RFC 7541, 4.2; RFC 9113, 4.3.1
   */
  resize(peerMaxBytes: number): void {
    this.#wantedBytes = Math.min(peerMaxBytes, this.#maxTableBytes)
    this.#lowestBytes = Math.min(this.#lowestBytes, this.#wantedBytes)
  }

  /** Upper bound of what {@link encode} writes for this request. */
  maxBytes(request: ProviderRequest, authority: string, authorization: string | undefined): number {
    const { token, apnsId, topic, pushType = '' } = request
    const requestBytes = token.length + apnsId.length + topic.length + pushType.length
    return fixedBytes + requestBytes + authority.length + (authorization?.length ?? 0)
  }

  /**
   * Writes the whole block at `offset`, behind which {@link maxBytes} must be free, and returns the
   * offset behind it. Every block must reach the peer, in this order. Throws a RangeError when the
   * block did not fit; the encoder is useless then.
   */
  encode(
    request: ProviderRequest,
    authority: string,
    authorization: string | undefined,
    target: Buffer,
    offset: number,
  ): number {
    const writer = new PrimitiveWriter(target, offset)
    this.#announceSize(writer)
    writer.integer(indexed, methodPost)
    writer.integer(indexed, schemeHttps)
    writeSecret(writer, path, `/3/device/${request.token}`)
    this.#repeated(writer, authorityName, authority)
    if (authorization !== undefined) writeSecret(writer, authorizationName, authorization)
    this.#repeated(writer, topic, request.topic)
    this.#repeated(writer, contentType, 'application/json')
    if (request.pushType !== undefined) this.#repeated(writer, pushType, request.pushType)
    if (request.priority !== undefined) this.#repeated(writer, priority, String(request.priority))
    this.#unique(writer, apnsId, request.apnsId)
    if (request.expiration !== undefined)
      this.#unique(writer, expiration, String(request.expiration))
    this.#unique(writer, contentLength, String(request.payload.length))
    if (writer.offset > target.length) throw new RangeError('no room for the header block')
    return writer.offset
  }

  /** A size that was only passed through must be told as well. — source: RFC 7541, 4.2 */
  #announceSize(writer: PrimitiveWriter): void {
    if (this.#lowestBytes < this.#table.maxBytes) this.#resizeTable(writer, this.#lowestBytes)
    if (this.#wantedBytes > this.#table.maxBytes) this.#resizeTable(writer, this.#wantedBytes)
    this.#lowestBytes = this.#wantedBytes
  }

  #resizeTable(writer: PrimitiveWriter, maxBytes: number): void {
    this.#table.resize(maxBytes)
    writer.integer(sizeUpdate, maxBytes)
  }

  /** One of a few values: an index, once the table has it. */
  #repeated(writer: PrimitiveWriter, name: FieldName, value: string): void {
    const position = this.#table.find(name.text, value)
    if (position === 0) this.#learn(writer, name, this.#indexOf(name), value)
    else writer.integer(indexed, staticTable.length + position)
  }

  /** A value that does not come again: only its name is worth a place in the table. */
  #unique(writer: PrimitiveWriter, name: FieldName, value: string): void {
    const index = this.#indexOf(name)
    if (index === 0) this.#learn(writer, name, index, value)
    else writeLiteral(writer, withoutIndexing, name, index, value)
  }

  /** What is larger than the table would only empty it. */
  #learn(writer: PrimitiveWriter, name: FieldName, index: number, value: string): void {
    const field: HeaderField = [name.text, value]
    const fits = fieldBytes(field) <= this.#table.maxBytes
    writeLiteral(writer, fits ? withIndexing : withoutIndexing, name, index, value)
    if (fits) this.#table.add(field)
  }

  /** Of the name alone, in either table; 0 = in none. */
  #indexOf({ text, index }: FieldName): number {
    if (index !== 0) return index
    const position = this.#table.find(text)
    return position === 0 ? 0 : staticTable.length + position
  }
}

function named(text: string): FieldName {
  return { text, index: staticIndex(text) }
}

/** No intermediary may index it either. — source: RFC 7541, 6.2.3 and 7.1.3 */
function writeSecret(writer: PrimitiveWriter, name: FieldName, value: string): void {
  writeLiteral(writer, neverIndexed, name, name.index, value)
}

/** — source: RFC 7541, 6.2 */
function writeLiteral(
  writer: PrimitiveWriter,
  representation: Representation,
  name: FieldName,
  index: number,
  value: string,
): void {
  writer.integer(representation, index)
  if (index === 0) writer.string(name.text)
  writer.string(value)
}
