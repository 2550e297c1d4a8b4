/** How TLS is set up for old senders. */
import type { SecureVersion, TlsOptions } from 'node:tls'

/** The server's certificate, and which TLS versions are accepted. */
export interface SecureContextSettings {
  readonly certificatePem: string
  readonly keyPem: string
  /** Default TLSv1.2; older ones bring OpenSSL's security level 0 with them. */
  readonly minVersion: SecureVersion
}

/**
 * TLS 1.2 at most: the session tickets of 1.3 hang houston and make PyAPNs close.
 * — source: senders.md 1 and 6, measured with the unmodified clients
 */
export function secureContext({
  certificatePem,
  keyPem,
  minVersion,
}: SecureContextSettings): TlsOptions {
  const old = minVersion === 'TLSv1' || minVersion === 'TLSv1.1'
  return {
    cert: certificatePem,
    key: keyPem,
    minVersion,
    maxVersion: 'TLSv1.2',
    ...(old && { ciphers: 'DEFAULT:@SECLEVEL=0' }),
  }
}
