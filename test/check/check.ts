/** Everything at once: the files, what they say, and the way to the provider API. */
import { copyFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { stringify } from 'yaml'
import { checkConfiguration } from '../../src/check/check.ts'
import { systemClock } from '../../src/timing/clock.ts'
import { startSimulator } from '../../src/simulator/provider-api.ts'
import { allAppleHosts } from '../../src/credentials/certificate.ts'
import { issueServerCertificate } from '../../src/credentials/authority.ts'
import { authority, pushCertificate, server } from '../fixtures/identity.ts'

const app = await pushCertificate('com.example.app')
const other = await pushCertificate('com.example.other')
const gateway = await issueServerCertificate(authority, allAppleHosts, new Date())
const fixtures = fileURLToPath(new URL('../fixtures/credentials/', import.meta.url))
const offline = { offline: true, live: false, version: '1.2.3' }

const good = {
  listeners: [{ kind: 'gateway' }],
  tls: { certificate: 'server.pem', key: 'server.key' },
  routes: [{ name: 'app', certificate: 'app.pem' }],
}

/** Writes the file and what it names; the path. */
function write(t: Test, value: object): string {
  const directory = t.testdir()
  const files = {
    'server.pem': gateway.certificatePem,
    'server.key': gateway.keyPem,
    'ca.pem': authority.certificatePem,
    'app.pem': app.certificatePem + app.keyPem,
    'app.key': app.keyPem,
    'other.pem': other.certificatePem,
    'proxy.yaml': stringify(value),
  }
  for (const [name, text] of Object.entries(files))
    writeFileSync(join(directory, name), text, { mode: 0o600 })
  for (const name of ['mdm.pem', 'mdm.key', 'AuthKey_ABC123DEFG.p8'])
    copyFileSync(`${fixtures}${name}`, join(directory, name))
  return join(directory, 'proxy.yaml')
}

/** What is not well, without the modes of the files. */
async function faults(t: Test, value: object): Promise<readonly (readonly [string, string])[]> {
  const findings = await checkConfiguration(write(t, value), offline, systemClock)
  return findings
    .filter(({ severity, finding }) => severity === 'error' && !finding.startsWith('every user'))
    .map(({ subject, finding, cure }) => [subject, `${finding} → ${cure ?? ''}`])
}

t.test(
  'a good configuration has nothing but good findings, in the order of the file',
  async (t) => {
    const findings = await checkConfiguration(write(t, good), offline, systemClock)
    t.same(
      findings.filter(({ severity }) => severity !== 'ok'),
      [],
    )
    t.same(
      [...new Set(findings.map(({ subject }) => subject))],
      ['tls.certificate', 'routes[0] app', 'routes[0].certificate'],
    )
  },
)

t.test('all that is wrong is found at once, each with its cure', async (t) => {
  const value = {
    listeners: [{ kind: 'gateway', prot: 2195 }],
    tls: { certificate: 'server.pem', key: 'app.key' },
    routes: [
      { name: 'a', certificate: 'app.pem' },
      { name: 'b', certificate: 'app.pem' },
      { name: 'c', certificate: 'other.pem', key: 'app.key' },
      { name: 'd', certificate: 'mdm.pem', key: 'mdm.key', environment: 'sandbox' },
      {
        name: 'e',
        signingKey: 'AuthKey_ABC123DEFG.p8',
        keyId: 'ABC123DEFG',
        teamId: 'DEF123GHIJ',
        topic: 'com.apple.mgmt.External.1',
        senderCertificates: ['other.pem'],
      },
      { name: 'f', certificate: 'gone.p12' },
    ],
  }
  const found = new Map(await faults(t, value))
  const rows: readonly (readonly [string, RegExp])[] = [
    ['listeners[0].prot', /^is not a known key.*did you mean port\?/],
    ['tls.key', /does not belong to the certificate → give the key/],
    ['routes[1].senderCertificates', /^route a has the same sender → keep it in one route/],
    ['routes[2].key', /does not belong to the certificate → give the key/],
    [
      'routes[3].environment',
      /is for production, not for sandbox: APNs would reject every push → correct environment/,
    ],
    ['routes[4].signingKey', /^MDM topics need a push certificate → give certificate instead/],
    ['routes[5].certificate', /gone\.p12 does not exist → correct the path/],
  ]
  for (const [subject, message] of rows) t.match(found.get(subject), message, subject)
  t.equal(found.size, rows.length)
})

t.test('with a mistake in one route, the certificate of another is still looked at', async (t) => {
  const routes = [{ name: 'a', certificate: 'gone.pem' }, good.routes[0]]
  const clock = { ...systemClock, now: () => Date.now() + 3 * 365 * 86_400_000 }
  const findings = await checkConfiguration(write(t, { ...good, routes }), offline, clock)
  t.same(
    findings.filter(({ severity }) => severity === 'error').map(({ subject }) => subject),
    ['routes[0].certificate', 'tls.certificate', 'routes[1].certificate'],
  )
})

t.test('a file that is no configuration is one finding, without asking the network', async (t) => {
  const path = write(t, good)
  writeFileSync(path, 'routes: [')
  const findings = await checkConfiguration(
    path,
    { offline: false, live: true, version: '1.2.3' },
    systemClock,
  )
  t.ok(findings.length > 0)
  t.ok(
    findings.every(
      ({ severity, finding }) => severity === 'error' && finding.startsWith('is not YAML'),
    ),
  )
})

t.test('the network is asked with the CA and origins of the file', async (t) => {
  const answers = [{ tokenPrefix: '00', reason: 'BadDeviceToken' }]
  const simulator = await startSimulator({ tls: server, answers }, { clock: systemClock })
  t.teardown(() => simulator.stop())
  const providerApi = { production: simulator.origin, certificateAuthority: 'ca.pem' }
  const path = write(t, { ...good, providerApi })
  const findings = await checkConfiguration(
    path,
    { offline: false, live: true, version: '1.2.3' },
    systemClock,
  )
  t.match(findings.slice(-4), [
    { severity: 'ok', subject: simulator.origin, finding: /^reached by HTTP\/2/ },
    { severity: 'ok', subject: simulator.origin, finding: /root CA test authority/ },
    { severity: 'ok', subject: simulator.origin, finding: /^its clock agrees/ },
    { severity: 'ok', subject: 'routes[0] app', finding: /^APNs accepts credential and topic/ },
  ])
})
