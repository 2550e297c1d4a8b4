import t from 'tap'
import { amend, requestFor, requestHeaders, type Addressing } from '../../src/apns/request.ts'
import type { Notification } from '../../src/binary/notification.ts'

const apnsId = '7c1a4e4e-52a4-4f0c-9d3e-8b1f6d6a7c21'
const arrivedAtMs = 1_617_000_000_500
const app: Addressing = { topic: 'com.example.app' }

function notification(changes: Partial<Notification> = {}): Notification {
  return {
    kind: 'notification',
    command: 1,
    identifier: 7,
    token: Buffer.alloc(32, 0xab),
    payload: Buffer.from('{"aps":{"alert":"é"}}'),
    expiration: 1_617_148_800,
    priority: undefined,
    ...changes,
  }
}

function headersOf(
  changes: Partial<Notification> = {},
  addressing: Addressing = app,
  authorization?: string,
): Record<string, string> | undefined {
  const request = requestFor(notification(changes), addressing, apnsId, arrivedAtMs)
  return request && requestHeaders(request, authorization)
}

t.test('writes all values of a notification to its headers', (t) => {
  t.same(headersOf(), {
    ':method': 'POST',
    ':path': `/3/device/${'ab'.repeat(32)}`,
    'apns-id': apnsId,
    'apns-topic': 'com.example.app',
    'apns-push-type': 'alert',
    'apns-priority': '10',
    'apns-expiration': '1617148800',
    'content-type': 'application/json',
    // é is two bytes
    'content-length': '22',
  })
  t.end()
})

t.test('contains the provider token, if the route has one', (t) => {
  t.equal(headersOf({}, app, 'bearer abc')?.['authorization'], 'bearer abc')
  t.notOk('authorization' in (headersOf() ?? {}))
  t.end()
})

t.test('passes a token of any length unchanged', (t) => {
  t.equal(headersOf({ token: Buffer.alloc(40, 0x0f) })?.[':path'], `/3/device/${'0f'.repeat(40)}`)
  t.end()
})

t.test('makes no request for a payload that is not an object', (t) => {
  t.equal(headersOf({ payload: Buffer.from('[]') }), undefined)
  t.end()
})

t.test('converts UTF-16 to UTF-8 before it computes the length', (t) => {
  const payload = Buffer.from('{"aps":{}}', 'utf16le')
  t.equal(
    requestFor(notification({ payload }), app, apnsId, arrivedAtMs)?.payload.toString(),
    '{"aps":{}}',
  )
  t.equal(headersOf({ payload })?.['content-length'], '10')
  t.end()
})

const expirations = [
  { command: 0, expiration: undefined, header: undefined },
  { command: 1, expiration: 0, header: '0' },
  { command: 1, expiration: 1, header: '1' },
  { command: 1, expiration: 0xffffffff, header: '4294967295' },
  { command: 2, expiration: undefined, header: '0' },
  { command: 2, expiration: 0, header: '0' },
  { command: 2, expiration: 1_617_148_800, header: '1617148800' },
] as const

for (const { command, expiration, header } of expirations)
  t.test(
    `command ${command}, expiration ${expiration ?? 'none'}: ${header ?? 'no header'}`,
    (t) => {
      t.equal(headersOf({ command, expiration })?.['apns-expiration'], header)
      t.end()
    },
  )

/** The notification arrives at 1617000000.5, so the policy counts from the next second. */
const raised = [
  { what: 'none, command 0', command: 0, expiration: undefined, header: '1617604801' },
  { what: 'none, command 2', command: 2, expiration: undefined, header: '1617604801' },
  { what: '0', command: 1, expiration: 0, header: '1617000061' },
  { what: 'one too early', command: 2, expiration: 1_617_000_060, header: '1617000061' },
  { what: 'one late enough', command: 2, expiration: 1_617_000_062, header: '1617000062' },
] as const

