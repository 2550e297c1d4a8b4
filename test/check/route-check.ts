import t from 'tap'
import type { Finding } from '../../src/check/finding.ts'
import { routeFindings } from '../../src/check/certificate-check.ts'
import { issuePushCertificate } from '../../src/credentials/authority.ts'
import { readCertificate, type Environment } from '../../src/credentials/certificate.ts'
import { authority, server } from '../fixtures/identity.ts'
import { routeWith } from '../fixtures/route.ts'

const now = new Date()
const dayMs = 86_400_000

async function findings(
  topic: string,
  environments: readonly Environment[],
  days = 0,
): Promise<Finding[]> {
  const issued = await issuePushCertificate(authority, { topic, environments }, now)
  return routeFindings(routeWith(issued, { topic }), 'routes[2]', now.getTime() + days * dayMs)
}

t.test('a good route tells topic, environment, validity and the key of its sender', async (t) => {
  const issued = await issuePushCertificate(
    authority,
    { topic: 'com.example.app', environments: ['production'] },
    now,
  )
  const { publicKeySha256 } = readCertificate(issued.certificatePem)
  t.match(routeFindings(routeWith(issued), 'routes[2]', now.getTime()), [
    {
      severity: 'ok',
      subject: 'routes[2] app',
      finding: 'sends for com.example.app in the production environment',
    },
    { severity: 'ok', subject: 'routes[2].certificate', finding: /^valid until/ },
    { severity: 'ok', finding: `its key is sha256:${publicKeySha256}` },
  ])
})

t.test('a certificate without the mark of production is warned of', async (t) => {
  const [, found] = await findings('com.example.app', [])
  t.strictSame(found, {
    severity: 'warning',
    subject: 'routes[2].certificate',
    finding:
      'has no extension for the production environment (1.2.840.113635.100.6.3.2): APNs may answer BadCertificateEnvironment to every push',
    cure: 'run check --live; if APNs rejects the certificate, request a new one from Apple',
  })
})

t.test('a certificate without a topic is warned of once', (t) => {
  const [, found, validity] = routeFindings(routeWith(server), 'routes[2]', now.getTime())
  t.match(found, {
    severity: 'warning',
    finding:
      /^names no topic, so it is probably no push certificate: APNs will reject it for com\.example\.app$/,
  })
  t.match(validity, { severity: 'ok' })
  t.end()
})

t.test('renewing an MDM certificate is told with its trap, an app with its place', async (t) => {
  const mdm = await findings('com.apple.mgmt.External.1', ['production'], 725)
  t.match(mdm[1], { severity: 'warning', cure: /identity\.apple\.com .*"Renew", never "Create"/ })
  const app = await findings('com.example.app', ['production'], 740)
  t.match(app[1], { severity: 'error', cure: /^renew it in the Apple developer account/ })
})
