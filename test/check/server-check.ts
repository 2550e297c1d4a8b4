import { generateKeyPairSync } from 'node:crypto'
import forge from 'node-forge'
import t from 'tap'
import type { Finding } from '../../src/check/finding.ts'
import { serverFindings } from '../../src/check/certificate-check.ts'
import {
  createAuthority,
  issuePushCertificate,
  issueServerCertificate,
  type Issued,
} from '../../src/credentials/authority.ts'
import { allAppleHosts } from '../../src/credentials/certificate.ts'

const now = new Date()
const year = 365 * 86_400_000
const ca = await createAuthority('Our CA', now)
const both = new Set(['production', 'sandbox'] as const)

function worries(
  { certificatePem }: Pick<Issued, 'certificatePem'>,
  nowMs = now.getTime(),
): Finding[] {
  return serverFindings(certificatePem, both, nowMs).filter(({ severity }) => severity !== 'ok')
}

t.test('what init issues is fine, and told with its issuer', async (t) => {
  const { certificatePem } = await issueServerCertificate(ca, allAppleHosts, now)
  t.match(serverFindings(certificatePem, both, now.getTime()), [
    { severity: 'ok', finding: /^valid until / },
    { severity: 'ok', finding: 'issued by CN=Our CA, which every sender must trust' },
  ])
})

t.test('an expired one says how a new one is made that senders trust already', async (t) => {
  const issued = await issueServerCertificate(ca, allAppleHosts, now)
  const [found, ...more] = worries(issued, now.getTime() + 3 * year)
  t.same(more, [])
  t.match(found, { severity: 'error', subject: 'tls.certificate' })
  t.match(found?.finding, /^expired on \d{4}-\d\d-\d\d: every peer rejects it$/)
  t.match(found?.cure, /^renew it with the command init in an empty folder, with --ca/)
})

t.test('a name that senders use and the certificate lacks is named', async (t) => {
  const issued = await issueServerCertificate(ca, ['gateway.push.apple.com'], now)
  const findings = serverFindings(issued.certificatePem, new Set(['production']), now.getTime())
  t.strictSame(
    findings.filter(({ severity }) => severity === 'warning'),
    [
      {
        severity: 'warning',
        subject: 'tls.certificate',
        finding:
          'is not valid for feedback.push.apple.com: a sender that connects to these and verifies names will reject it',
        cure: 'issue it for all names that senders use; the command init does',
      },
    ],
  )
  t.match(worries(issued), [{ finding: /gateway\.sandbox\.push\.apple\.com, feedback\.sandbox/ }])
})

t.test('an elliptic-curve key is warned of', async (t) => {
  const issued = await issueServerCertificate(ca, allAppleHosts, now, 'ecdsa')
  t.match(worries(issued), [{ severity: 'warning', finding: /^its key is an elliptic-curve key/ }])
})

t.test('a client certificate is warned of', async (t) => {
  const push = { topic: 'com.example.app', environments: ['production'] as const }
  const found = worries(await issuePushCertificate(ca, push, now))
  t.match(found, [{ finding: /^is not valid for/ }, { finding: /^is not for servers/ }])
})

t.test('one that is signed by itself, and a short key, are warned of', (t) => {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', {
    modulusLength: 1024,
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'pem' },
  })
  const certificate = forge.pki.createCertificate()
  certificate.publicKey = forge.pki.publicKeyFromPem(publicKey)
  certificate.validity = { notBefore: now, notAfter: new Date(now.getTime() + year) }
  const name = [{ name: 'commonName', value: 'proxy.example.com' }]
  certificate.setSubject(name)
  certificate.setIssuer(name)
  const altNames = allAppleHosts.map((value) => ({ type: 2, value }))
  certificate.setExtensions([{ name: 'subjectAltName', altNames }])
  certificate.sign(forge.pki.privateKeyFromPem(privateKey), forge.md.sha256.create())
  const found = worries(
    { certificatePem: forge.pki.certificateToPem(certificate) },
    now.getTime() + 1000,
  )
  t.match(found, [
    { finding: /^its RSA key is shorter than 2048 bits/ },
    { finding: /^is self-signed: senders must trust this very certificate/ },
  ])
  t.end()
})
