/** What is said of a sender, by what it does: a row for each rule, and one for each verdict. */
import t from 'tap'
import { adviceOn, type VerdictKind } from '../../src/statistics/advice.ts'
import type { RouteRecord } from '../../src/statistics/sender-statistics.ts'
import { newSender, type SenderRecord } from '../../src/statistics/sender-record.ts'

const nowMs = Date.UTC(2026, 10, 25)
const dayMs = 86_400_000

const route: RouteRecord = {
  name: 'shop',
  topic: 'com.example.shop',
  environment: 'production',
  credential: 'certificate',
  credentialNotAfterMs: nowMs + 300 * dayMs,
  reach: 'proven',
  reachReason: '',
  expiration: {},
}

/** A sender that gives no cause for remarks. */
const usual: SenderRecord = {
  ...newSender({ route: 'shop', publicKeySha256: 'aa' }, nowMs - 100 * dayMs),
  lastSeenMs: nowMs,
  lastSentMs: nowMs,
  connections: 3,
  tlsVersions: { 'TLSv1.2': 3 },
  commands: { 0: 0, 1: 0, 2: 900 },
  pushTypes: { alert: 900 },
  delivered: 900,
}

function advise(
  sender: Partial<SenderRecord> = {},
  changed: Partial<RouteRecord> = {},
): ReturnType<typeof adviceOn> {
  return adviceOn({ sender: { ...usual, ...sender }, route: { ...route, ...changed }, nowMs })
}

t.test('of a sender without faults, says where to send, the push type and the credential', (t) => {
  t.strictSame(advise(), {
    verdict: 'move',
    summary: 'Can move to HTTP/2: nothing stands in the way.',
    steps: [
      'Send each push as POST https://api.push.apple.com/3/device/<token in hexadecimal> with apns-topic: com.example.shop.',
      'Set apns-push-type: alert.',
      'Present the push certificate of its route, which is valid until 2027-09-21.',
    ],
  })
  t.end()
})

const steps: readonly [string, Partial<SenderRecord>, Partial<RouteRecord>, RegExp][] = [
  ['TLS 1.0 only', { tlsVersions: { TLSv1: 2 } }, {}, /newer runtime.*speaks TLSv1 only/],
  [
    'TLS 1.0 among others',
    { tlsVersions: { 'TLSv1.2': 7, 'TLSv1.1': 2 } },
    {},
    /part of it that is old.*TLSv1\.2 7, TLSv1\.1 2/,
  ],
  ['the sandbox', {}, { environment: 'sandbox' }, /https:\/\/api\.sandbox\.push\.apple\.com\//],
  [
    'several push types',
    { pushTypes: { background: 3, alert: 9 } },
    {},
    /apns-push-type by what is in the payload.*alert 9, background 3.*apns-priority: 5/,
  ],
  ['a background push alone', { pushTypes: { background: 3 } }, {}, /background\. .*priority: 5/],
  [
    'a signing key',
    {},
    { credential: 'signing-key', credentialNotAfterMs: null },
    /Sign provider tokens/,
  ],
  [
    'a certificate that expires',
    {},
    { credentialNotAfterMs: nowMs + 59 * dayMs },
    /renew it first, or use a signing key/,
  ],
  [
    'an MDM certificate that expires',
    {},
    { credentialNotAfterMs: nowMs, topic: 'com.apple.mgmt.External.x' },
    /renew it first; MDM does not accept a signing key/,
  ],
  ['command 2 without expiration', { withoutExpiration: 5 }, {}, /apns-expiration: 0.*5 pushes/],
  [
    'command 2 without expiration, of which the route makes a lifetime',
    { withoutExpiration: 5 },
    { expiration: { default: 7 * 86_400 } },
    /apns-expiration to the time 7 days after sending: 5 pushes left the expiration open/,
  ],
  [
    'command 0 on such a route',
    { commands: { 0: 3, 1: 0, 2: 0 }, delivered: 3 },
    { expiration: { default: 5400 } },
    /90 minutes after sending: 3 pushes left the expiration open/,
  ],
  [
    'a refused certificate',
    {},
    { reach: 'refused', reachReason: 'BadCertificateEnvironment' },
    /^Put its route right first: APNs refuses the push certificate of its route \(BadCertificateEnvironment\)\. The certificate is for the other environment\..*check --live/,
  ],
  [
    'a certificate that is not to be presented',
    {},
    { reach: 'refused', reachReason: 'BadCertificate' },
    /^Present another push certificate than its route does now/,
  ],
  [
    'a signing key that is not to be used',
    {},
    { reach: 'refused', reachReason: 'X', credential: 'signing-key', credentialNotAfterMs: null },
    /^Sign provider tokens with another signing key/,
  ],
  [
    'a suspected set-up',
    {},
    { reach: 'suspected', reachReason: 'BadDeviceToken for every token' },
    /^Present a credential only after it has delivered here/,
  ],
  ['a route without proof', {}, { reach: 'unproven' }, /has not delivered anything here so far\.$/],
  [
    'few deliveries',
    { delivered: 400, rejections: { PayloadTooLarge: 499 } },
    {},
    /only 400 of its 900 pushes were delivered \(PayloadTooLarge 499, waiting 1\)/,
  ],
  ['UTF-16', { utf16Payloads: 1 }, {}, /UTF-8: one push came in UTF-16/],
  ['long tokens', { longTokens: 2 }, {}, /2 pushes went to one longer than 32 bytes/],
  [
    'command 0 alone',
    { commands: { 0: 8, 1: 0, 2: 0 }, untold: 4 },
    {},
    /command 0 alone, and cannot be told of bad tokens \(4 so far\)/,
  ],
  ['command 0 at times', { commands: { 0: 8, 1: 2, 2: 0 } }, {}, /command 0 for 8 of 10 pushes/],
  [
    'bad tokens',
    { rejections: { BadDeviceToken: 2, DeviceTokenNotForTopic: 1, PayloadEmpty: 9 } },
    {},
    /Clean its list.*3 pushes.*\(BadDeviceToken 2, DeviceTokenNotForTopic 1\)/,
  ],
  ['dead tokens, never told', { unregistered: 6 }, {}, /never reads the feedback.*6 pushes/],
  ['feedback that is read', { feedbackReads: 1 }, {}, /remove the code that reads the feedback/],
  ['streams that break', { unreadable: { truncated: 3 } }, {}, /truncated 3\).*"decode"/],
  ['a loop', { silenced: 7 }, {}, /End its loop.* 7 more/],
  ['identifiers alike', { repeatedIdentifiers: 4 }, {}, /identifiers: 4 pushes had the identifier/],
  ['resends', { resent: 12 }, {}, /sent 12 pushes again.*second push/],
  [
    'deafness',
    { rejections: { PayloadEmpty: 4 }, untold: 1 },
    {},
    /reads error responses: it was told 3 times/,
  ],
  ['a connection for each push', { connections: 500 }, {}, /opened 500 for 900 pushes/],
  ['a fast one', { peakPerSecond: 500 }, {}, /up to 500 a second/],
]

