/** Floods of the admin port: probes are answered meanwhile, and the connections of a flood are closed. */
import { once } from 'node:events'
import { connect, Socket, type AddressInfo } from 'node:net'
import { networkInterfaces } from 'node:os'
import { ServerResponse, IncomingMessage } from 'node:http'
import t, { type Test } from 'tap'
import {
  AdminConnections,
  adminLimits,
  type AdminLimits,
} from '../../src/admin/admin-connections.ts'
import { AdminServer } from '../../src/admin/admin-server.ts'
import { systemClock } from '../../src/timing/clock.ts'
import { until } from '../fixtures/condition.ts'
import { FakeClock } from '../fixtures/fake-clock.ts'
import { adminSources } from '../fixtures/status-sample.ts'

const flood = 256
/** More than the kernel keeps for a reader that does not read. */
const bigPage = 'x'.repeat(8 * 1024 * 1024)

interface Scene {
  readonly clock: FakeClock
  readonly address: AddressInfo
}

async function setScene(
  t: Test,
  limits: Partial<AdminLimits> = {},
  host = '127.0.0.1',
): Promise<Scene> {
  const clock = new FakeClock()
  const metrics = { contentType: 'text/plain', metrics: () => Promise.resolve(bigPage) }
  const options = { host, port: 0, token: undefined, limits }
  const server = await AdminServer.open(options, { ...adminSources(), metrics, clock })
  t.teardown(() => server.close())
  return { clock, address: server.address }
}

/** So many connections that write this and read nothing. */
async function floodWith(
  t: Test,
  { address }: Scene,
  text: string,
  host = '127.0.0.1',
): Promise<Socket[]> {
  const sockets = Array.from({ length: flood }, () => {
    const socket = connect({ port: address.port, host, localAddress: host })
    socket.on('error', () => undefined)
    return socket.pause()
  })
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
  })
  await Promise.all(
    sockets.map(async (socket) => (socket.connecting ? once(socket, 'connect') : 0)),
  )
  for (const socket of sockets) socket.write(text)
  return sockets
}

async function isHealthy({ address }: Scene): Promise<boolean> {
  const headers = { connection: 'close' }
  return (await fetch(`http://127.0.0.1:${address.port}/healthz`, { headers })).ok
}

/** A paused socket does not learn of its end, so it has to read. */
async function untilClosed(sockets: readonly Socket[]): Promise<void> {
  for (const socket of sockets) socket.resume()
  await until(() => sockets.every(({ closed }) => closed), {
    seen: () => sockets.filter(({ closed }) => !closed).length,
  })
}

const soon = { headersTimeout: 200, requestTimeout: 200, connectionsCheckingInterval: 20 }
const page = 'GET /metrics HTTP/1.1\r\nhost: localhost\r\n'

for (const [name, text] of [
  ['silent connections', ''],
  ['half headers', page],
  [
    'bodies that never end',
    `POST /metrics HTTP/1.1\r\nhost: localhost\r\ncontent-length: 9\r\n\r\n`,
  ],
] as const)
  t.test(`${flood} ${name}: /healthz is answered, and all are closed`, async (t) => {
    const scene = await setScene(t, soon)
    const sockets = await floodWith(t, scene, text)
    t.ok(await isHealthy(scene))
    await untilClosed(sockets)
    t.ok(await isHealthy(scene))
  })

t.test(
  `${flood} that do not read a big page: /healthz is answered, and all are closed`,
  async (t) => {
    const scene = await setScene(t, { fromLoopback: flood + 1 })
    const sockets = await floodWith(t, scene, `${page}\r\n`)
    await until(() => scene.clock.pending === flood)
    t.ok(await isHealthy(scene))
    scene.clock.advance(adminLimits.answerTimeout)
    await untilClosed(sockets)
    t.ok(sockets.every(({ bytesRead }) => bytesRead < bigPage.length))
    t.equal(scene.clock.pending, 0)
  },
)

