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

const verdicts: readonly [string, Partial<SenderRecord>, VerdictKind, RegExp][] = [
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
  ['one with a fault', { silenced: 1 }, 'put-right', /one thing goes wrong already/],
  ['one with two', { silenced: 1, unregistered: 1 }, 'put-right', /2 things go wrong/],
]

for (const [name, sender, verdict, summary] of verdicts)
  t.test(`judges ${name}`, (t) => {
    t.match(advise(sender), { verdict, summary })
    t.end()
  })

t.test('of a sender whose route is gone, says what does not depend on it', (t) => {
  const { steps } = adviceOn({ sender: { ...usual, resent: 1 }, route: undefined, nowMs })
  t.equal(steps.length, 2)
  t.notMatch(steps.join(), /undefined|https:/)
  t.end()
})