for (const [name, sender, changed, expected] of steps)
  t.test(`knows what to do about ${name}, and does not say so of others`, (t) => {
    const { steps } = advise(sender, changed)
    t.equal(steps.filter((step) => expected.test(step)).length, 1, steps.join('\n'))
    t.notOk(advise().steps.some((step) => expected.test(step)))
    t.end()
  })

type Judged = Partial<SenderRecord> & { readonly reach?: RouteRecord['reach'] }

const verdicts: readonly [string, Judged, VerdictKind, RegExp][] = [
  [
    'one that is silent',
    { lastSentMs: nowMs - 41 * dayMs },
    'switch-off',
    /Silent for 41 days: can probably be switched off/,
  ],
  ['one silent for 29 days', { lastSentMs: nowMs - 29 * dayMs }, 'move', /Can move/],
  [
    'one that has only ever connected',
    { lastSentMs: null, commands: { 0: 0, 1: 0, 2: 0 } },
    'switch-off',
    /Has sent nothing for 100 days/,
  ],
  [
    'a new one that sends nothing',
    { lastSentMs: null, commands: { 0: 0, 1: 0, 2: 0 }, firstSeenMs: nowMs - dayMs },
    'idle',
    /has sent nothing so far/,
  ],
  [
    'one with old TLS alone',
    { tlsVersions: { TLSv1: 1, 'TLSv1.1': 1 } },
    'replace',
    /Cannot speak/,
  ],
  [
    'one of which nothing was delivered on a refused route',
    { commands: { 0: 0, 1: 0, 2: 5 }, delivered: 0, reach: 'refused' },
    'put-right',
    /^None of its 5 pushes was delivered: APNs refuses the push certificate of its route \(BadCertificate\)\. Put that right first\.$/,
  ],
  [
    'one whose only push was not delivered behind a captive portal',
    { commands: { 0: 0, 1: 0, 2: 1 }, delivered: 0, reach: 'foreign' },
    'put-right',
    /^Its only push was not delivered: a program between the proxy and APNs answers in place of APNs/,
  ],
  [
    'one on a route that is suspected',
    { delivered: 0, reach: 'suspected' },
    'put-right',
    /^None of its 900 pushes was delivered: APNs rejects every token of its route/,
  ],
  [
    'one without a connection to APNs',
    { delivered: 0, reach: 'unreachable' },
    'put-right',
    /^None of its 900 pushes was delivered: its route has no connection to APNs/,
  ],
  [
    'one of which all was rejected',
    { delivered: 0, rejections: { PayloadEmpty: 899 } },
    'put-right',
    /^None of its 900 pushes was delivered \(PayloadEmpty 899, waiting 1\)\.$/,
  ],
  [
    'one that an earlier process has left pushes of',
    { delivered: 0, uncounted: 890, expired: 10 },
    'put-right',
    /^None of its last 10 pushes was delivered \(expired 10\)\.$/,
  ],
  [
    'one whose record an earlier version wrote',
    { delivered: 0, uncounted: null },
    'move',
    /^Can move to HTTP\/2: nothing/,
  ],
  [
    'such a one on a refused route',
    { delivered: 0, uncounted: null, reach: 'refused' },
    'put-right',
    /^Nothing is delivered at present: APNs refuses/,
  ],
  ['one with a fault', { silenced: 1 }, 'put-right', /one thing goes wrong already/],
  ['one with two', { silenced: 1, unregistered: 1 }, 'put-right', /2 things go wrong/],
]

for (const [name, { reach = 'proven', ...sender }, verdict, summary] of verdicts)
  t.test(`judges ${name}`, (t) => {
    const reachReason = reach === 'refused' ? 'BadCertificate' : ''
    t.match(advise(sender, { reach, reachReason }), { verdict, summary })
    t.end()
  })

t.test('of a sender whose route is gone, says what does not depend on it', (t) => {
  const { steps } = adviceOn({ sender: { ...usual, resent: 1 }, route: undefined, nowMs })
  t.equal(steps.length, 2)
  t.notMatch(steps.join(), /undefined|https:/)
  t.end()
})
