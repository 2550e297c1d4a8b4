/** Encodes the header blocks of requests to the provider API. */
import type { ProviderRequest } from '../../apns/request.ts'
import {
  DynamicTable,
  fieldBytes,
  initialTableBytes,
  plainString,
  representation,
  staticIndex,
  staticTable,
  type HeaderField,
  type Representation,
} from './hpack.ts'

const { indexed, withIndexing, sizeUpdate, neverIndexed, withoutIndexing } = representation

interface FieldName {
  readonly text: string
  /** In the static table; 0 = none. */
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

function named(text: string): FieldName {
  return { text, index: staticIndex(text) }
}

/** Upper bound for names, lengths, numbers and size updates in a block, bytes. */
const fixedBytes = 256

/**
 * For one connection. Indexes values that repeat, and never those that are unique or secret.
 * — source: RFC 7541; Apple, "Sending notification requests to APNs", for what to index
 */
export class HpackEncoder {
  readonly #maxTableBytes: number
  readonly #table = new DynamicTable(initialTableBytes)
  readonly #writer = new PrimitiveWriter()
  /** The size that the table must have at the next block, and the least size since the last one. */
  #wantedBytes = initialTableBytes
  #lowestBytes = initialTableBytes

  /** Uses `maxTableBytes` at most, even if the peer allows more. */
  constructor(maxTableBytes = initialTableBytes) {
    this.#maxTableBytes = maxTableBytes
    this.resize(initialTableBytes)
  }

  /**
   * Applies the peer's SETTINGS_HEADER_TABLE_SIZE, in bytes. The acknowledgement must be written
   * before the next block. — source: RFC 7541, 4.2; RFC 9113, 4.3.1
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
   * Writes the block at `offset`, where {@link maxBytes} must be free, and returns its end. Every
   * block must reach the peer, in this order.
   * @throws RangeError when the block did not fit; the encoder is unusable then
   */
  encode(
    request: ProviderRequest,
    authority: string,
    authorization: string | undefined,
    target: Buffer,
    offset: number,
  ): number {
    const writer = this.#writer
    writer.begin(target, offset)
    this.#announceSize()
    writer.integer(indexed, methodPost)
    writer.integer(indexed, schemeHttps)
    this.#secret(path, `/3/device/${request.token}`)
    this.#repeated(authorityName, authority)
    if (authorization !== undefined) this.#secret(authorizationName, authorization)
    this.#repeated(topic, request.topic)
    this.#repeated(contentType, 'application/json')
    if (request.pushType !== undefined) this.#repeated(pushType, request.pushType)
    if (request.priority !== undefined) this.#repeated(priority, String(request.priority))
    this.#unique(apnsId, request.apnsId)
    if (request.expiration !== undefined) this.#unique(expiration, String(request.expiration))
    this.#unique(contentLength, String(request.payload.length))
    if (writer.offset > target.length)
      throw new RangeError('the header block does not fit the buffer')
    return writer.offset
  }

  /** A smaller size in between has to be announced as well. — source: RFC 7541, 4.2 */
  #announceSize(): void {
    if (this.#lowestBytes < this.#table.maxBytes) this.#resizeTable(this.#lowestBytes)
    if (this.#wantedBytes > this.#table.maxBytes) this.#resizeTable(this.#wantedBytes)
    this.#lowestBytes = this.#wantedBytes
  }

  #resizeTable(maxBytes: number): void {
    this.#table.resize(maxBytes)
    this.#writer.integer(sizeUpdate, maxBytes)
  }

  /** A value that repeats: added to the table, then written as an index. */
  #repeated(name: FieldName, value: string): void {
    const position = this.#table.find(name.text, value)
    if (position === 0) this.#learn(name, this.#indexOf(name), value)
    else this.#writer.integer(indexed, staticTable.length + position)
  }

  /** A value that does not repeat: only its name is added to the table. */
  #unique(name: FieldName, value: string): void {
    const index = this.#indexOf(name)
    if (index === 0) this.#learn(name, index, value)
    else this.#literal(withoutIndexing, name, index, value)
  }

  /** Intermediaries may not index it either. — source: RFC 7541, 6.2.3 and 7.1.3 */
  #secret(name: FieldName, value: string): void {
    this.#literal(neverIndexed, name, name.index, value)
  }

  /** Does not index a field larger than the table, because that would empty the table. */
  #learn(name: FieldName, index: number, value: string): void {
    const field: HeaderField = [name.text, value]
    const fits = fieldBytes(field) <= this.#table.maxBytes
    this.#literal(fits ? withIndexing : withoutIndexing, name, index, value)
    if (fits) this.#table.add(field)
  }

  /** — source: RFC 7541, 6.2 */
  #literal(form: Representation, name: FieldName, index: number, value: string): void {
    this.#writer.integer(form, index)
    if (index === 0) this.#writer.string(name.text)
    this.#writer.string(value)
  }

  /** Index of a name in either table; 0 = in none. */
  #indexOf({ text, index }: FieldName): number {
    if (index !== 0) return index
    const position = this.#table.find(text)
    return position === 0 ? 0 : staticTable.length + position
  }
}

/** Up to this length, a loop is faster than a call into the runtime. */
const longestLoopCharacters = 16

/** Writes integers and strings; drops what exceeds the buffer, and counts it in {@link offset}. */
export class PrimitiveWriter {
  #target: Buffer = Buffer.alloc(0)
  #at = 0

  /** Continues at another place. */
  begin(target: Buffer, offset: number): void {
    this.#target = target
    this.#at = offset
  }

  /** Of the next byte; exceeds the length of a buffer that was too short. */
  get offset(): number {
    return this.#at
  }

  /** The bits of the form and behind them a value below 2^31. — source: RFC 7541, 5.1 */
  integer({ pattern, prefixBits }: Representation, value: number): void {
    const prefix = (1 << prefixBits) - 1
    if (value < prefix) {
      this.#target[this.#at++] = pattern | value
      return
    }
    this.#target[this.#at++] = pattern | prefix
    let rest = value - prefix
    for (; rest >= 0x80; rest >>= 7) this.#target[this.#at++] = (rest & 0x7f) | 0x80
    this.#target[this.#at++] = rest
  }

  /** Plain: Huffman coding saves less than it costs here. — source: RFC 7541, 5.2 */
  string(value: string): void {
    this.integer(plainString, value.length)
    const start = this.#at
    this.#at += value.length
    if (value.length > longestLoopCharacters) this.#target.write(value, start, 'latin1')
    else for (let at = 0; at < value.length; at++) this.#target[start + at] = value.charCodeAt(at)
  }
}
