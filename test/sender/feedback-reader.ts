/** Reading feedback services with different behaviour. */
import { once } from 'node:events'
import { createServer as createTcpServer, type AddressInfo, type Socket } from 'node:net'
import { createServer } from 'node:tls'
import t, { type Test } from 'tap'
import { systemClock } from '../../src/timing/clock.ts'
import { readFeedback } from '../../src/sender/feedback-reader.ts'
import type { SenderOptions } from '../../src/sender/sender-socket.ts'
import { untilIs } from '../fixtures/condition.ts'
import { FakeClock } from '../fixtures/fake-clock.ts'
import { authority, pushCertificate, server as identity } from '../fixtures/identity.ts'

const sender = await pushCertificate('com.example.app')
const tuple = Buffer.from(`600000010020${'5a'.repeat(32)}`, 'hex')
const short = Buffer.from('600000020002beef', 'hex')

/** A service that writes `pieces`, each in a separate TLS record, and closes. */
async function startService(
  t: Test,
  pieces: readonly Buffer[],
  { close }: { close: boolean } = { close: true },
): Promise<SenderOptions> {
  const { certificatePem: cert, keyPem: key } = identity
  const listener = createServer({ cert, key, requestCert: true, rejectUnauthorized: false })
  listener.on('secureConnection', (socket) => {
    socket.on('error', () => undefined)
    socket.setNoDelay()
    for (const piece of pieces) socket.write(piece)
    if (close) socket.end()
  })
  listener.listen(0, '127.0.0.1')
  await once(listener, 'listening')
  t.teardown(async () => {
    listener.close()
    await once(listener, 'close')
  })
  return {
    host: '127.0.0.1',
    port: (listener.address() as AddressInfo).port,
    cert: sender.certificatePem,
    key: sender.keyPem,
    ca: authority.certificatePem,
    servername: 'gateway.push.apple.com',
  }
}

async function timestamps(options: SenderOptions): Promise<number[]> {
  const found: number[] = []
  for await (const { timestamp } of readFeedback(options, 60_000, systemClock))
    found.push(timestamp)
  return found
}

t.test('joins tuples that arrive in parts', async (t) => {
  const whole = Buffer.concat([tuple, short, tuple])
  for (const cut of [1, 5, 6, 37, 38, 39, 45, 46])
    t.same(
      await timestamps(await startService(t, [whole.subarray(0, cut), whole.subarray(cut)])),
      [0x60000001, 0x60000002, 0x60000001],
    )
})

t.test('yields no tuple when the list is empty', async (t) => {
  t.same(await timestamps(await startService(t, [])), [])
})

t.test('throws when the service closes inside a tuple', async (t) => {
  const options = await startService(t, [tuple, tuple.subarray(0, 37)])
  await t.rejects(timestamps(options), { message: /inside a tuple/ })
})

t.test('throws when the service neither sends nor closes', async (t) => {
  const clock = new FakeClock()
  const options = await startService(t, [tuple], { close: false })
  const reading = readFeedback(options, 10_000, clock)
  t.match(await reading.next(), { value: { timestamp: 0x60000001 } })
  const next = reading.next()
  await untilIs(() => clock.pending, 1)
  clock.advance(9_999)
  t.equal(clock.pending, 1)
  clock.advance(1)
  await t.rejects(next, {
    message:
      /^127\.0\.0\.1:\d+ neither sent nor closed for 10000 ms: this is probably a gateway for notifications; use the port of the feedback service, usually 2196$/,
  })
  t.equal(clock.pending, 0)
})

t.test('throws when the port does not answer the handshake', async (t) => {
  const clock = new FakeClock()
  const silent = createTcpServer()
  silent.listen(0, '127.0.0.1')
  await once(silent, 'listening')
  const options = { ...(await startService(t, [])), port: (silent.address() as AddressInfo).port }
  const reading = readFeedback(options, 60_000, clock).next()
  const [socket] = (await once(silent, 'connection')) as [Socket]
  clock.advance(10_000)
  await t.rejects(reading, {
    message: /did not finish the TLS handshake in 10 seconds: check the host/,
  })
  socket.destroy()
  silent.close()
  await once(silent, 'close')
})

t.test('throws the cause of a failed connection', async (t) => {
  const options = await startService(t, [])
  await t.rejects(timestamps({ ...options, ca: undefined }), {
    code: /SELF_SIGNED|UNABLE_TO_VERIFY/,
  })
})
