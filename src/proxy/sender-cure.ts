/** What the administrator can do for a peer that is not admitted, in the words of the log. */
import type { HandshakeCause } from '../gateway/handshake-cause.ts'
import type { SenderCertificate } from '../gateway/sender-registry.ts'

/** For a sender without a route: its certificate, and the entry of the configuration that would admit it. */
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
  TLSv1: 'minVersion: TLSv1 on its listener admits it',
  'TLSv1.1': 'minVersion: TLSv1.1 on its listener admits it',
  'TLSv1.2': 'it insists on TLS 1.3, which breaks old senders; let it speak TLS 1.2',
  SSLv3:
    'no OpenSSL of today speaks it; put a TLS wrapper beside the sender, see getting-started.md',
}

const handshakeHints: Partial<Record<HandshakeCause, string>> = {
  cipher:
    'the sender offers no cipher that is left; minVersion: TLSv1 on its listener admits older ones',
  'not-tls':
    'these bytes are not TLS; behind a load balancer that sends PROXY headers, the listener needs ' +
    'proxyProtocol',
  timeout: 'the peer did not finish the handshake within handshakeTimeoutMs',
  'plain-http': 'this is plain HTTP; the port speaks the binary push protocol under TLS',
  reset: 'the peer went away during the handshake',
  untrusted: 'the sender does not trust the certificate under tls; let it trust the CA behind it',
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
  const most = offered ?? 'no version that is known'
  const cure = versionHints[most] ?? 'TLS 1.0 to 1.2 can be admitted'
  return `the sender offers ${most} at the most, and the listener does not take it: ${cure}`
}
