/** What can be said of the certificate that senders are shown. */
import { X509Certificate } from 'node:crypto'
import type { Environment } from '../credentials/certificate.ts'
import { appleHosts } from '../credentials/apple-host.ts'
import { ok, warning, type Finding } from './finding.ts'
import { expiryFinding } from './expiry.ts'

const subject = 'tls.certificate'
const renewal =
  'with the command init in an empty folder, given --ca and the CA that senders trust already: ' +
  'see docs/getting-started.md, "Renewing certificates"'
const serverAuth = '1.3.6.1.5.5.7.3.1'

/** @param environments those that have a route: senders use the Apple names of these */
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
    ...(missing.length > 0 ? [namesMissing(missing)] : []),
    ...oddities.filter(({ applies }) => applies(certificate)).map(({ finding }) => finding),
    ok(subject, `issued by ${oneLine(certificate.issuer)}, which every sender has to trust`),
  ]
}

function namesMissing(missing: readonly string[]): Finding {
  return warning(
    subject,
    `is not valid for ${missing.join(', ')}: a sender that verifies names and connects to these will refuse it`,
    'have it issued for all names that senders use; the command init does',
  )
}

/** A CA of its own needs no mark of an issuer, so it can be told by its own signature alone. */
function isSelfSigned(certificate: X509Certificate): boolean {
  return certificate.checkIssued(certificate) && certificate.verify(certificate.publicKey)
}

const oddities: readonly {
  readonly applies: (certificate: X509Certificate) => boolean
  readonly finding: Finding
}[] = [
  {
    applies: ({ publicKey }) => publicKey.asymmetricKeyType === 'ec',
    finding: warning(
      subject,
      'its key is an elliptic-curve key: senders of the years before 2012 cannot do these, and close in the handshake',
      'if such a sender is among yours, have it issued for an RSA key; the command init does by default',
    ),
  },
  {
    applies: ({ publicKey }) => (publicKey.asymmetricKeyDetails?.modulusLength ?? 2048) < 2048,
    finding: warning(
      subject,
      'its RSA key is shorter than 2048 bits, which most TLS libraries refuse',
      'have it issued for a key of 2048 bits; the command init does',
    ),
  },
  {
    applies: ({ keyUsage }) =>
      usages(keyUsage).length > 0 && !usages(keyUsage).includes(serverAuth),
    finding: warning(
      subject,
      'is not meant for servers (extended key usage): senders that look at it will refuse it',
      'have it issued as a TLS server certificate; the command init does',
    ),
  },
  {
    applies: isSelfSigned,
    finding: warning(
      subject,
      'is signed by itself: senders have to trust this very certificate, and again each time it is renewed',
      'use a CA of your own, which stays when the certificate is renewed; the command init makes one',
    ),
  },
]

/** The declared type conceals that a certificate without the extension has none. */
function usages(keyUsage: readonly string[] | undefined): readonly string[] {
  return keyUsage ?? []
}

function oneLine(name: string): string {
  return name.replaceAll('\n', ', ')
}
