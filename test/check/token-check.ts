/** Which environment knows a device token. */
import t, { type Test } from 'tap'
import { noProxies } from '../../src/config/configuration.ts'
import { tokenFindings } from '../../src/check/token-check.ts'
import type { Finding } from '../../src/check/finding.ts'
import { startSimulator, type ReceivedNotification } from '../../src/simulator/provider-api.ts'
import { systemClock } from '../../src/timing/clock.ts'
import { authority, pushCertificate, server } from '../fixtures/identity.ts'
import { routeWith } from '../fixtures/route.ts'

const token = '5a'.repeat(32)
const app = await pushCertificate('com.example.app')

/** Asks two simulators for a production route. Undefined: this environment accepts the token. */
async function ask(
  t: Test,
  production: string | undefined,
  sandbox: string | undefined,
): Promise<{ findings: readonly Finding[]; received: ReceivedNotification[] }> {
  const received: ReceivedNotification[] = []
  const play = async (reason: string | undefined): Promise<string> => {
    const answers = reason === undefined ? [] : [{ tokenPrefix: '', reason }]
    const simulator = await startSimulator(
      { tls: server, answers, onNotification: (one) => received.push(one) },
      { clock: systemClock },
    )
    t.teardown(() => simulator.stop())
    return simulator.origin
  }
  const origins = { production: await play(production), sandbox: await play(sandbox) }
  const route = routeWith(app)
  const proxy = undefined
  const target = { subject: 'routes[0] app', route, origin: origins.production, proxy }
  const way = { origins, certificateAuthority: authority.certificatePem, proxies: noProxies }
  const findings = await tokenFindings(target, token, way, systemClock)
  t.notMatch(JSON.stringify(findings), token)
  return { findings, received }
}

t.test('the environment of the route: one push in the background, which says so', async (t) => {
  const { findings, received } = await ask(t, undefined, undefined)
  t.strictSame(findings, [
    {
      severity: 'ok',
      subject: 'routes[0] app',
      finding: 'the token of --token belongs to production',
    },
  ])
  t.equal(received.length, 1)
  t.match(received, [{ token, pushType: 'background' }])
  t.equal(received[0]?.payload.toString(), '{"aps":{"content-available":1}}')
})

t.test('the other environment: says what to set', async (t) => {
  const { findings } = await ask(t, 'BadDeviceToken', undefined)
  t.strictSame(findings, [
    {
      severity: 'error',
      subject: 'routes[0] app',
      finding: 'the token of --token belongs to sandbox, not production',
      cure: 'set environment: sandbox in route app',
    },
  ])
})

t.test('neither environment', async (t) => {
  const { findings } = await ask(t, 'BadDeviceToken', 'BadDeviceToken')
  t.match(findings, [
    {
      severity: 'warning',
      finding:
        'APNs does not accept the token of --token: BadDeviceToken in production, and BadDeviceToken in sandbox',
    },
  ])
})

t.test('any other answer is reported, and the other environment not asked', async (t) => {
  const wrongTopic = await ask(t, 'TopicDisallowed', undefined)
  t.match(wrongTopic.findings, [{ severity: 'error', finding: /may not send for this topic/ }])
  t.equal(wrongTopic.received.length, 1)
  const gone = await ask(t, 'Unregistered', undefined)
  t.match(gone.findings, [{ severity: 'warning', finding: /Unregistered in production$/ }])
})
