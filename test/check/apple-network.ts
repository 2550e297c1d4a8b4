/** The addresses of APNs in the eyes of a check, whatever the names resolve to. */
import dns from 'node:dns'
import dnsPromises from 'node:dns/promises'
import { syncBuiltinESMExports } from 'node:module'
import { networkInterfaces } from 'node:os'
import t, { type Test } from 'tap'
import { apnsFindings } from '../../src/check/apns-check.ts'
import { addressFindings } from '../../src/check/apple-network.ts'
import { issueServerCertificate } from '../../src/credentials/authority.ts'
import { startSimulator } from '../../src/simulator/provider-api.ts'
import { systemClock } from '../../src/timing/clock.ts'
import { authority, pushCertificate } from '../fixtures/identity.ts'
import { routeWith } from '../fixtures/route.ts'

const apple = 'https://api.push.apple.com'

/** Until the end of the test, every name resolves to these addresses. */
function resolveTo(t: Test, ...addresses: string[]): void {
  const found = addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }))
  const before = [dns.lookup, dnsPromises.lookup] as const
  const set = (lookup: unknown, promise: unknown): void => {
    Object.assign(dns, { lookup })
    Object.assign(dnsPromises, { lookup: promise })
    syncBuiltinESMExports()
  }
  set(
    (_name: string, _options: object, done: (error: null, all: object) => void) => {
      process.nextTick(() => {
        done(null, found)
      })
    },
    () => Promise.resolve(found),
  )
  t.teardown(() => {
    set(...before)
  })
}

const ofApple = ['17.188.143.34', '17.57.144.1', '2620:149:a44::1', '2403:300:a51::1']

t.test('addresses in networks of Apple', async (t) => {
  resolveTo(t, ...ofApple, '2a01:b740:a42::1')
  t.match(await addressFindings(apple, true), [{ severity: 'ok', subject: apple }])
})

for (const [address, place, cure] of [
  ['192.0.2.7', 'an address outside the networks of Apple', /^correct the DNS/],
  ['2001:db8::7', 'an address outside the networks of Apple', /^correct the DNS/],
  ['18.0.0.1', 'an address outside the networks of Apple', /^correct the DNS/],
  ['10.1.2.3', 'a private address', /^override only gateway\.push\.apple\.com/],
  ['172.31.0.1', 'a private address', /^override only gateway\.push\.apple\.com/],
  ['fd00::1', 'a private address', /^override only gateway\.push\.apple\.com/],
  ['127.0.0.1', 'an address of this machine', /^override only gateway\.push\.apple\.com/],
] as const)
  t.test(`${address} is ${place}`, async (t) => {
    resolveTo(t, ...ofApple, address)
    const finding = `its name resolves to ${address}, ${place}: `
    for (const [isReached, severity] of [
      [true, 'warning'],
      [false, 'error'],
    ] as const) {
      const [found, ...more] = await addressFindings(apple, isReached)
      t.match(found, { severity, cure })
      t.ok(found?.finding.startsWith(finding), JSON.stringify(found))
      t.same(more, [])
    }
  })

t.test('an address of an interface is this machine', async (t) => {
  const own = Object.values(networkInterfaces()).flat().at(-1)?.address ?? '127.0.0.1'
  resolveTo(t, own)
  t.match(await addressFindings(apple, false), [{ finding: /an address of this machine/ }])
})

t.test('says nothing of other servers, and of names that do not resolve', async (t) => {
  t.same(await addressFindings('https://push.example:8443', true), [])
  resolveTo(t)
  t.same(await addressFindings(apple, false), [])
})

t.test('the DNS override of all of push.apple.com is found in a check', async (t) => {
  const issued = await issueServerCertificate(authority, ['api.push.apple.com'], new Date())
  const simulator = await startSimulator({ tls: issued }, { clock: systemClock })
  t.teardown(() => simulator.stop())
  resolveTo(t, '127.0.0.1')
  const route = routeWith(await pushCertificate('com.example.app'))
  const find = (port: number) => {
    const target = { subject: 'app', route, origin: `${apple}:${port}`, proxy: undefined }
    const options = { certificateAuthority: authority.certificatePem, live: false }
    return apnsFindings([target], options, systemClock)
  }
  t.match(await find(1), [
    { severity: 'error', finding: /127\.0\.0\.1, an address of this machine/ },
    { severity: 'error', finding: /refuses the connection/ },
  ])
  t.match(await find(simulator.port), [
    { severity: 'warning', finding: /127\.0\.0\.1, an address of this machine/ },
    { severity: 'ok', finding: /^reached/ },
    { severity: 'warning', finding: /root CA test authority, which is not one of Node/ },
    { severity: 'ok', finding: /its clock/ },
    { severity: 'ok', finding: /accepts its certificate/ },
  ])
})

t.test('through a proxy the check says which, and does not judge the address', async (t) => {
  const proxy = { url: 'http://me:secret@127.0.0.1:1', shown: 'http://127.0.0.1:1 (HTTPS_PROXY)' }
  const route = routeWith(await pushCertificate('com.example.app'))
  const options = { certificateAuthority: undefined, live: false }
  const found = await apnsFindings(
    [{ subject: 'app', route, origin: apple, proxy }],
    options,
    systemClock,
  )
  t.match(found, [
    { severity: 'ok', finding: 'the way there leads through http://127.0.0.1:1 (HTTPS_PROXY)' },
    { severity: 'error', finding: /^the proxy on the way does not connect .*ECONNREFUSED/ },
  ])
  t.notMatch(JSON.stringify(found), 'secret')
})
