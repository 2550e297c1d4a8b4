import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { connect, createServer } from 'node:tls'
import t from 'tap'
import type { Authority, Issued } from '../../src/credentials/authority.ts'
import {
  createAuthority,
  issuePushCertificate,
  issueServerCertificate,
} from '../../src/credentials/authority.ts'
import { readCertificate } from '../../src/credentials/certificate.ts'

const now = new Date()
const ca = await createAuthority('Test Authority', now)
const gateway = await issueServerCertificate(
  ca,
  ['gateway.push.apple.com', '127.0.0.1', '::1'],
  now,
)
const shop = await issuePushCertificate(
  ca,
  { topic: 'com.example.shop', environments: ['production'] },
  now,
)

const x509 = ({ certificatePem }: Issued): X509Certificate => new X509Certificate(certificatePem)

const daysUntil = (date: string): number =>
  Math.round((Date.parse(date) - now.getTime()) / 86_400_000)

t.test('makes an authority for ten years that signs itself', (t) => {
  const certificate = x509(ca)
  t.ok(certificate.ca)
  t.ok(certificate.checkIssued(certificate))
  t.ok(certificate.verify(certificate.publicKey))
  t.equal(certificate.subject, 'CN=Test Authority')
  t.ok([3652, 3653].includes(daysUntil(certificate.validTo)))
  t.end()
})

for (const [what, issued, usage] of [
  ['server', gateway, '1.3.6.1.5.5.7.3.1'],
  ['push', shop, '1.3.6.1.5.5.7.3.2'],
] as const) {
  t.test(`issues a ${what} certificate for two years with its own RSA-2048 key`, (t) => {
    const certificate = x509(issued)
    t.notOk(certificate.ca)
    t.ok(certificate.checkIssued(x509(ca)))
    t.ok(certificate.verify(x509(ca).publicKey))
    t.ok(certificate.publicKey.asymmetricKeyDetails?.modulusLength === 2048)
    t.match(issued.keyPem, /^-----BEGIN PRIVATE KEY-----\n/)
    t.same(certificate.keyUsage, [usage], 'extended key usage')
    t.ok([730, 731].includes(daysUntil(certificate.validTo)))
    t.ok(daysUntil(certificate.validFrom) < 0, 'valid on a clock that is late')
    t.end()
  })
}

t.test('gives every certificate a serial number of its own', (t) => {
  const serials = [ca, gateway, shop].map((issued) => x509(issued).serialNumber)
  t.equal(new Set(serials).size, 3)
  for (const serial of serials) t.match(serial, /^01[0-9A-F]{30}$/)
  t.end()
})

t.test('names all hosts of a server, the first one in the common name as well', (t) => {
  const certificate = x509(gateway)
  t.equal(certificate.subject, 'CN=gateway.push.apple.com')
  t.equal(
    certificate.subjectAltName,
    'DNS:gateway.push.apple.com, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1',
  )
  t.end()
})

t.test('refuses a server without a host', async (t) => {
  await t.rejects(issueServerCertificate(ca, [], now), RangeError)
})

t.test('issues certificates that server and client accept of each other', async (t) => {
  const server = createServer({
    cert: gateway.certificatePem,
    key: gateway.keyPem,
    ca: ca.certificatePem,
    requestCert: true,
    maxVersion: 'TLSv1.2',
    ciphers: 'AES256-SHA',
  })
  const accepted = once(server, 'secureConnection') as Promise<[TLSSocket]>
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const client = connect({
    host: '127.0.0.1',
    port: (server.address() as AddressInfo).port,
    ca: ca.certificatePem,
    cert: shop.certificatePem,
    key: shop.keyPem,
    ciphers: 'AES256-SHA',
  })
  await once(client, 'secureConnect')
  const [socket] = await accepted
  t.ok(client.authorized, 'by RSA key exchange and IP address')
  t.ok(socket.authorized)
  t.equal(readCertificate(socket.getPeerCertificate().raw).topic, 'com.example.shop')
  socket.end()
  client.end()
  await Promise.all([once(client, 'close'), once(socket, 'close')])
  server.close()
  await once(server, 'close')
})

t.test('issues a server certificate on P-256 that a client accepts', async (t) => {
  const issued = await issueServerCertificate(ca, ['gateway.push.apple.com', '::1'], now, 'ecdsa')
  const certificate = x509(issued)
  t.equal(certificate.publicKey.asymmetricKeyDetails?.namedCurve, 'prime256v1')
  t.ok(certificate.verify(x509(ca).publicKey))
  t.ok(certificate.checkIssued(x509(ca)))
  t.equal(certificate.checkHost('gateway.push.apple.com'), 'gateway.push.apple.com')
  const server = createServer({
    cert: issued.certificatePem,
    key: issued.keyPem,
    maxVersion: 'TLSv1.2',
  })
  server.on('secureConnection', (socket) => socket.end())
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const client = connect({
    port: (server.address() as AddressInfo).port,
    host: '127.0.0.1',
    servername: 'gateway.push.apple.com',
    ca: ca.certificatePem,
  })
  await once(client, 'secureConnect')
  t.match(client.getCipher().name, /^ECDHE-ECDSA-/)
  client.end().resume()
  await once(client, 'close')
  server.close()
  await once(server, 'close')
})

t.test('issues app certificates that read as Apple issues them', async (t) => {
  const topics = ['com.example.shop', 'com.example.shop.voip']
  const { certificatePem } = await issuePushCertificate(
    ca,
    { topic: 'com.example.shop', environments: ['sandbox', 'production'], topics },
    now,
  )
  const certificate = readCertificate(certificatePem)
  t.equal(
    certificate.subject,
    'UID=com.example.shop, CN=Apple Push Services: com.example.shop, C=US',
  )
  t.same(certificate.topics, topics)
  t.same(certificate.environments, ['production', 'sandbox'])
})

t.test('issues MDM certificates that read as Apple issues them', async (t) => {
  const topic = 'com.apple.mgmt.External.6f1c2a52-64a4-4f0c-9d3e-8b1f6d6a7c21'
  const push = { topic, environments: ['production'] as const }
  const certificate = readCertificate((await issuePushCertificate(ca, push, now)).certificatePem)
  t.equal(certificate.subject, `UID=${topic}, CN=APSP:6f1c2a52-64a4-4f0c-9d3e-8b1f6d6a7c21, C=US`)
  t.same(certificate.topics, [topic])
  t.same(certificate.environments, ['production'])
})

t.test('keeps names beyond ASCII', async (t) => {
  const authority: Authority = await createAuthority('Prüfstelle', now)
  t.equal(x509(authority).subject, 'CN=Prüfstelle')
})

t.test('issues push certificates that node-apn 1.7.8 takes, in their environment alone', (t) => {
  const load = createRequire(import.meta.url)
  const parse = load('apn/lib/credentials/parse') as (files: object) => object
  const validate = load('apn/lib/credentials/validate') as (credentials: object) => void
  const credentials = parse({ cert: shop.certificatePem, key: shop.keyPem })
  t.doesNotThrow(() => {
    validate({ ...credentials, production: true })
  })
  t.throws(() => {
    validate({ ...credentials, production: false })
  }, /does not support configured environment/)
  t.end()
})
