import t from 'tap'
import type { ProbeAnswer, Step } from '../../src/check/probe.ts'
import { ProbeFault } from '../../src/check/probe.ts'
import { answerFinding, clockFindings, faultFinding } from '../../src/check/apns-message.ts'

const origin = 'https://api.push.apple.com'

const faults: readonly (readonly [step: Step, code: string, finding: RegExp, cure: RegExp])[] = [
  [
    'proxy',
    'CLOSED',
    /the proxy on the way does not connect/,
    /correct its address and credentials/,
  ],
  ['dns', 'ENOTFOUND', /^the DNS server of this machine does not know its name/, /correct .*DNS/],
  ['dns', 'EAI_AGAIN', /no DNS server answers/, /set a DNS server/],
  ['dns', 'TIMEOUT', /its name cannot be resolved/, /DNS server/],
  ['tcp', 'ECONNREFUSED', /its address refuses the connection/, /host and port under providerApi/],
  [
    'tcp',
    'TIMEOUT',
    /no TCP connection can be opened: .*firewall/,
    /let this machine reach the networks of Apple/,
  ],
  ['tcp', 'ENETUNREACH', /no TCP connection can be opened/, /reach the networks of Apple/],
  [
    'tls',
    'SELF_SIGNED_CERT_IN_CHAIN',
    /not signed by a trusted CA/,
    /providerApi\.certificateAuthority/,
  ],
  ['tls', 'ERR_TLS_CERT_ALTNAME_INVALID', /for another name/, /hosts file/],
  ['tls', 'CERT_HAS_EXPIRED', /seems to have expired/, /set the clock/],
  ['tls', 'CLOSED', /the TLS handshake fails/, /interferes/],
  ['alpn', 'CLOSED', /does not offer HTTP\/2/, /exclude \*\.push\.apple\.com from inspection/],
  ['http2', 'TIMEOUT', /sends no HTTP\/2/, /try again/],
  ['http2', 'BadCertificate', /rejects the certificate: it is not a push certificate/, /active/],
  // A refusal in TLS 1.3 comes when the handshake is over for the client.
  ['http2', 'ERR_SSL_SSLV3_ALERT_CERTIFICATE_REVOKED', /rejects the client certificate/, /revoked/],
]

t.test('every fault on the way is an error with what happened and what to do', (t) => {
  for (const [step, code, finding, cure] of faults) {
    const found = faultFinding(origin, new ProbeFault(step, code, 'what the system says'))
    t.match(found, { severity: 'error', subject: origin, finding, cure }, `${step} ${code}`)
    t.ok(found.finding.endsWith(' (what the system says)'), `${step} ${code}`)
  }
  t.end()
})

function answer(reason: string, status = 403): ProbeAnswer {
  return { status, body: JSON.stringify({ reason }), dateMs: undefined }
}

const reasons: readonly (readonly [reason: string, finding: RegExp, cure: RegExp])[] = [
  [
    'BadCertificate',
    /rejects the certificate: it is not a push certificate, or was revoked/,
    /active/,
  ],
  ['BadCertificateEnvironment', /is for the other environment/, /correct environment of the route/],
  ['ExpiredProviderToken', /provider token as too old, although it is new/, /set the clock/],
  ['InvalidProviderToken', /does not know this signing key under this team/, /keyId and teamId/],
  ['UnrelatedKeyIdInToken', /does not know this signing key under this team/, /keyId and teamId/],
  ['BadEnvironmentKeyIdInToken', /signing key is for the other environment/, /environment/],
  ['MissingProviderToken', /received no credential/, /certificateAuthority|exclude/],
  ['Forbidden', /forbids this credential/, /Apple account/],
  ['TopicDisallowed', /may not send for this topic/, /bundle ID/],
  ['BadTopic', /may not send for this topic/, /bundle ID/],
  ['MissingTopic', /may not send for this topic/, /bundle ID/],
  ['InvalidPushType', /push type does not fit the topic/, /remove pushType/],
]

t.test('every refusal of the credential is an error that names reason and cure', (t) => {
  for (const [reason, finding, cure] of reasons) {
    const found = answerFinding('routes[0] mdm', answer(reason))
    t.match(found, { severity: 'error', finding, cure }, reason)
    t.ok(found.finding.endsWith(` (403 ${reason})`), reason)
  }
  t.end()
})

t.test('only a complaint of the token means that all is well', (t) => {
  t.strictSame(answerFinding('routes[0] mdm', answer('BadDeviceToken', 400)), {
    severity: 'ok',
    subject: 'routes[0] mdm',
    finding: 'APNs accepts credential and topic: it rejected only the token of a push to no device',
  })
  t.match(answerFinding('a', answer('DeviceTokenNotForTopic', 400)), { severity: 'ok' })
  t.match(answerFinding('a', { status: 200, body: '', dateMs: undefined }), {
    severity: 'error',
    finding: 'APNs answered 200 without a reason to a push to no device, and not BadDeviceToken',
  })
  t.match(answerFinding('a', answer('Teapot', 418)), { severity: 'error', finding: /418 Teapot/ })
  t.match(answerFinding('a', { status: 502, body: '<html>', dateMs: undefined }), {
    severity: 'warning',
    finding:
      'APNs answered 502 without a reason to a push to no device: it is busy or out of order',
  })
  t.end()
})

const noon = Date.UTC(2021, 2, 31, 12)
const minute = 60_000

t.test('a clock that is wrong is told with its direction', (t) => {
  const at = (dateMs: number | undefined) =>
    clockFindings(origin, { status: 404, body: '', dateMs }, noon)
  t.same(at(undefined), [])
  t.match(at(noon - 59_000), [{ severity: 'ok' }])
  t.match(at(noon - minute), [
    { severity: 'warning', finding: /^the clock of this machine is 1 minute ahead: /, cure: /NTP/ },
  ])
  t.match(at(noon + 3 * minute), [{ severity: 'warning', finding: /is 3 minutes behind/ }])
  t.match(at(noon + 50 * minute), [{ severity: 'error', finding: /is 50 minutes behind/ }])
  t.end()
})
