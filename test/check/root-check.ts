/** The root CA of the provider API: one of Node, the simulator's, and that of a firewall. */
import { X509Certificate } from 'node:crypto'
import { rootCertificates } from 'node:tls'
import t from 'tap'
import { rootFindings } from '../../src/check/root-check.ts'
import { issueServerCertificate } from '../../src/credentials/authority.ts'
import { authority } from '../fixtures/identity.ts'

const day = 86_400_000
const apple = 'https://api.push.apple.com'
const now = Date.now()
const issued = await issueServerCertificate(authority, ['api.push.apple.com'], new Date())
const leaf = new X509Certificate(issued.certificatePem)
const end = Date.parse(new X509Certificate(authority.certificatePem).validTo)

function target(origin: string, certificateAuthority?: string) {
  return { origin, certificateAuthority, certificate: undefined, proxy: undefined }
}

t.test('a root of Node: its name and its last day; a warning 60 days before', (t) => {
  // A root has issued itself, so it leads to itself.
  const root = rootCertificates.map((pem) => new X509Certificate(pem))[0]
  if (root === undefined) throw new Error('Node has no roots')
  const last = Date.parse(root.validTo)
  const lastDay = new Date(root.validTo).toISOString().slice(0, 10)
  const [early] = rootFindings(target(apple), root, last - 61 * day)
  t.match(early, { severity: 'ok', subject: apple })
  t.ok(early?.finding.endsWith(`, valid until ${lastDay}`), JSON.stringify(early))
  t.notMatch(early?.finding, 'not one of Node')
  t.match(rootFindings(target(apple), root, last - 59 * day), [
    { severity: 'warning', finding: early?.finding, cure: /^update Node/ },
  ])
  t.end()
})

t.test('the CA of the configuration, before a simulator: no warning until it ends', (t) => {
  const simulator = target('https://127.0.0.1:8443', authority.certificatePem)
  const finding = /root CA test authority, which is not one of Node, valid until \d{4}-\d\d-\d\d$/
  t.match(rootFindings(simulator, leaf, now), [{ severity: 'ok', finding }])
  t.match(rootFindings(simulator, leaf, end - 59 * day), [{ severity: 'warning', finding }])
  t.end()
})

t.test('a CA that is not one of Node, before the name of APNs: TLS is inspected', (t) => {
  for (const trusted of [undefined, authority.certificatePem])
    t.match(rootFindings(target(apple, trusted), leaf, now), [
      {
        severity: 'warning',
        finding: /root CA test authority, which is not one of Node: a program on the way inspects/,
        cure: /^exclude \*\.push\.apple\.com from inspection/,
      },
    ])
  t.end()
})
