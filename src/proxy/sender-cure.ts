/** What the administrator can do for a peer that is not admitted, in the words of the log. */
import type { HandshakeCause } from '../gateway/handshake-cause.ts'
import type { SenderCertificate } from '../gateway/sender-registry.ts'

/** Who a sender without a route is, and the entry of the configuration that would admit it. */
export function refusalCure(certificate: SenderCertificate | undefined): object {
  if (certificate === undefined)
    return { cure: 'the sender must present its push certificate as TLS client certificate' }
  const { subject, fingerprint256, publicKeySha256 } = certificate
  return {
    subject,
    fingerprint256,
    cure:
      `to admit it, add "sha256:${publicKeySha256}" to senderCertificates of ` +
      'its route; where a route has no such list yet, list the key of its own ' +
      'certificate too (the command check prints it), or that is admitted no longer',
  }
}

/** By the highest version that the sender offers, where the listener accepts none of them. */
const versionHints: Readonly<Record<string, string>> = {
  TLSv1: 'set minVersion: TLSv1 on its listener',
  'TLSv1.1': 'set minVersion: TLSv1.1 on its listener',
  'TLSv1.2': 'it insists on TLS 1.3, which breaks old senders: let it speak TLS 1.2',
  SSLv3:
    'put a TLS wrapper beside the sender, see getting-started.md; no OpenSSL of today speaks it',
}

const handshakeHints: Partial<Record<HandshakeCause, string>> = {
  cipher:
    'the listener accepts no cipher that the sender offers: to accept older ones, set ' +
    'minVersion: TLSv1 on its listener',
  'not-tls':
    'these bytes are not TLS: if a load balancer sends PROXY headers, set proxyProtocol on the listener',
  timeout: 'the peer did not finish the handshake within handshakeTimeoutMs',
  'plain-http': 'this is plain HTTP: the port speaks the binary push protocol over TLS',
  reset: 'the peer disconnected during the handshake',
  untrusted:
    'the sender does not trust the certificate under tls: make it trust the CA of that certificate',
}

/**
 * Undefined where the error itself says most.
 * @param offered the highest TLS version that the peer offered
 */
export function handshakeHint(
  cause: HandshakeCause,
  offered: string | undefined,
): string | undefined {
  if (cause !== 'tls-version') return handshakeHints[cause]
  const most = offered ?? 'no known version'
  const cure = versionHints[most] ?? 'the listener can be set to TLS 1.0 to 1.2'
  return `the sender offers ${most} at most, and the listener does not accept it: ${cure}`
}
