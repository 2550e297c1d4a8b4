import { generateKeyPairSync } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import type { Route } from '../../src/config/route.ts'
import { issuePushCertificate } from '../../src/credentials/authority.ts'
import { loadCertificateCredential } from '../../src/credentials/credential.ts'
import {
  failingRoutes,
  onFreePorts,
  prepareRehearsal,
  rehearsalConfiguration,
  rehearsed,
} from '../../src/simulator/rehearsal.ts'
import { systemClock } from '../../src/timing/clock.ts'
import { folder } from '../fixtures/folder.ts'
import { authority } from '../fixtures/identity.ts'

const directory = folder(t)
const files = await prepareRehearsal(directory, systemClock)
const configuration = rehearsalConfiguration(directory, files)
const provider = {
  origins: { production: 'https://127.0.0.1:1', sandbox: 'https://127.0.0.1:2' },
  certificateAuthority: 'a CA',
}

t.test('what is rehearsed goes to the played provider, and into a store of its own', (t) => {
  const { providerApi, dataDirectory, routes } = rehearsed(configuration, provider)
  const direct = { production: undefined, sandbox: undefined }
  t.same(providerApi, { ...provider, proxies: direct })
  t.equal(dataDirectory, join(directory, 'rehearsal', 'store'))
  t.not(dataDirectory, configuration.dataDirectory)
  t.equal(routes, configuration.routes)
  t.end()
})

t.test('knows each route that the simulator will refuse, and why', async (t) => {
  const [route] = configuration.routes
  if (route === undefined) throw new TypeError('a route')
  const now = systemClock.now()
  t.same(failingRoutes([route], now), [])
  const routeWith = async (
    topic: string,
    marks: readonly 'sandbox'[],
    issuedAt: Date,
  ): Promise<Route> => {
    const push = { topic, environments: marks }
    const { certificatePem, keyPem } = await issuePushCertificate(authority, push, issuedAt)
    const file = join(directory, 'other.pem')
    writeFileSync(file, certificatePem + keyPem)
    return { ...route, name: topic, credential: loadCertificateCredential({ certificate: file }) }
  }
  const unmarked = await routeWith('com.example.unmarked', [], new Date(now))
  const development = await routeWith('com.example.development', ['sandbox'], new Date(now))
  const old = await routeWith('com.example.old', ['sandbox'], new Date(now - 3 * 365 * 86_400_000))
  t.match(failingRoutes([unmarked, route, development, old], now), [
    {
      name: 'com.example.unmarked',
      reason: 'BadCertificateEnvironment',
      cause: /lacks Apple's mark for production/,
    },
    { name: 'com.example.development', reason: 'BadCertificateEnvironment' },
    { name: 'com.example.old', reason: 'BadCertificate', cause: /expired on \d{4}/ },
  ])
  t.same(failingRoutes([{ ...development, environment: 'sandbox' }], now), [])
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const key = { kind: 'signing-key', keyId: 'K', teamId: 'T', privateKey } as const
  const topic = 'com.apple.mgmt.External.x'
  t.match(failingRoutes([{ ...route, topic, credential: key }], now), [{ reason: 'Forbidden' }])
})

t.test('on free ports, nothing else changes', (t) => {
  const { listeners, admin, ...rest } = onFreePorts(configuration)
  t.match(listeners, [
    { kind: 'gateway', host: '127.0.0.1', port: 0 },
    { kind: 'feedback', host: '127.0.0.1', port: 0 },
  ])
  t.same(admin, { host: '127.0.0.1', port: 0 })
  t.match(configuration, rest)
  t.end()
})
