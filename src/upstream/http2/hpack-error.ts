/** What a peer can do wrong in a header block. */

/**
 * A header block that cannot be decoded. The tables of both ends may differ from here on, so the
 * session ends with COMPRESSION_ERROR. — source: RFC 9113, 4.3
 */
export class HpackError extends Error {
  override readonly name = 'HpackError'
}
