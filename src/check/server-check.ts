/** Checks the certificate that the proxy shows to senders. */
import { X509Certificate } from 'node:crypto'
import type { Environment } from '../credentials/certificate.ts'
import { appleHosts } from '../credentials/apple-host.ts'
import { ok, warning, type Finding } from './finding.ts'
import { expiryFinding } from './expiry.ts'

const subject = 'tls.certificate'
const renewal =
  'with the command init in an empty folder, with --ca and the CA that senders trust already: ' +
  'see docs/getting-started.md, "Renewing certificates"'
const serverAuth = '1.3.6.1.5.5.7.3.1'

/** @param environments of the routes: their senders connect to Apple's names */
export function serverFindings(
  certificatePem: string,
  environments: ReadonlySet<Environment>,
  nowMs: number,
): Finding[] {
  const certificate = new X509Certificate(certificatePem)
  const expected = [...environments].flatMap((name) => appleHosts[name])
  const missing = expected.filter((host) => certificate.checkHost(host) === undefined)
  return [
    expiryFinding(subject, certificate, nowMs, renewal),
    ...(missing.length === 0
      ? []
      : [
          warning(
            subject,
            `is not valid for ${missing.join(', ')}: a sender that connects to these and verifies names will reject it`,
            'issue it for all names that senders use; the command init does',
          ),
        ]),
    ...weaknesses
      .filter(({ applies }) => applies(certificate))
      .map(({ finding, cure }) => warning(subject, finding, cure)),
    ok(
      subject,
      `issued by ${certificate.issuer.replaceAll('\n', ', ')}, which every sender must trust`,
    ),
  ]
}

/** Issuer and subject can be equal by chance, so this also verifies the signature. */
function isSelfSigned(certificate: X509Certificate): boolean {
  return certificate.checkIssued(certificate) && certificate.verify(certificate.publicKey)
}

interface Weakness {
  readonly applies: (certificate: X509Certificate) => boolean
  readonly finding: string
  readonly cure: string
}

const weaknesses: readonly Weakness[] = [
  {
    applies: ({ publicKey }) => publicKey.asymmetricKeyType === 'ec',
    finding:
      'its key is an elliptic-curve key: senders from before 2012 close the connection in the handshake',
    cure: 'if you have such a sender, issue it for an RSA key; the command init does by default',
  },
  {
    applies: ({ publicKey }) => (publicKey.asymmetricKeyDetails?.modulusLength ?? 2048) < 2048,
    finding: 'its RSA key is shorter than 2048 bits, which most TLS libraries reject',
    cure: 'issue it for a key of 2048 bits; the command init does',
  },
  {
    applies: ({ keyUsage }) =>
      usages(keyUsage).length > 0 && !usages(keyUsage).includes(serverAuth),
    finding: 'is not for servers (extended key usage): senders that check this will reject it',
    cure: 'issue it as a TLS server certificate; the command init does',
  },
  {
    applies: isSelfSigned,
    finding:
      'is self-signed: senders must trust this very certificate, and a new one after each renewal',
    cure: 'use a CA of your own, which stays the same after a renewal; the command init makes one',
  },
]

/** Undefined without the extension, although the declared type says otherwise. */
function usages(keyUsage: readonly string[] | undefined): readonly string[] {
  return keyUsage ?? []
}
