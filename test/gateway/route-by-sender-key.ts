import { createHash, X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { connect, createServer, type TLSSocket } from 'node:tls'
import t, { type Test } from 'tap'
import type { Issued } from '../../src/credentials/authority.ts'
import type { Environment } from '../../src/credentials/certificate.ts'
import {
  CertificateReader,
  RouteBySenderKey,
  type SenderCertificate,
} from '../../src/gateway/route-by-sender-key.ts'
import { authority, pushCertificate, server } from '../fixtures/identity.ts'

const shop = await pushCertificate('com.example.shop')

interface Route {
  readonly name: string
  readonly environment: Environment
  readonly senderKeys: readonly string[]
}

const route = (name: string, environment: Environment, ...senderKeys: string[]): Route => ({
  name,
  environment,
  senderKeys,
})

t.test('finds a sender by the public key of its certificate', (t) => {
  const registry = new RouteBySenderKey([
    route('shop', 'production', 'aa', 'bb'),
    route('mail', 'production', 'cc'),
  ])
  t.equal(registry.find('aa', undefined)?.name, 'shop')
  t.equal(registry.find('bb', undefined)?.name, 'shop')
  t.equal(registry.find('cc', undefined)?.name, 'mail')
  t.equal(registry.find('dd', undefined), undefined)
  t.end()
})

t.test(
  'for a key in two environments, finds the route of the listener’s environment, else the first',
  (t) => {
    const registry = new RouteBySenderKey([
      route('test', 'sandbox', 'aa'),
      route('live', 'production', 'aa'),
    ])
    t.equal(registry.find('aa', 'production')?.name, 'live')
    t.equal(registry.find('aa', 'sandbox')?.name, 'test')
    t.equal(registry.find('aa', undefined)?.name, 'test')
    t.end()
  },
)

t.test('finds no sender for a listener of the other environment', (t) => {
  const registry = new RouteBySenderKey([route('live', 'production', 'aa')])
  t.equal(registry.find('aa', 'sandbox'), undefined)
  t.end()
})

/** What a listener reads from a peer with this identity, in each of several connections. */
async function learned(
  t: Test,
  identity: Issued | undefined,
  connections = 1,
): Promise<(SenderCertificate | undefined)[]> {
  const reader = new CertificateReader()
  const found: (SenderCertificate | undefined)[] = []
  const listener = createServer(
    {
      cert: server.certificatePem,
      key: server.keyPem,
      requestCert: true,
      rejectUnauthorized: false,
      maxVersion: 'TLSv1.2',
    },
    (socket: TLSSocket) => {
      socket.on('error', () => undefined)
      found.push(reader.read(socket))
      socket.end()
    },
  )
  listener.listen(0, '127.0.0.1')
  await once(listener, 'listening')
  t.teardown(() => listener.close())
  let session: Buffer | undefined
  for (let count = 0; count < connections; count++) {
    const socket = connect({
      port: (listener.address() as AddressInfo).port,
      host: '127.0.0.1',
      ca: authority.certificatePem,
      servername: 'gateway.push.apple.com',
      ...(identity && { cert: identity.certificatePem, key: identity.keyPem }),
      ...(session && { session }),
    })
    socket.on('session', (ticket: Buffer) => (session = ticket))
    socket.resume()
    await once(socket, 'secureConnect')
    t.equal(socket.isSessionReused(), count > 0)
    await once(socket, 'close')
  }
  return found
}

t.test('identifies a peer by its certificate', async (t) => {
  const certificate = new X509Certificate(shop.certificatePem)
  const spki = certificate.publicKey.export({ type: 'spki', format: 'der' })
  const [peer] = await learned(t, shop)
  if (peer === undefined) throw new TypeError('a certificate')
  t.equal(peer.publicKeySha256, createHash('sha256').update(spki).digest('hex'))
  t.equal(peer.fingerprint256, createHash('sha256').update(certificate.raw).digest('hex'))
  t.match(peer.subject, /UID=com\.example\.shop/)
  t.notMatch(peer.subject, /\n/)
  t.equal(peer.notAfter.getTime(), new Date(certificate.validTo).getTime())
})

t.test('identifies a peer in a resumed TLS session', async (t) => {
  const [first, second] = await learned(t, shop, 2)
  t.ok(first)
  t.same(second, first)
})

t.test('does not identify a peer without a certificate', async (t) => {
  t.same(await learned(t, undefined), [undefined])
})
