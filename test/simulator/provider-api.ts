import { once } from 'node:events'
import { connect as connectTcp } from 'node:net'
import { connect as connectTls } from 'node:tls'
import t from 'tap'
import { statusFor } from '../../src/simulator/scripted-answer.ts'
import { startSimulator } from '../../src/simulator/provider-api.ts'
import { FakeClock } from '../fixtures/fake-clock.ts'
import { until, untilAtLeast, untilIs } from '../fixtures/condition.ts'
import { answerOf, goodToken, pushCertificate, rehearse } from '../fixtures/simulator-client.ts'

const certificate = await pushCertificate()

const provoked: readonly {
  readonly reason: string
  readonly headers: Record<string, string | string[]>
  readonly body?: string
}[] = [
  { reason: 'MethodNotAllowed', headers: { ':method': 'PUT' } },
  { reason: 'BadPath', headers: { ':path': '/' } },
  { reason: 'MissingDeviceToken', headers: { ':path': '/3/device/' } },
  { reason: 'BadDeviceToken', headers: { ':path': '/3/device/xyz' } },
  {
    reason: 'DuplicateHeaders',
    headers: { 'apns-topic': ['com.example.shop', 'com.example.shop'] },
  },
  { reason: 'BadMessageId', headers: { 'apns-id': '1' } },
  { reason: 'BadCollapseId', headers: { 'apns-collapse-id': 'x'.repeat(65) } },
  { reason: 'BadExpirationDate', headers: { 'apns-expiration': 'soon' } },
  { reason: 'BadPriority', headers: { 'apns-priority': '0' } },
  { reason: 'BadTopic', headers: { 'apns-topic': 'com example' } },
  { reason: 'TopicDisallowed', headers: { 'apns-topic': 'com.example.other' } },
  { reason: 'InvalidPushType', headers: { 'apns-push-type': 'voip' } },
  { reason: 'PayloadEmpty', headers: {}, body: '' },
  { reason: 'PayloadTooLarge', headers: {}, body: 'x'.repeat(4097) },
]

t.test('tells over the wire what is wrong with a request', async (t) => {
  const client = await (await rehearse(t)).connect(certificate)
  for (const { reason, headers, body } of provoked) {
    const answer = await client.push(headers, body)
    t.equal(answer.body, JSON.stringify({ reason }))
    t.equal(answer.status, statusFor(reason), reason)
  }
})

t.test('a script brings the reasons that no request provokes', async (t) => {
  const { connect, simulator } = await rehearse(t)
  const client = await connect(certificate)
  const reasons = ['DeviceTokenNotForTopic', 'IdleTimeout', 'UnrelatedKeyIdInToken', 'Shutdown']
  for (const reason of [...reasons, 'InternalServerError', 'TooManyRequests']) {
    simulator.script([{ tokenPrefix: 'a1', reason }])
    const answer = await client.push()
    t.equal(answer.body, JSON.stringify({ reason }))
    t.equal(answer.status, statusFor(reason))
  }
  simulator.script([])
  t.equal((await client.push()).status, 200)
})

t.test('a script that cannot be leaves the old one in place', async (t) => {
  const { connect, simulator } = await rehearse(t, {
    answers: [{ tokenPrefix: '', reason: 'Shutdown' }],
  })
  t.throws(() => {
    simulator.script([{ tokenPrefix: '', reason: 'Nonsense' }])
  }, RangeError)
  t.equal((await (await connect(certificate)).push()).status, 503)
})

t.test('a script cannot make good what is wrong with a request', async (t) => {
  const answers = [{ tokenPrefix: '', reason: 'Unregistered' }]
  const client = await (await rehearse(t, { answers })).connect(certificate)
  t.equal((await client.push({ 'apns-priority': '0' })).status, 400)
})

t.test('goaway() lets what is under way finish', async (t) => {
  const { connect, simulator, clock, received } = await rehearse(t, {
    latencyMs: { min: 10, max: 10 },
  })
  const client = await connect(certificate)
  const answer = client.push()
  await untilIs(() => received.length, 1)
  simulator.goaway('BadCertificate')
  simulator.goaway('Shutdown')
  await untilAtLeast(() => client.goaways.length, 1)
  t.strictSame(client.goaways, [{ lastStreamId: 1, debugData: '{"reason":"BadCertificate"}' }])
  clock.advance(10)
  t.equal((await answer).status, 200)
  await untilIs(() => simulator.sessionCount, 0)
})