for (const { what, command, expiration, header } of raised)
  t.test(`a week by default, a minute at least: ${what} becomes ${header}`, (t) => {
    const policy = { ...app, expiration: { default: 604_800, minimum: 60 } }
    t.equal(headersOf({ command, expiration }, policy)?.['apns-expiration'], header)
    t.end()
  })

t.test('a minimum leaves alone what APNs decides, a default what the sender says', (t) => {
  const withMinimum = { ...app, expiration: { minimum: 60 } }
  t.equal(
    headersOf({ command: 0, expiration: undefined }, withMinimum)?.['apns-expiration'],
    undefined,
  )
  const withDefault = { ...app, expiration: { default: 604_800 } }
  t.equal(headersOf({ command: 1, expiration: 0 }, withDefault)?.['apns-expiration'], '0')
  t.end()
})

const silent = Buffer.from('{"aps":{"content-available":1}}')

const priorities = [
  { what: 'none', sent: undefined, changes: {}, header: '10' },
  { what: '10', sent: 10, changes: {}, header: '10' },
  { what: '5', sent: 5, changes: {}, header: '5' },
  { what: 'one that does not exist', sent: 7, changes: {}, header: '10' },
  { what: '10 for a background push', sent: 10, changes: { payload: silent }, header: '5' },
  {
    what: 'none for a background push',
    sent: undefined,
    changes: { payload: silent },
    header: '5',
  },
]

for (const { what, sent, changes, header } of priorities)
  t.test(`priority ${what} is sent as ${header}`, (t) => {
    t.equal(headersOf({ command: 2, priority: sent, ...changes })?.['apns-priority'], header)
    t.end()
  })

t.test('macOS Server mail has no priority', (t) => {
  const headers = headersOf({}, { topic: 'com.apple.mail.XServer.6f1c2a52' })
  t.notOk('apns-priority' in (headers ?? {}))
  t.equal(headers?.['apns-push-type'], 'background')
  t.end()
})

const pins = [
  { pushType: 'alert', payload: silent, priority: '10' },
  { pushType: 'background', payload: Buffer.from('{"aps":{"alert":"hello"}}'), priority: '5' },
] as const

for (const { pushType, payload, priority } of pins)
  t.test(`a route that sets ${pushType} does not infer priority from the payload`, (t) => {
    const request = requestFor(notification({ payload }), { ...app, pushType }, apnsId, arrivedAtMs)
    t.match(request && requestHeaders(request, undefined), {
      'apns-push-type': pushType,
      'apns-priority': priority,
    })
    t.end()
  })

t.test('a complication is sent with priority 10, even if sender or payload ask for 5', (t) => {
  const changes = { command: 2, priority: 5, payload: silent } as const
  for (const addressing of [
    { ...app, pushType: 'complication' },
    { topic: 'com.example.app.complication' },
  ] as const)
    t.equal(headersOf(changes, addressing)?.['apns-priority'], '10')
  t.end()
})

t.test('a route can set push type and priority', (t) => {
  const headers = headersOf({ priority: 10 }, { ...app, pushType: 'voip', priority: 5 })
  t.equal(headers?.['apns-push-type'], 'voip')
  t.equal(headers?.['apns-priority'], '5')
  t.end()
})

const amendments = [
  { amendment: 'without-push-type', header: 'apns-push-type', becomes: undefined },
  { amendment: 'power-saving', header: 'apns-priority', becomes: '5' },
  { amendment: 'without-expiration', header: 'apns-expiration', becomes: undefined },
] as const

for (const { amendment, header, becomes } of amendments)
  t.test(`amended ${amendment}: only ${header} changes`, (t) => {
    const request = requestFor(notification(), app, apnsId, arrivedAtMs)
    if (request === undefined) throw new TypeError('a request')
    const before: Record<string, string | undefined> = requestHeaders(request, undefined)
    const after = requestHeaders(amend(request, amendment), undefined)
    const expected = { ...before, [header]: becomes }
    if (becomes === undefined) Reflect.deleteProperty(expected, header)
    t.strictSame(after, expected)
    t.end()
  })
