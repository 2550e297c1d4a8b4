/** One request to a receiver of alarms: what it contains, and what each answer means. */
import { createHmac } from 'node:crypto'
import { once } from 'node:events'
import { createServer as createTlsServer } from 'node:https'
import { createServer, type AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import { testMessage } from '../../src/alarms/alarm-message.ts'
import type { Answer } from '../../src/alarms/alarm-queue.ts'
import { post } from '../../src/alarms/webhook.ts'
import { systemClock, type Clock } from '../../src/timing/clock.ts'
import { AlarmReceiver, secretPath, silence } from '../fixtures/alarm-receiver.ts'
import { untilIs } from '../fixtures/condition.ts'
import { FakeClock } from '../fixtures/fake-clock.ts'
import { server as identity } from '../fixtures/identity.ts'
import { freePort } from '../fixtures/port.ts'

const message = testMessage({ name: 'gate-1', version: '1.2.3' }, 0)

function postTo(url: URL, secret?: string, clock: Clock = systemClock): Promise<Answer> {
  return post({ url, secret }, message, clock, new AbortController().signal)
}

t.test('a POST of JSON with an id, which a signature proves', async (t) => {
  const receiver = await AlarmReceiver.start(t)
  const url = new URL(receiver.url.href.replace('//', '//user:hidden@') + '?key=1')
  t.same(await postTo(url, 'sixteen-or-more-letters'), { outcome: 'accepted' })
  const [alarm] = receiver.received
  t.match(alarm, {
    method: 'POST',
    path: `${secretPath}?key=1`,
    headers: {
      'content-type': 'application/json',
      'user-agent': 'apns-legacy-proxy/1.2.3',
      'idempotency-key': message.id,
      authorization: `Basic ${Buffer.from('user:hidden').toString('base64')}`,
    },
  })
  t.same(JSON.parse(alarm?.body ?? ''), message)
  const hmac = createHmac('sha256', 'sixteen-or-more-letters').update(alarm?.body ?? '')
  t.equal(alarm?.headers['x-signature-256'], `sha256=${hmac.digest('hex')}`)
  await untilIs(() => receiver.connections, 0)
})

t.test('without a secret there is no signature', async (t) => {
  const receiver = await AlarmReceiver.start(t)
  await postTo(receiver.url)
  t.notOk(receiver.received[0]?.headers['x-signature-256'])
})

const answers = [
  [204, 'accepted', undefined],
  [302, 'refused', /302 Found; redirects are not followed/],
  [400, 'refused', /400 Bad Request; the receiver wants another format/],
  [403, 'refused', /403 Forbidden; copy the URL/],
  [410, 'refused', /410 Gone; copy the URL/],
  [429, 'unavailable', /429 Too Many Requests/],
  [500, 'unavailable', /500 Internal Server Error/],
  [599, 'unavailable', /answers 599;/],
] as const

for (const [status, outcome, cause] of answers)
  t.test(`${status} is ${outcome}, and the secret URL is not in the cause`, async (t) => {
    const elsewhere = await AlarmReceiver.start(t)
    const receiver = await AlarmReceiver.start(t, [
      (response) => response.writeHead(status, { location: elsewhere.url.href }).end(),
    ])
    const answer = await postTo(receiver.url)
    t.match(answer, { outcome, ...(cause && { cause }) })
    t.notMatch(JSON.stringify(answer), /hush/)
    t.equal(elsewhere.received.length, 0)
    t.equal(receiver.received.length, 1)
  })

t.test('nobody listens', async (t) => {
  const port = await freePort()
  const answer = await postTo(new URL(`http://127.0.0.1:${port}${secretPath}`))
  t.match(answer, {
    outcome: 'unavailable',
    cause: new RegExp(`^http://127.0.0.1:${port} cannot be reached .*ECONNREFUSED`),
  })
})

t.test('no answer within ten seconds', async (t) => {
  const clock = new FakeClock()
  const receiver = await AlarmReceiver.start(t, [silence])
  const answer = postTo(receiver.url, undefined, clock)
  await untilIs(() => receiver.received.length, 1)
  clock.advance(9999)
  t.equal(receiver.connections, 1)
  clock.advance(1)
  t.match(await answer, { outcome: 'unavailable', cause: /no answer within 10 s/ })
  t.equal(clock.pending, 0)
  await untilIs(() => receiver.connections, 0)
})

t.test('an answer counts by its status, even if its body breaks off', async (t) => {
  const receiver = await AlarmReceiver.start(t, [
    (response) => {
      response.writeHead(200, { 'content-length': 99 })
      response.write('half', () => response.destroy())
    },
  ])
  t.same(await postTo(receiver.url, undefined, new FakeClock()), { outcome: 'accepted' })
})

t.test('an answer without bound is cut off', async (t) => {
  const receiver = await AlarmReceiver.start(t, [
    (response) => {
      response.writeHead(200)
      const flood = (): void => {
        while (!response.destroyed && response.write(Buffer.alloc(65_536)));
        response.once('drain', flood)
      }
      flood()
    },
  ])
  t.same(await postTo(receiver.url, undefined, new FakeClock()), { outcome: 'accepted' })
  await untilIs(() => receiver.connections, 0)
})

t.test('a peer that is no HTTP server, or hangs up', async (t) => {
  for (const bytes of ['SSH-2.0-OpenSSH_9\r\n', '', 'HTTP/1.1 101 Go\r\nupgrade: x\r\n\r\n']) {
    const url = await rawServer(t, bytes)
    t.match(await postTo(url), { outcome: /unavailable|refused/, cause: /cannot be reached|101/ })
  }
})

t.test('TLS is verified, whatever the environment says', async (t) => {
  process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = '0'
  t.teardown(() => delete process.env['NODE_TLS_REJECT_UNAUTHORIZED'])
  const server = createTlsServer({ cert: identity.certificatePem, key: identity.keyPem })
  server.on('tlsClientError', () => undefined)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const { port } = server.address() as AddressInfo
  t.match(await postTo(new URL(`https://localhost:${port}/`)), {
    outcome: 'unavailable',
    cause: /certificate/,
  })
})

t.test('an abort ends the request at once', async (t) => {
  const receiver = await AlarmReceiver.start(t, [silence])
  const giveUp = new AbortController()
  const clock = new FakeClock()
  const answer = post({ url: receiver.url, secret: undefined }, message, clock, giveUp.signal)
  await untilIs(() => receiver.received.length, 1)
  giveUp.abort()
  t.match(await answer, { outcome: 'unavailable' })
  t.equal(clock.pending, 0)
  await untilIs(() => receiver.connections, 0)
})

async function rawServer(t: Test, bytes: string): Promise<URL> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined)
    socket.once('data', () => socket.end(bytes))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  return new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`)
}
