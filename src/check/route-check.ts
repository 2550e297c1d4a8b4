/** Checks the certificate of a route, without the network. */
import { X509Certificate } from 'node:crypto'
import type { Route } from '../config/route.ts'
import type { PushCertificate } from '../credentials/certificate.ts'
import { environmentOids } from '../credentials/apple-extension.ts'
import { ok, warning, type Finding } from './finding.ts'
import { expiryFinding } from './expiry.ts'

const renewals = {
  mdm:
    'at identity.apple.com with the Apple Account that made it: "Renew", never "Create", because ' +
    'a new certificate has another topic, and every device would need a new enrollment',
  app: 'in the Apple developer account, under Certificates, as an Apple Push Notification service SSL certificate',
} as const

/** @param subject the key of the route in the configuration, such as `routes[0]` */
export function routeFindings(route: Route, subject: string, nowMs: number): Finding[] {
  const { credential, environment, topic } = route
  const what = `${subject} ${route.name}`
  const sends = ok(what, `sends for ${topic} in the ${environment} environment`)
  if (credential.kind === 'signing-key') return [sends]
  const { certificate } = credential
  return [
    sends,
    ...environmentFindings(certificate, route, `${subject}.certificate`),
    expiryFinding(
      `${subject}.certificate`,
      new X509Certificate(certificate.pem),
      nowMs,
      topic.startsWith('com.apple.mgmt.') ? renewals.mdm : renewals.app,
    ),
    ok(`${subject}.certificate`, `its key is sha256:${certificate.publicKeySha256}`),
  ]
}

function environmentFindings(
  certificate: PushCertificate,
  { environment, topic }: Route,
  subject: string,
): Finding[] {
  if (certificate.topics.length === 0)
    return [
      warning(
        subject,
        `names no topic, so it is probably no push certificate: APNs will reject it for ${topic}`,
        'give the push certificate that Apple issued: its subject has a UID with the topic',
      ),
    ]
  if (certificate.environments.length > 0) return []
  return [
    warning(
      subject,
      `has no extension for the ${environment} environment (${environmentOids[environment]}): APNs ` +
        'may answer BadCertificateEnvironment to every push',
      'run check --live; if APNs rejects the certificate, request a new one from Apple',
    ),
  ]
}