const [outside] = Object.values(networkInterfaces())
  .flatMap((each) => each ?? [])
  .filter(({ family, internal }) => family === 'IPv4' && !internal)

t.test('a flood from another address leaves the share of this machine', async (t) => {
  if (outside === undefined) {
    t.pass('not tried: this machine has only loopback')
    return
  }
  const scene = await setScene(t, { fromLoopback: 1 }, '0.0.0.0')
  const held = connect(scene.address.port, '127.0.0.1')
  t.teardown(() => held.destroy())
  await once(held, 'connect')
  const sockets = await floodWith(t, scene, '', outside.address)
  for (const socket of sockets) socket.resume()
  await until(() => sockets.filter(({ closed }) => !closed).length === adminLimits.fromAddress)
  t.notOk(held.closed, 'not even the only connection of this machine was replaced')
  t.ok(await isHealthy(scene))
})

t.test('a client that reads its answers keeps its connection', async (t) => {
  const scene = await setScene(t)
  const socket = connect(scene.address.port, '127.0.0.1')
  t.teardown(() => socket.destroy())
  for (let request = 0; request < 3; request++) {
    socket.write('GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n')
    t.match(String((await once(socket, 'data'))[0]), /200 OK/)
    await until(() => scene.clock.pending === 0)
    scene.clock.advance(adminLimits.answerTimeout)
  }
})

t.test('an event stream outlives the time for an answer, and is not replaced', async (t) => {
  const scene = await setScene(t, { fromLoopback: 2 })
  const stream = connect(scene.address.port, '127.0.0.1')
  t.teardown(() => stream.destroy())
  stream.write('GET /api/events HTTP/1.1\r\nhost: localhost\r\n\r\n')
  await once(stream, 'data')
  scene.clock.advance(adminLimits.answerTimeout)
  for (let request = 0; request < 5; request++) t.ok(await isHealthy(scene))
  const silent = await floodWith(t, scene, '')
  for (const socket of silent) socket.resume()
  await until(() => silent.filter(({ closed }) => !closed).length === 1)
  scene.clock.advance(1000)
  t.match(String((await once(stream, 'data'))[0]), 'event: status')
})

/** As accepted from this address, without a connection. */
function socketFrom(remoteAddress: string): Socket {
  return Object.defineProperty(new Socket(), 'remoteAddress', { value: remoteAddress })
}

t.test('bounds each address, all others together, and this machine', (t) => {
  const connections = new AdminConnections(adminLimits, systemClock, () => false)
  const admit = (address: string, count: number): Socket[] =>
    Array.from({ length: count }, () => {
      const socket = socketFrom(address)
      connections.admit(socket)
      return socket
    })
  const kept = (sockets: readonly Socket[]): number =>
    sockets.filter(({ destroyed }) => !destroyed).length
  t.equal(kept(admit('192.0.2.1', 100)), 16)
  t.equal(kept(admit('::ffff:192.0.2.1', 16)), 16)
  t.equal(connections.count, 16, 'the same address, also if it is written for IPv6')
  const others = Array.from({ length: 20 }, (_, number) => admit(`2001:db8::${number}`, 16))
  t.equal(connections.count, 192)
  t.equal(kept(others[19] ?? []), 16, 'the newest are admitted')
  t.equal(kept([...admit('127.0.0.1', 50), ...admit('::1', 50)]), 64)
  t.equal(connections.count, 256)
  t.end()
})

t.test('a connection is refused where only event streams hold the room', (t) => {
  const limits = { ...adminLimits, fromLoopback: 1 }
  const connections = new AdminConnections(limits, new FakeClock(), () => true)
  const [stream, next] = [socketFrom('127.0.0.1'), socketFrom('127.0.0.1')]
  connections.admit(stream)
  connections.answers(stream, new ServerResponse(new IncomingMessage(stream)))
  connections.admit(next)
  t.ok(next.destroyed)
  t.notOk(stream.destroyed)
  t.end()
})
