/** Each step of the way to the provider API, and how it fails. */
import { once } from 'node:events'
import { constants, createSecureServer, type Http2SecureServer } from 'node:http2'
import { createServer as createHttpServer } from 'node:http'
import {
  connect as connectTcp,
  createServer as createTcpServer,
  type AddressInfo,
  type Server,
  type Socket,
} from 'node:net'
import { createServer as createTlsServer, type TlsOptions } from 'node:tls'
import t, { type Test } from 'tap'
import { Probe, ProbeFault, type ProbeTarget } from '../../src/check/probe.ts'
import { systemClock } from '../../src/timing/clock.ts'
import { startSimulator } from '../../src/simulator/provider-api.ts'
import { issueServerCertificate } from '../../src/credentials/authority.ts'
import { FakeClock } from '../fixtures/fake-clock.ts'
import { authority, pushCertificate, server } from '../fixtures/identity.ts'

const identity = { cert: server.certificatePem, key: server.keyPem }

function target(port: number, overrides: Partial<ProbeTarget> = {}): ProbeTarget {
  return {
    origin: `https://127.0.0.1:${port}`,
    certificate: undefined,
    proxy: undefined,
    certificateAuthority: authority.certificatePem,
    ...overrides,
  }
}

async function listen(t: Test, listener: Server | Http2SecureServer): Promise<number> {
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

t.test('through an HTTP proxy', async (t) => {
  const { port } = await openSimulator(t)
  const asked: string[] = []
  const tunnels = createHttpServer().on('connect', ({ url = '' }, socket: Socket) => {
    asked.push(url)
    const way = connectTcp(port, '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 Connection Established\r\n\r\n')
      way.pipe(socket).pipe(way)
    })
    for (const end of [way, socket]) end.on('error', () => undefined)
    t.teardown(() => way.destroy())
  })
  const proxy = `http://127.0.0.1:${await listen(t, tunnels)}`
  const probe = await Probe.open(target(port, { proxy }), systemClock)
  t.same(asked, [`127.0.0.1:${port}`])
  probe.close()
})

t.test('an HTTP proxy that refuses', async (t) => {
  const refusing = createHttpServer().on('connect', (_request, socket: Socket) => {
    socket.end('HTTP/1.1 407 Proxy Authentication Required\r\n\r\n')
  })
  const proxy = `http://127.0.0.1:${await listen(t, refusing)}`
  const fault = await faultOf(Probe.open(target(1, { proxy }), systemClock))
  t.equal(fault.step, 'proxy')
  t.match(fault.message, /answers 407: asks for credentials/)
})

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

t.test('a request that is cut off fails at once, with the reason of a GOAWAY', async (t) => {
  const { cert, key } = identity
  const leaving = createSecureServer({ cert, key })
  let debugData = '{"reason":"BadCertificate"}'
  leaving.on('stream', (stream) => {
    stream.on('error', () => undefined)
    stream.session?.goaway(0, 0, Buffer.from(debugData))
    stream.close(constants.NGHTTP2_CANCEL)
  })
  const port = await listen(t, leaving)
  const ask = async (): Promise<ProbeFault> => {
    const probe = await Probe.open(target(port), new FakeClock())
    const fault = await faultOf(probe.request({ ':method': 'GET', ':path': '/' }, Buffer.alloc(0)))
    probe.close()
    return fault
  }
  t.match(await ask(), { code: 'BadCertificate', message: 'GOAWAY BadCertificate' })
  debugData = ''
  t.match(await ask(), { step: 'http2', code: 'CLOSED', message: 'the other side closed' })
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
