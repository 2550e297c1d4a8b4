/** Finds the root CA that the certificate of the provider API leads to, and judges it. */
import { X509Certificate } from 'node:crypto'
import { rootCertificates } from 'node:tls'
import { dayOf } from '../credentials/certificate.ts'
import { isAppleName } from './apple-network.ts'
import { ok, warning, type Finding } from './finding.ts'
import type { ProbeTarget } from './probe.ts'

const warningMs = 60 * 86_400_000

/** @param certificate of the server, verified, with those that it has sent as issuers */
export function rootFindings(
  { origin, certificateAuthority = '' }: ProbeTarget,
  certificate: X509Certificate,
  nowMs: number,
): Finding[] {
  const rootOfNode = rootOf(certificate, rootCertificates)
  const own = certificateAuthority.match(/-----BEGIN [^]*?-----END .*/g) ?? []
  const root = rootOfNode ?? rootOf(certificate, own)
  const name = nameOf(root?.subject ?? chainOf(certificate).at(-1)?.issuer ?? 'nobody')
  const finding = `its certificate leads to the root CA ${name}`
  if (rootOfNode === undefined && isAppleName(new URL(origin).hostname))
    return [
      warning(
        origin,
        `${finding}, which is not one of Node: a program on the way inspects TLS`,
        'exclude *.push.apple.com from inspection: the program reads device tokens and payloads',
      ),
    ]
  const place = rootOfNode === undefined ? `${finding}, which is not one of Node` : finding
  if (root === undefined) return [ok(origin, place)]
  const dated = `${place}, valid until ${dayOf(new Date(root.validTo))}`
  if (Date.parse(root.validTo) - nowMs > warningMs) return [ok(origin, dated)]
  return [
    warning(
      origin,
      dated,
      'update Node, which then knows the next root; or name that root under providerApi.certificateAuthority',
    ),
  ]
}

/** The first that has issued one of the chain. A server can send a root that another root has signed. */
function rootOf(leaf: X509Certificate, pems: readonly string[]): X509Certificate | undefined {
  const roots = pems.map((pem) => new X509Certificate(pem))
  return chainOf(leaf)
    .map((one) => roots.find((root) => one.checkIssued(root) && one.verify(root.publicKey)))
    .find((root) => root !== undefined)
}

function chainOf(leaf: X509Certificate): X509Certificate[] {
  const issuer = leaf.issuerCertificate
  return issuer === undefined || issuer.fingerprint256 === leaf.fingerprint256
    ? [leaf]
    : [leaf, ...chainOf(issuer)]
}

/** The common name, or the whole subject without one. */
function nameOf(subject: string): string {
  return /^CN=(.*)$/m.exec(subject)?.[1] ?? subject.replaceAll('\n', ', ')
}
