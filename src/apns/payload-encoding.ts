/** Converts a payload to what the provider API accepts: a JSON object in UTF-8. */

/** A payload that can be sent: its bytes, and the parsed JSON. */
export interface Payload {
  readonly bytes: Buffer
  readonly json: Readonly<Record<string, unknown>>
}

/**
 * Reads a payload; undefined when it is not a JSON object. UTF-8 stays unchanged. UTF-16, which
 * Apple's binary gateway accepted as well, is converted to UTF-8.
 * — source: node-apn 1.x, which offers a `utf16le` encoding
 */
export function readPayload(received: Buffer): Payload | undefined {
  const bytes = toUtf8(received)
  try {
    const json: unknown = JSON.parse(bytes.toString('utf8'))
    if (typeof json !== 'object' || json === null || Array.isArray(json)) return undefined
    return { bytes, json: json as Record<string, unknown> }
  } catch {
    return undefined
  }
}

/** A JSON object begins with an ASCII character, so a NUL or a byte order mark indicates UTF-16. */
export function encodingOf(bytes: Buffer): 'utf-8' | 'utf-16le' | 'utf-16be' {
  const first = bytes[0]
  const second = bytes[1]
  if (first === 0 || (first === 0xfe && second === 0xff)) return 'utf-16be'
  if (second === 0 || (first === 0xff && second === 0xfe)) return 'utf-16le'
  return 'utf-8'
}

function toUtf8(bytes: Buffer): Buffer {
  const encoding = encodingOf(bytes)
  return encoding === 'utf-8' ? bytes : Buffer.from(new TextDecoder(encoding).decode(bytes))
}
