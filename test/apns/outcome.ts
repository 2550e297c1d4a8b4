import t from 'tap'
import { delivered, outcomeOf, type Outcome } from '../../src/apns/outcome.ts'

interface Row {
  readonly what: string
  readonly status: number
  readonly body?: string
  readonly retryAfterSeconds?: number
  readonly hasApnsId?: boolean
  readonly outcome: Outcome
}

const rows: Row[] = [
  { what: '200', status: 200, outcome: { kind: 'delivered' } },
  {
    what: '200 with a body, which is ignored',
    status: 200,
    body: '{"reason":"BadDeviceToken"}',
    outcome: { kind: 'delivered' },
  },
  {
    what: '410: milliseconds become seconds, rounded down',
    status: 410,
    body: '{"reason":"Unregistered","timestamp":1617148800999}',
    outcome: { kind: 'unregistered', reason: 'Unregistered', timestamp: 1_617_148_800 },
  },
  {
    what: '410 without a timestamp',
    status: 410,
    body: '{"reason":"ExpiredToken"}',
    outcome: { kind: 'unregistered', reason: 'ExpiredToken', timestamp: undefined },
  },
  {
    what: '410 with a timestamp that is not a number',
    status: 410,
    body: '{"reason":"Unregistered","timestamp":"yesterday"}',
    outcome: { kind: 'unregistered', reason: 'Unregistered', timestamp: undefined },
  },
  {
    what: '410 with a timestamp in quotes',
    status: 410,
    body: '{"reason":"Unregistered","timestamp":"1617148800999"}',
    outcome: { kind: 'unregistered', reason: 'Unregistered', timestamp: undefined },
  },
  {
    what: '410 with a timestamp in seconds',
    status: 410,
    body: '{"reason":"Unregistered","timestamp":1617148800}',
    outcome: { kind: 'unregistered', reason: 'Unregistered', timestamp: 1_617_148_800 },
  },
  {
    what: '410 with the last second that a feedback tuple can contain',
    status: 410,
    body: '{"reason":"Unregistered","timestamp":4294967295999}',
    outcome: { kind: 'unregistered', reason: 'Unregistered', timestamp: 4_294_967_295 },
  },
  {
    what: '410 with a later timestamp',
    status: 410,
    body: '{"reason":"Unregistered","timestamp":4294967296000}',
    outcome: { kind: 'unregistered', reason: 'Unregistered', timestamp: undefined },
  },
  {
    what: '410 with a timestamp before 1970',
    status: 410,
    body: '{"reason":"Unregistered","timestamp":-1}',
    outcome: { kind: 'unregistered', reason: 'Unregistered', timestamp: undefined },
  },
  {
    what: 'a bad token',
    status: 400,
    body: '{"reason":"BadDeviceToken"}',
    outcome: { kind: 'rejected', reason: 'BadDeviceToken', amendment: undefined },
  },
  {
    what: 'an inferred push type',
    status: 400,
    body: '{"reason":"InvalidPushType"}',
    outcome: { kind: 'rejected', reason: 'InvalidPushType', amendment: 'without-push-type' },
  },
  {
    what: 'a refused credential',
    status: 403,
    body: '{"reason":"BadCertificateEnvironment"}',
    outcome: { kind: 'credential', reason: 'BadCertificateEnvironment' },
  },
  {
    what: 'a provider token that is too old',
    status: 403,
    body: '{"reason":"ExpiredProviderToken"}',
    outcome: { kind: 'unavailable', reason: 'ExpiredProviderToken', retry: 'later', status: 403 },
  },
  {
    what: 'routine maintenance',
    status: 503,
    body: '{"reason":"Shutdown"}',
    outcome: { kind: 'unavailable', reason: 'Shutdown', retry: 'now', status: 503 },
  },
  {
    what: 'too many requests, with retry-after',
    status: 429,
    body: '{"reason":"TooManyRequests"}',
    retryAfterSeconds: 7,
    outcome: {
      kind: 'unavailable',
      reason: 'TooManyRequests',
      retry: 'later',
      status: 429,
      retryAfterMs: 7000,
    },
  },
  {
    what: 'an unknown reason, by its status',
    status: 400,
    body: '{"reason":"ReasonOfTomorrow"}',
    outcome: { kind: 'rejected', reason: 'ReasonOfTomorrow', amendment: undefined },
  },
  {
    what: 'a Retry-After of a day, which counts as an hour',
    status: 429,
    body: '{"reason":"TooManyRequests"}',
    retryAfterSeconds: 86_400,
    outcome: {
      kind: 'unavailable',
      reason: 'TooManyRequests',
      retry: 'later',
      status: 429,
      retryAfterMs: 3_600_000,
    },
  },
  {
    what: '413 that is not APNs’',
    status: 413,
    hasApnsId: false,
    outcome: { kind: 'rejected', reason: 'HTTP 413', amendment: undefined },
  },
  {
    what: 'a reason without an apns-id',
    status: 400,
    body: '{"reason":"BadTopic"}',
    hasApnsId: false,
    outcome: { kind: 'rejected', reason: 'BadTopic', amendment: undefined },
  },
  {
    what: 'no body',
    status: 500,
    outcome: { kind: 'unavailable', reason: 'HTTP 500', retry: 'later', status: 500 },
  },
  {
    what: 'a body that is not JSON',
    status: 502,
    body: '<html>Bad Gateway</html>',
    outcome: { kind: 'unavailable', reason: 'HTTP 502', retry: 'later', status: 502 },
  },
  {
    what: 'a body that is not an object',
    status: 413,
    body: 'null',
    outcome: { kind: 'rejected', reason: 'HTTP 413', amendment: undefined },
  },
  {
    what: 'a body that is a list',
    status: 400,
    body: '["BadDeviceToken"]',
    outcome: { kind: 'rejected', reason: 'HTTP 400', amendment: undefined },
  },
  {
    what: 'a timestamp that is not a number',
    status: 410,
    body: '{"reason":"Unregistered","timestamp":"1700000000000"}',
    outcome: { kind: 'unregistered', reason: 'Unregistered', timestamp: undefined },
  },
  {
    what: 'a reason that is an object',
    status: 400,
    body: '{"reason":{"toString":1}}',
    outcome: { kind: 'rejected', reason: 'HTTP 400', amendment: undefined },
  },
  {
    what: 'a reason that is not a string',
    status: 403,
    body: '{"reason":1}',
    outcome: { kind: 'credential', reason: 'HTTP 403' },
  },
]

rows.push({
  what: '421 with an apns-id',
  status: 421,
  outcome: { kind: 'unavailable', reason: 'HTTP 421', retry: 'now', isForeign: true },
})

/** Neither an apns-id nor a reason: a program on the way to APNs has answered. */
for (const status of [200, 201, 204, 302, 400, 401, 403, 404, 407, 410, 421, 429, 451, 500, 503])
  rows.push({
    what: `${status} that is not APNs’`,
    status,
    body: '<html>Sign in to the network</html>',
    hasApnsId: false,
    outcome: {
      kind: 'unavailable',
      reason: `HTTP ${status}`,
      retry: status === 421 ? 'now' : 'later',
      isForeign: true,
    },
  })

for (const { what, status, body = '', retryAfterSeconds, hasApnsId = true, outcome } of rows)
  t.test(`${what}: ${outcome.kind}`, (t) => {
    const response = {
      status,
      body,
      hasApnsId,
      ...(retryAfterSeconds !== undefined && { retryAfterSeconds }),
    }
    t.same(outcomeOf(response), outcome)
    t.end()
  })

t.test('all deliveries share one outcome object', (t) => {
  t.equal(outcomeOf({ status: 200, body: '', hasApnsId: true }), delivered)
  t.end()
})
