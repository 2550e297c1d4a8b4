/** Each step of the way to the provider API, and how it fails. */
import { once } from 'node:events'
import {
  createServer as createTcpServer,
  type AddressInfo,
  type Server,
  type Socket,
} from 'node:net'
import { createServer as createTlsServer, type TlsOptions } from 'node:tls'
import t, { type Test } from 'tap'
import { Probe, ProbeFault, type ProbeTarget } from '../../src/check/probe.ts'
import { systemClock } from '../../src/clock.ts'
import { startSimulator } from '../../src/simulator/provider-api.ts'
import { issueServerCertificate } from '../../src/credentials/authority.ts'
import { FakeClock } from '../fixtures/fake-clock.ts'
import { authority, pushCertificate, server } from '../fixtures/identity.ts'

const identity = { cert: server.certificatePem, key: server.keyPem }

function target(port: number, overrides: Partial<ProbeTarget> = {}): ProbeTarget {
  return {
    origin: `https://127.0.0.1:${port}`,
    certificate: undefined,
    certificateAuthority: authority.certificatePem,
    ...overrides,
  }
}

async function listen(t: Test, listener: Server): Promise<number> {
  const sockets = new Set<Socket>()
  listener.on('connection', (socket: Socket) => {
    sockets.add(socket.on('error', () => undefined))
  })
  listener.on('secureConnection', (socket: Socket) => socket.on('error', () => undefined))
  listener.listen(0, '127.0.0.1')
  await once(listener, 'listening')
  t.teardown(async () => {
    for (const socket of sockets) socket.destroy()
    listener.close()
    await once(listener, 'close')
  })
  return (listener.address() as AddressInfo).port
}

const tlsServer = (options: TlsOptions): Server => createTlsServer({ ...identity, ...options })

async function faultOf(opening: Promise<unknown>): Promise<ProbeFault> {
  try {
    await opening
  } catch (error) {
    if (error instanceof ProbeFault) return error
    throw error
  }
  throw new Error('no fault')
}

async function openSimulator(t: Test, answers = [{ tokenPrefix: '00', reason: 'BadDeviceToken' }]) {
  const simulator = await startSimulator({ tls: server, answers }, { clock: systemClock })
  t.teardown(() => simulator.stop())
  return simulator
}

t.test('reaches a provider API, and tells answer and time', async (t) => {
  const simulator = await openSimulator(t)
  const push = await pushCertificate('com.example.app')
  const probe = await Probe.open(target(simulator.port, { certificate: push }), systemClock)
  t.equal(probe.path, '127.0.0.1, TLSv1.3')
  const answer = await probe.request(
    { ':method': 'POST', ':path': `/3/device/${'0'.repeat(64)}`, 'apns-topic': 'com.example.app' },
    Buffer.from('{}'),
  )
  t.match(answer, { status: 400, body: '{"reason":"BadDeviceToken"}' })
  t.ok(Math.abs(Date.now() - (answer.dateMs ?? 0)) < 60_000)
  probe.close()
})

t.test('a name that does not exist fails in dns', async (t) => {
  const origin = 'https://gateway.invalid'
  const fault = await faultOf(Probe.open(target(0, { origin }), systemClock))
  t.match(fault, { step: 'dns', code: /ENOTFOUND|EAI_AGAIN/ })
})

t.test('a port where nobody listens fails in tcp', async (t) => {
  t.match(await faultOf(Probe.open(target(1), systemClock)), { step: 'tcp', code: 'ECONNREFUSED' })
})

t.test('a CA that is not known, and another name, fail in tls', async (t) => {
  const { port } = await openSimulator(t)
  const untrusted = target(port, { certificateAuthority: undefined })
  const fault = await faultOf(Probe.open(untrusted, systemClock))
  t.match(fault, { step: 'tls', code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE' })
  const elsewhere = await issueServerCertificate(authority, ['elsewhere.example'], new Date())
  const { certificatePem: cert, keyPem: key } = elsewhere
  const other = await listen(t, tlsServer({ cert, key, ALPNProtocols: ['h2'] }))
  t.match(await faultOf(Probe.open(target(other), systemClock)), {
    step: 'tls',
    code: 'ERR_TLS_CERT_ALTNAME_INVALID',
  })
})

t.test('a port that speaks no TLS fails in tls', async (t) => {
  const port = await listen(
    t,
    createTcpServer((socket) => socket.end('HTTP/1.0 400\r\n\r\n')),
  )
  t.match(await faultOf(Probe.open(target(port), systemClock)), { step: 'tls' })
})

t.test('a server without HTTP/2 fails in alpn', async (t) => {
  const port = await listen(t, tlsServer({}))
  t.match(await faultOf(Probe.open(target(port), systemClock)), { step: 'alpn' })
})

t.test('a server that closes where HTTP/2 should begin fails in http2', async (t) => {
  const closing = tlsServer({ ALPNProtocols: ['h2'] })
  closing.on('secureConnection', (socket: Socket) => socket.end())
  const port = await listen(t, closing)
  t.match(await faultOf(Probe.open(target(port), systemClock)), { step: 'http2' })
})

for (const [step, silent] of [
  ['tls', createTcpServer()],
  ['http2', tlsServer({ ALPNProtocols: ['h2'] })],
] as const)
  t.test(`silence in ${step} ends after ten seconds`, async (t) => {
    const clock = new FakeClock()
    const port = await listen(t, silent)
    const heard = new Promise<void>((resolve) => {
      const event = step === 'tls' ? 'connection' : 'secureConnection'
      silent.once(event, (socket: Socket) =>
        socket.once('data', () => {
          resolve()
        }),
      )
    })
    const opening = faultOf(Probe.open(target(port), clock))
    await heard
    clock.advance(9_999)
    t.equal(clock.pending, 1)
    clock.advance(1)
    t.match(await opening, {
      step,
      code: 'TIMEOUT',
      message: 'nothing happened for 10 seconds',
    })
    t.equal(clock.pending, 0)
  })

t.test('a request without an answer ends after ten seconds', async (t) => {
  const simulator = await openSimulator(t)
  simulator.silence()
  const clock = new FakeClock()
  const probe = await Probe.open(target(simulator.port), clock)
  const asking = faultOf(probe.request({ ':method': 'GET', ':path': '/' }, Buffer.alloc(0)))
  clock.advance(10_000)
  t.match(await asking, { step: 'http2', code: 'TIMEOUT' })
  probe.close()
})
