import t from 'tap'
import { handshakeCause } from '../../src/gateway/handshake-cause.ts'

const causes = [
  ['ERR_TLS_HANDSHAKE_TIMEOUT', 'timeout'],
  ['ECONNRESET', 'reset'],
  ['EPIPE', 'reset'],
  ['ERR_SSL_WRONG_VERSION_NUMBER', 'not-tls'],
  ['ERR_SSL_HTTP_REQUEST', 'plain-http'],
  ['ERR_SSL_UNSUPPORTED_PROTOCOL', 'tls-version'],
  ['ERR_PROXY_HEADER', 'proxy-header'],
  ['ERR_PROXY_NOT_LISTED', 'proxy-header'],
  ['ERR_SSL_NO_SHARED_CIPHER', 'cipher'],
  ['ERR_SSL_TLSV1_ALERT_UNKNOWN_CA', 'untrusted'],
  ['ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE', 'untrusted'],
  ['ERR_SSL_SSLV3_ALERT_CERTIFICATE_UNKNOWN', 'untrusted'],
  ['ERR_SSL_TLSV1_ALERT_INTERNAL_ERROR', 'other'],
  ['ERR_SSL_SOMETHING_NEW', 'other'],
] as const

t.test('every code has a cause', (t) => {
  for (const [code, cause] of causes)
    t.equal(handshakeCause(Object.assign(new Error(code), { code })), cause, code)
  t.equal(handshakeCause(new Error('without a code')), 'other')
  t.end()
})
