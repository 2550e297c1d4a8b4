/** The way to the provider API and back, before a simulator. */
import { createPublicKey } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { apnsFindings, type RouteTarget } from '../../src/check/apns-check.ts'
import { systemClock } from '../../src/timing/clock.ts'
import type { Route } from '../../src/config/route.ts'
import { issuePushCertificate } from '../../src/credentials/authority.ts'
import { loadSigningKey } from '../../src/credentials/credential.ts'
import {
  startSimulator,
  type ReceivedNotification,
  type SimulatorOptions,
} from '../../src/simulator/provider-api.ts'
import { authority, pushCertificate, server } from '../fixtures/identity.ts'
import { routeWith } from '../fixtures/route.ts'

const app = await pushCertificate('com.example.app')
const mdmTopic = 'com.apple.mgmt.External.1'
const mdm = await pushCertificate(mdmTopic)
const file = fileURLToPath(
  new URL('../fixtures/credentials/AuthKey_ABC123DEFG.p8', import.meta.url),
)
const signingKey = loadSigningKey(file, 'ABC123DEFG', 'DEF123GHIJ')
const answers = [{ tokenPrefix: '0'.repeat(64), reason: 'BadDeviceToken' }]

interface Scene {
  readonly received: ReceivedNotification[]
  readonly find: (routes: readonly Route[], live?: boolean) => ReturnType<typeof apnsFindings>
}

async function scene(t: Test, options: Partial<SimulatorOptions> = {}): Promise<Scene> {
  const received: ReceivedNotification[] = []
  const simulator = await startSimulator(
    { tls: server, answers, onNotification: (one) => received.push(one), ...options },
    { clock: systemClock },
  )
  t.teardown(() => simulator.stop())
  const targets = (routes: readonly Route[]): RouteTarget[] =>
    routes.map((route, index) => ({
      subject: `routes[${index}] ${route.name}`,
      route,
      origin: simulator.origin,
      proxy: undefined,
    }))
  const certificateAuthority = authority.certificatePem
  return {
    received,
    find: (routes, live = true) =>
      apnsFindings(targets(routes), { certificateAuthority, live }, systemClock),
  }
}

t.test(
  'without live nothing is pushed, and each certificate is tried in a handshake',
  async (t) => {
    const { received, find } = await scene(t)
    t.match(await find([routeWith(app), routeWith(mdm, { credential: signingKey })], false), [
      {
        severity: 'ok',
        subject: /^https:/,
        finding: /^reached by HTTP\/2 \(127\.0\.0\.1, TLSv1\.3\)$/,
      },
      {
        severity: 'ok',
        subject: /^https:/,
        finding:
          /^its certificate leads to the root CA test authority, which is not one of Node, valid until 20/,
      },
      { severity: 'ok', subject: /^https:/, finding: /^its clock agrees/ },
      {
        severity: 'ok',
        subject: 'routes[0] app',
        finding: /accepts its certificate in the handshake$/,
      },
    ])
    t.same(
      received.filter(({ token }) => token !== ''),
      [],
    )
  },
)

t.test('live, every kind of route pushes to no device and is told that all is well', async (t) => {
  const { publicKey, ...ids } = { ...signingKey, publicKey: createPublicKey(signingKey.privateKey) }
  const { received, find } = await scene(t, { signingKeys: [{ ...ids, publicKey }] })
  const routes = [
    routeWith(app),
    routeWith(mdm, { topic: mdmTopic }),
    routeWith(app, { credential: signingKey }),
  ]
  const findings = await find(routes)
  t.equal(findings.length, 6)
  t.ok(
    findings.every(({ severity }) => severity === 'ok'),
    JSON.stringify(findings),
  )
  const pushes = received.filter(({ token }) => token === '0'.repeat(64))
  t.same(
    pushes.map(({ topic, pushType, payload }) => [topic, pushType, payload.toString()]).sort(),
    [
      [mdmTopic, 'mdm', '{"mdm":"check"}'],
      ['com.example.app', 'background', '{"aps":{}}'],
      ['com.example.app', 'background', '{"aps":{}}'],
    ],
  )
})

t.test('live, what is wrong with a credential is told in words', async (t) => {
  const { find } = await scene(t, { signingKeys: [] })
  const push = { topic: 'com.example.app', environments: ['sandbox'] as const }
  const sandbox = await issuePushCertificate(authority, push, new Date())
  const routes = [
    routeWith(sandbox),
    routeWith(app, { topic: 'com.example.other' }),
    routeWith(app, { credential: signingKey }),
  ]
  t.match((await find(routes)).slice(3), [
    {
      severity: 'error',
      subject: 'routes[0] app',
      finding: /other environment \(403 BadCertificateEnvironment\)$/,
    },
    {
      severity: 'error',
      subject: 'routes[1] app',
      finding: /may not send for this topic \(400 \w+\)$/,
    },
    { severity: 'error', subject: 'routes[2] app', finding: /\(403 InvalidProviderToken\)$/ },
  ])
})

t.test('an origin that cannot be reached is told once, whatever routes it has', async (t) => {
  const origin = 'https://127.0.0.1:1'
  const targets = [1, 2].map((n) => ({
    subject: `routes[${n}] app`,
    route: routeWith(app),
    origin,
    proxy: undefined,
  }))
  const options = { certificateAuthority: undefined, live: true }
  t.match(await apnsFindings(targets, options, systemClock), [
    { severity: 'error', subject: origin, finding: /refuses the connection/ },
  ])
})
