/** Checks the certificates of the proxy, without the network: validity, names and purpose. */
import { X509Certificate } from 'node:crypto'
import type { Route } from '../config/route.ts'
import { environmentOids } from '../credentials/apple-extension.ts'
import { appleHosts, dayOf, isForSigning, type Environment } from '../credentials/certificate.ts'
import { shortly } from '../credentials/identity.ts'
import { error, ok, warning, type Finding } from './finding.ts'

const serverRenewal =
  'with the command init in an empty folder, with --ca and the CA that senders trust already: ' +
  'see docs/getting-started.md, "Renewing certificates"'
const serverAuth = '1.3.6.1.5.5.7.3.1'

/** @param environments of the routes: their senders connect to Apple's names */
export function serverFindings(
  certificatePem: string,
  environments: ReadonlySet<Environment>,
  nowMs: number,
): Finding[] {
  const subject = 'tls.certificate'
  const certificate = new X509Certificate(certificatePem)
  const hosts = [...environments].flatMap((name) => appleHosts[name])
  return [
    expiryFinding(subject, certificate, nowMs, serverRenewal),
    ...weaknessesOf(certificate, hosts)
      .filter(([applies]) => applies)
      .map(([, finding, cure]) => warning(subject, finding, cure)),
    ok(
      subject,
      `issued by ${certificate.issuer.replaceAll('\n', ', ')}, which every sender must trust`,
    ),
  ]
}

/** @param hosts that senders use */
function weaknessesOf(
  certificate: X509Certificate,
  hosts: readonly string[],
): readonly (readonly [applies: boolean, finding: string, cure: string])[] {
  const { publicKey } = certificate
  const missing = hosts.filter((host) => certificate.checkHost(host) === undefined)
  return [
    [
      missing.length > 0,
      `is not valid for ${missing.join(', ')}: a sender that connects to these and verifies names will reject it`,
      'issue it for all names that senders use; the command init does',
    ],
    [
      publicKey.asymmetricKeyType === 'ec',
      'its key is an elliptic-curve key: senders from before 2012 close the connection in the handshake',
      'if you have such a sender, issue it for an RSA key; the command init does by default',
    ],
    [
      (publicKey.asymmetricKeyDetails?.modulusLength ?? 2048) < 2048,
      'its RSA key is shorter than 2048 bits, which most TLS libraries reject',
      'issue it for a key of 2048 bits; the command init does',
    ],
    [
      !mayServe(certificate.keyUsage),
      'is not for servers (extended key usage): senders that check this will reject it',
      'issue it as a TLS server certificate; the command init does',
    ],
    [
      // Issuer and subject can be equal by chance, so this also verifies the signature.
      certificate.checkIssued(certificate) && certificate.verify(publicKey),
      'is self-signed: senders must trust this very certificate, and a new one after each renewal',
      'use a CA of your own, which stays the same after a renewal; the command init makes one',
    ],
  ]
}

/** @param usages undefined without the extension, although the declared type says otherwise */
function mayServe(usages: readonly string[] | undefined): boolean {
  return usages === undefined || usages.length === 0 || usages.includes(serverAuth)
}

const renewals = {
  mdm:
    'at identity.apple.com with the Apple Account that made it: "Renew", never "Create", because ' +
    'a new certificate has another topic, and every device would need a new enrollment',
  app: 'in the Apple developer account, under Certificates, as an Apple Push Notification service SSL certificate',
} as const

/** @param subject the key of the route in the configuration, such as `routes[0]` */
export function routeFindings(route: Route, subject: string, nowMs: number): Finding[] {
  const { credential, environment, topic } = route
  const sends = `sends for ${topic} in the ${environment} environment`
  const findings = [ok(`${subject} ${route.name}`, sends)]
  if (credential.kind === 'signing-key') return findings
  const { pem, topics, environments, publicKeySha256 } = credential.certificate
  const key = `${subject}.certificate`
  if (isForSigning(credential.certificate))
    findings.push(
      error(
        key,
        `is no push certificate: its UID is a team, not a topic. APNs rejects it for ${topic}`,
        'give the push certificate that Apple issued: its subject has a UID with the topic',
      ),
    )
  else if (topics.length === 0)
    findings.push(
      warning(
        key,
        `names no topic, so it is probably no push certificate: APNs will reject it for ${topic}`,
        'give the push certificate that Apple issued: its subject has a UID with the topic',
      ),
    )
  else if (environments.length === 0)
    findings.push(
      warning(
        key,
        `has no extension for the ${environment} environment (${environmentOids[environment]}): APNs ` +
          'may answer BadCertificateEnvironment to every push',
        'run check --live; if APNs rejects the certificate, request a new one from Apple',
      ),
    )
  const renewal = topic.startsWith('com.apple.mgmt.') ? renewals.mdm : renewals.app
  findings.push(
    expiryFinding(key, new X509Certificate(pem), nowMs, renewal),
    ok(key, `its key is sha256:${publicKeySha256}`),
    ...credential.others.map((other) =>
      ok(key, `the file also has ${shortly(other)}, which this route does not use`),
    ),
  )
  return findings
}

const dayMs = 24 * 60 * 60 * 1000

/** The last row that matches applies. */
const urgencies: readonly { readonly days: number; readonly when: string }[] = [
  { days: 30, when: 'plan its renewal' },
  { days: 14, when: 'renew it within a week' },
  { days: 7, when: 'renew it within two days' },
  { days: 1, when: 'renew it now' },
]

/** @param how how to renew it, as "at …" or "with …" */
export function expiryFinding(
  subject: string,
  certificate: Pick<X509Certificate, 'validFrom' | 'validTo'>,
  nowMs: number,
  how: string,
): Finding {
  const begins = new Date(certificate.validFrom)
  const ends = new Date(certificate.validTo)
  const days = Math.floor((ends.getTime() - nowMs) / dayMs)
  if (begins.getTime() > nowMs)
    return error(
      subject,
      `is valid only from ${dayOf(begins)} on, and the clock of this machine shows ${dayOf(new Date(nowMs))}`,
      'set the clock of this machine (NTP); if it is right, wait until then',
    )
  if (ends.getTime() <= nowMs)
    return error(subject, `expired on ${dayOf(ends)}: every peer rejects it`, `renew it ${how}`)
  const urgency = urgencies.findLast((row) => days <= row.days)
  if (urgency === undefined) return ok(subject, `valid until ${dayOf(ends)}, ${days} days from now`)
  return warning(subject, `expires ${inDays(days)}, on ${dayOf(ends)}`, `${urgency.when}, ${how}`)
}

function inDays(days: number): string {
  if (days === 0) return 'within a day'
  return days === 1 ? 'in 1 day' : `in ${days} days`
}
