/** Why a TLS handshake failed, in few words that stay: OpenSSL has hundreds, and renames them. */

/**
 * For each cause, how often a handshake has failed at the start: never.
 *
 * - `timeout`: begun, and not finished within `handshakeTimeoutMs`
 * - `reset`: the peer went away
 * - `not-tls`, `plain-http`: something else was spoken
 * - `tls-version`, `cipher`: nothing that both sides know
 * - `proxy-header`: a load balancer does not say for whom it connects, or is not one of those listed
 * - `untrusted`: the peer does not trust the gateway's certificate
 */
export const noFailures = {
  timeout: 0,
  reset: 0,
  'not-tls': 0,
  'plain-http': 0,
  'tls-version': 0,
  cipher: 0,
  untrusted: 0,
  'proxy-header': 0,
  other: 0,
}

export type HandshakeCause = keyof typeof noFailures

const causeOfCode: Readonly<Record<string, HandshakeCause>> = {
  ERR_TLS_HANDSHAKE_TIMEOUT: 'timeout',
  ECONNRESET: 'reset',
  EPIPE: 'reset',
  ERR_PROXY_HEADER: 'proxy-header',
  ERR_PROXY_NOT_LISTED: 'proxy-header',
  ERR_SSL_WRONG_VERSION_NUMBER: 'not-tls',
  ERR_SSL_HTTP_REQUEST: 'plain-http',
  ERR_SSL_HTTPS_PROXY_REQUEST: 'plain-http',
  ERR_SSL_UNSUPPORTED_PROTOCOL: 'tls-version',
  ERR_SSL_VERSION_TOO_LOW: 'tls-version',
  ERR_SSL_NO_SHARED_CIPHER: 'cipher',
}

/** By the `code` that Node and OpenSSL give an error. */
export function handshakeCause(error: Error): HandshakeCause {
  const code = 'code' in error ? String(error.code) : ''
  // — source: RFC 5246, 7.2.2: bad, unsupported, revoked, expired, unknown certificate; unknown CA
  if (/_ALERT_(.*CERTIFICATE.*|UNKNOWN_CA)$/.test(code)) return 'untrusted'
  return causeOfCode[code] ?? 'other'
}
