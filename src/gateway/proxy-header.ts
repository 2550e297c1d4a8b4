/** The PROXY protocol, versions 1 and 2: who is at the far end of a load balancer. Pure. */
import { isIP, SocketAddress } from 'node:net'

/** What stands before the sender's own bytes. */
export interface ProxyHeader {
  /** Of the header itself. */
  readonly lengthBytes: number
  /** The sender's address; undefined where the peer speaks for itself, as in a health check. */
  readonly source: string | undefined
}

/** Bytes that are no such header. Radius: the connection. */
export class ProxyHeaderError extends Error {
  override readonly name = 'ProxyHeaderError'
  readonly code = 'ERR_PROXY_HEADER'
}

/** With its line end. — source: haproxy, "The PROXY protocol", 2.1 */
const longestLineBytes = 107
const signature = Buffer.from('0d0a0d0a000d0a515549540a', 'hex')
const fixedBytes = 16
/** Addresses take 216 bytes at most; the rest is room for what load balancers add about a connection. */
const longestRestBytes = 2048

/**
 * Reads the header that a stream begins with; undefined where more bytes are needed.
 *
 *     PROXY TCP4 <source> <destination> <source port> <destination port> CR LF      version 1
 *     0D 0A 0D 0A 00 0D 0A 51 55 49 54 0A | 2c | ff | LL LL | addresses, then TLV   version 2
 *
 * `c`: 0 LOCAL, 1 PROXY; `ff`: 11 TCP over IPv4, 21 TCP over IPv6.
 * — source: haproxy, "The PROXY protocol", 2.1 and 2.2
 * @throws {ProxyHeaderError} as soon as it cannot become one, so never more than 2,064 bytes are needed
 */
export function readProxyHeader(bytes: Buffer): ProxyHeader | undefined {
  if (beginsLike(bytes, signature)) return readVersion2(bytes)
  if (beginsLike(bytes, Buffer.from('PROXY '))) return readVersion1(bytes)
  throw new ProxyHeaderError(
    'it does not begin with a PROXY header; have the load balancer send one (haproxy: send-proxy-v2)',
  )
}

function beginsLike(bytes: Buffer, pattern: Buffer): boolean {
  const length = Math.min(bytes.length, pattern.length)
  return bytes.subarray(0, length).equals(pattern.subarray(0, length))
}

function readVersion1(bytes: Buffer): ProxyHeader | undefined {
  const end = bytes.subarray(0, longestLineBytes).indexOf('\r\n')
  if (end === -1) {
    if (bytes.length < longestLineBytes) return undefined
    throw new ProxyHeaderError(`the line of a PROXY header ends after ${longestLineBytes} bytes`)
  }
  const [, family, source = '', destination = '', ...ports] = bytes
    .toString('latin1', 0, end)
    .split(' ')
  const lengthBytes = end + 2
  if (family === 'UNKNOWN') return { lengthBytes, source: undefined }
  const version = family === 'TCP4' ? 4 : family === 'TCP6' ? 6 : undefined
  const fits = isIP(source) === version && isIP(destination) === version
  if (!fits || ports.length !== 2 || !ports.every(isPort))
    throw new ProxyHeaderError('the line of a PROXY header is not as it should be')
  return { lengthBytes, source }
}

function isPort(text: string): boolean {
  return /^\d{1,5}$/.test(text) && Number(text) <= 0xffff
}

function readVersion2(bytes: Buffer): ProxyHeader | undefined {
  if (bytes.length < fixedBytes) return undefined
  const [version, command] = [bytes.readUInt8(12) >> 4, bytes.readUInt8(12) & 0xf]
  if (version !== 2 || command > 1)
    throw new ProxyHeaderError(`version ${version}, command ${command} of the PROXY protocol`)
  const restBytes = bytes.readUInt16BE(14)
  if (restBytes > longestRestBytes)
    throw new ProxyHeaderError(`a PROXY header of ${restBytes} bytes`)
  const lengthBytes = fixedBytes + restBytes
  if (bytes.length < lengthBytes) return undefined
  const source =
    command === 0
      ? undefined
      : sourceOf(bytes.readUInt8(13), bytes.subarray(fixedBytes, lengthBytes))
  return { lengthBytes, source }
}

/** Of another transport nothing is known, as the protocol wants it. */
function sourceOf(family: number, rest: Buffer): string | undefined {
  if (family !== 0x11 && family !== 0x21) return undefined
  if (rest.length < (family === 0x11 ? 12 : 36))
    throw new ProxyHeaderError('a PROXY header that is too short for its addresses')
  if (family === 0x11) return rest.subarray(0, 4).join('.')
  const address = rest.toString('hex', 0, 16).replace(/.{4}(?!$)/g, '$&:')
  return new SocketAddress({ address, family: 'ipv6' }).address
}
