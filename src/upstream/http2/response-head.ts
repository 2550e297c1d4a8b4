/** The header fields of an answer: which are allowed, and what they say that matters here. */
import { StreamError } from './frame.ts'
import type { HeaderField } from './header-field.ts'

/** What the provider API's headers say. */
export interface ResponseHead {
  /** 100 to 999 */
  readonly status: number
  readonly retryAfterSeconds: number | undefined
  readonly contentLength: number | undefined
}

/** — source: RFC 9113, 8.2.1, and the tokens of RFC 9110, 5.6.2, which has no upper case here */
const validName = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/
const invalidValue = /[\0\r\n]|^[ \t]|[ \t]$/

/** What APNs sends: for these the pattern need not be tried, which costs more than all the rest. */
const usualNames: ReadonlySet<string> = new Set([
  'apns-id',
  'apns-unique-id',
  'content-length',
  'content-type',
  'date',
  'server',
])

/** They speak of a connection that HTTP/2 does not have. — source: RFC 9113, 8.2.2 */
const connectionSpecific: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
])

/** @throws {StreamError} when the answer is malformed — source: RFC 9113, 8.1.1 and 8.3 */
export function readResponseHead(streamId: number, fields: readonly HeaderField[]): ResponseHead {
  const [first] = fields
  if (first?.[0] !== ':status' || (first[1] !== '200' && !/^[1-9]\d\d$/.test(first[1])))
    throw malformed(streamId, 'no :status in front')
  let retryAfterSeconds: number | undefined
  let contentLength: number | undefined
  for (let index = 1; index < fields.length; index++) {
    const field = fields[index]
    if (field === undefined) break
    checkField(streamId, field)
    const [name, value] = field
    if (name === 'retry-after' && /^\d{1,9}$/.test(value)) retryAfterSeconds = Number(value)
    if (name === 'content-length') contentLength = readLength(streamId, contentLength, value)
  }
  return { status: Number(first[1]), retryAfterSeconds, contentLength }
}

/** @throws {StreamError} when they are malformed: trailers have no pseudo-header fields */
export function checkTrailers(streamId: number, fields: readonly HeaderField[]): void {
  for (const field of fields) checkField(streamId, field)
}

function checkField(streamId: number, [name, value]: HeaderField): void {
  if (!usualNames.has(name) && (!validName.test(name) || connectionSpecific.has(name)))
    throw malformed(streamId, 'a header field that must not be there')
  if (invalidValue.test(value)) throw malformed(streamId, 'a header field with such a value')
}

function readLength(streamId: number, before: number | undefined, value: string): number {
  const length = /^\d{1,15}$/.test(value) ? Number(value) : undefined
  if (length === undefined || (before !== undefined && before !== length))
    throw malformed(streamId, 'a content-length that is none')
  return length
}

function malformed(streamId: number, what: string): StreamError {
  return new StreamError(streamId, 'PROTOCOL_ERROR', what)
}
