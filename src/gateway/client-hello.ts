/** What the first bytes of a TLS connection say about its sender. Pure. */

/** Protocol versions as OpenSSL calls them. */
const versions: Readonly<Record<number, string>> = {
  0x0002: 'SSLv2',
  0x0300: 'SSLv3',
  0x0301: 'TLSv1',
  0x0302: 'TLSv1.1',
  0x0303: 'TLSv1.2',
  0x0304: 'TLSv1.3',
}

/**
 * The latest version that a ClientHello offers, 1.2 at the most: more is in an extension that this
 * proxy has no use for. Undefined where the bytes are no ClientHello, or too few of one.
 *
 *     16 MM mm LL LL | 01 LL LL LL VV VV …   a record of type handshake, in it the ClientHello
 *     8L LL 01 VV VV …                       the hello of SSLv2, which Java 6 wraps around TLS
 *
 * — source: RFC 5246, 7.4.1.2 and appendix E.2
 */
export function offeredVersion(bytes: Buffer): string | undefined {
  if (bytes.length < 11) return undefined
  if (bytes[0] === 0x16 && bytes[5] === 0x01) return nameOf(bytes.readUInt16BE(9))
  if (bytes.readUInt8(0) >= 0x80 && bytes[2] === 0x01) return nameOf(bytes.readUInt16BE(3))
  return undefined
}

/** The longest record. — source: RFC 5246, 6.2.3 */
const mostRecordBytes = 16_384 + 2048

/** False while the ClientHello is incomplete; true also if this is none, so that TLS can say so. */
export function isWholeHello(bytes: Buffer): boolean {
  const [first = 0] = bytes
  const isTls = first === 0x16
  if (!isTls && first < 0x80) return bytes.length > 0
  if (bytes.length < 5) return false
  if (!isTls && bytes[2] !== 0x01) return true
  const restBytes = isTls ? bytes.readUInt16BE(3) : bytes.readUInt16BE(0) & 0x7fff
  return bytes.length >= (isTls ? 5 : 2) + restBytes || restBytes > mostRecordBytes
}

function nameOf(version: number): string {
  return versions[version] ?? `0x${version.toString(16).padStart(4, '0')}`
}
