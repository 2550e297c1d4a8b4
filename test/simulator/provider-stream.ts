import { constants } from 'node:http2'
import t from 'tap'
import { until, untilIs } from '../fixtures/condition.ts'
import { answerOf, goodToken, pushCertificate, rehearse } from '../fixtures/simulator-client.ts'

const certificate = await pushCertificate()
const apnsId = 'eabeae54-14a8-11e5-b60b-1697f925ec7b'
const uuid = /^[\da-f]{8}-[\da-f]{4}-4[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/

t.test('an accepted notification is answered with its apns-id and no body', async (t) => {
  const client = await (await rehearse(t)).connect(certificate)
  const { status, headers, body } = await client.push({ 'apns-id': apnsId })
  t.equal(status, 200)
  t.equal(headers['apns-id'], apnsId)
  t.equal(headers['apns-unique-id'], undefined)
  t.equal(body, '')
})

t.test('a refused notification is answered with its apns-id and the reason', async (t) => {
  const client = await (await rehearse(t)).connect(certificate)
  const { status, headers, body } = await client.push({
    'apns-id': apnsId,
    'apns-priority': '7',
  })
  t.equal(status, 400)
  t.equal(headers['apns-id'], apnsId)
  t.equal(body, '{"reason":"BadPriority"}')
})

t.test('without an apns-id, or with a bad one, a fresh one is made up', async (t) => {
  const client = await (await rehearse(t)).connect(certificate)
  const first = await client.push()
  const second = await client.push({ 'apns-id': 'mine' })
  t.match(first.headers['apns-id'], uuid)
  t.match(second.headers['apns-id'], uuid)
  t.not(first.headers['apns-id'], second.headers['apns-id'])
})

t.test('the sandbox adds an apns-unique-id', async (t) => {
  const client = await (await rehearse(t, { environment: 'sandbox' })).connect(certificate)
  t.match((await client.push()).headers['apns-unique-id'], uuid)
})

t.test('a 410 tells in milliseconds since when', async (t) => {
  const answers = [{ tokenPrefix: 'a1', reason: 'Unregistered' }]
  const { connect, clock } = await rehearse(t, { answers })
  const { status, body } = await (await connect(certificate)).push()
  t.equal(status, 410)
  t.strictSame(JSON.parse(body), { reason: 'Unregistered', timestamp: clock.now() })
})

t.test('what was received is told with its verdict', async (t) => {
  const { connect, clock, received } = await rehearse(t)
  const client = await connect(certificate)
  const headers = {
    'apns-id': apnsId,
    'apns-topic': 'com.example.shop',
    'apns-push-type': 'alert',
    'apns-priority': '5',
    'apns-expiration': '0',
    'apns-collapse-id': 'cart',
  }
  await client.push(headers, '{"aps":{"alert":"€"}}')
  t.strictSame(received, [
    {
      atMs: clock.now(),
      token: goodToken,
      topic: 'com.example.shop',
      pushType: 'alert',
      priority: '5',
      expiration: '0',
      apnsId,
      collapseId: 'cart',
      payload: Buffer.from('{"aps":{"alert":"€"}}'),
      credential: 'certificate',
      session: 1,
      status: 200,
      reason: undefined,
    },
  ])
})

t.test('a body of many frames is one payload, and a huge one is cut', async (t) => {
  const { connect, received } = await rehearse(t)
  const client = await connect(certificate)
  const stream = client.session.request({
    ':method': 'POST',
    ':path': `/3/device/${goodToken}`,
  })
  for (const part of ['{"a', 'ps":', '{}}']) {
    await new Promise((resolve) => stream.write(part, resolve))
  }
  stream.end()
  t.equal((await answerOf(stream)).status, 200)
  t.equal(received[0]?.payload.toString(), '{"aps":{}}')
  t.match((await client.push({}, Buffer.alloc(300_000, 'x'))).body, 'PayloadTooLarge')
  t.ok((received[1]?.payload.length ?? Infinity) < 131_072)
})

t.test('scripted faults of the connection look like real ones', async (t) => {
  const rows = [
    { reason: 'REFUSED_STREAM', resetCode: constants.NGHTTP2_REFUSED_STREAM },
    { reason: 'RESET', resetCode: constants.NGHTTP2_INTERNAL_ERROR },
  ]
  for (const { reason, resetCode } of rows) {
    const { connect, received } = await rehearse(t, { answers: [{ tokenPrefix: '', reason }] })
    const client = await connect(certificate)
    t.match(await client.push(), { status: 0, resetCode }, reason)
    t.match(received, [{ status: 0, reason }])
    t.notOk(client.session.destroyed, 'the connection goes on')
  }
})

t.test('SILENCE leaves one notification unanswered and the others alone', async (t) => {
  const answers = [{ tokenPrefix: 'ff', reason: 'SILENCE' }]
  const { connect, received } = await rehearse(t, { answers })
  const client = await connect(certificate)
  let answered = false
  client.open({ ':path': '/3/device/ff' }).on('response', () => {
    answered = true
  })
  t.equal((await client.push()).status, 200)
  t.equal(received.length, 2)
  t.notOk(answered)
})

t.test('DISCONNECT cuts the connection', async (t) => {
  const { connect, simulator } = await rehearse(t, {
    answers: [{ tokenPrefix: '', reason: 'DISCONNECT' }],
  })
  const client = await connect(certificate)
  t.equal((await client.push()).status, 0)
  await until(() => client.session.destroyed && simulator.sessionCount === 0)
})

t.test('a request that is cut off half-way is not received', async (t) => {
  const { connect, received, simulator } = await rehearse(t)
  const [client, other] = [await connect(certificate), await connect(certificate)]
  const stream = client.session.request({ ':method': 'POST', ':path': `/3/device/${goodToken}` })
  stream.on('error', () => undefined)
  stream.write('{')
  await client.push()
  await client.close()
  await untilIs(() => simulator.sessionCount, 1)
  await other.push()
  t.strictSame(
    received.map(({ session }) => session),
    [1, 2],
  )
})