t.test('goaway() ends an idle connection, and the next one is welcome', async (t) => {
  const { connect, simulator } = await rehearse(t)
  const client = await connect(certificate)
  simulator.goaway()
  await until(() => client.session.destroyed && simulator.sessionCount === 0)
  t.equal((await (await connect(certificate)).push()).status, 200)
})

t.test('silence() answers nothing until resume(), and never what came in between', async (t) => {
  const { connect, simulator, received } = await rehearse(t)
  const client = await connect(certificate)
  simulator.silence()
  const stream = client.open()
  let answered = false
  stream.on('response', () => {
    answered = true
  })
  await untilIs(() => received.length, 1)
  t.match(received[0], { status: 0, reason: 'SILENCE' })
  simulator.resume()
  t.equal((await client.push()).status, 200)
  t.notOk(answered)
})

t.test('silence() holds back answers that were still to come', async (t) => {
  const { connect, simulator, clock, received } = await rehearse(t, {
    latencyMs: { min: 10, max: 10 },
  })
  const client = await connect(certificate)
  const stream = client.open()
  const answer = answerOf(stream)
  await untilIs(() => received.length, 1)
  simulator.silence()
  clock.advance(10)
  await client.close()
  t.equal((await answer).status, 0)
})

t.test('disconnect() cuts every connection, and the next one is welcome', async (t) => {
  const { connect, simulator } = await rehearse(t)
  const clients = [await connect(certificate), await connect(certificate)]
  t.equal(simulator.sessionCount, 2)
  simulator.disconnect()
  await until(() => clients.every(({ session }) => session.destroyed))
  await untilIs(() => simulator.sessionCount, 0)
  t.equal((await (await connect(certificate)).push()).status, 200)
})

t.test('connections are numbered from 1', async (t) => {
  const { connect, received } = await rehearse(t)
  for (let count = 0; count < 2; count += 1) await (await connect(certificate)).push()
  t.strictSame(
    received.map(({ session }) => session),
    [1, 2],
  )
})

t.test('a client that does not offer h2 is not served', async (t) => {
  const { simulator } = await rehearse(t)
  const socket = connectTls({ port: simulator.port, host: '127.0.0.1', rejectUnauthorized: false })
  socket.on('error', () => undefined)
  await once(socket, 'close')
  t.equal(simulator.sessionCount, 0)
})

t.test('noise in place of TLS does no harm', async (t) => {
  const { connect, simulator } = await rehearse(t)
  const socket = connectTcp(simulator.port, '127.0.0.1')
  socket.on('error', () => undefined)
  socket.end('GET / HTTP/1.1\r\n\r\n')
  await once(socket, 'close')
  t.equal((await (await connect(certificate)).push()).status, 200)
})

t.test('stop() cuts open connections and half-made ones, twice if need be', async (t) => {
  const { connect, simulator, received } = await rehearse(t)
  const client = await connect(certificate)
  const halfMade = connectTcp(simulator.port, '127.0.0.1')
  halfMade.on('error', () => undefined)
  await once(halfMade, 'connect')
  simulator.silence()
  client.open()
  await untilIs(() => received.length, 1)
  const gone = once(halfMade, 'close')
  await Promise.all([simulator.stop(), simulator.stop()])
  await gone
  await until(() => client.session.destroyed)
  t.equal(simulator.sessionCount, 0)
  const refused = connectTcp(simulator.port, '127.0.0.1')
  t.match(await once(refused, 'error'), [{ code: 'ECONNREFUSED' }])
})

t.test('a port that is taken is an error', async (t) => {
  const { simulator } = await rehearse(t)
  const options = { port: simulator.port, tls: certificate }
  await t.rejects(startSimulator(options, { clock: new FakeClock() }), { code: 'EADDRINUSE' })
})

t.test('the origin brackets an IPv6 address', async (t) => {
  const simulator = await startSimulator(
    { host: '::1', tls: certificate },
    { clock: new FakeClock() },
  )
  t.equal(simulator.origin, `https://[::1]:${simulator.port}`)
  await simulator.stop()
})

t.test('a thousand requests at once are answered, each with its own apns-id', async (t) => {
  const { connect } = await rehearse(t)
  const client = await connect(certificate)
  const ids = Array.from(
    { length: 1000 },
    (_, at) => `eabeae54-14a8-11e5-b60b-${String(at).padStart(12, '0')}`,
  )
  const answers = await Promise.all(ids.map((id) => client.push({ 'apns-id': id })))
  t.strictSame(
    answers.map(({ headers }) => headers['apns-id']),
    ids,
  )
  t.equal(goodToken.length, 64)
})
