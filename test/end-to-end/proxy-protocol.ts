/** Behind a load balancer: the sender's address is known, and only who is listed may tell it. */
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { systemClock } from '../../src/timing/clock.ts'
import { Recorder } from '../../src/recording/recorder.ts'
import { AcceleratedClock } from '../fixtures/accelerated-clock.ts'
import { until, untilIs } from '../fixtures/condition.ts'
import { folder } from '../fixtures/folder.ts'
import { startHaproxy, withoutHaproxy } from '../fixtures/haproxy.ts'
import { deliveries, pushes } from '../fixtures/ledger.ts'
import { bytesOf, RawSender } from '../fixtures/raw-sender.ts'
import { noRedis } from '../fixtures/redis-server.ts'
import { enhanced } from '../fixtures/resender.ts'
import { lines, sender, setScene } from '../fixtures/several.ts'
import { setStage, type Stage, type StageOptions } from '../fixtures/stage.ts'

const line = Buffer.from('PROXY TCP4 192.0.2.7 198.51.100.1 56324 2195\r\n')
const local = bytesOf('0d0a0d0a 000d0a51 5549540a 20 00 0000')

function behindBalancer(t: Test, options: StageOptions = {}, from = '127.0.0.0/8'): Promise<Stage> {
  const listener = { host: '127.0.0.1', port: 0, proxyProtocol: { from: [from] } }
  return setStage(t, {
    ...options,
    file: {
      listeners: [
        { kind: 'gateway', ...listener },
        { kind: 'feedback', ...listener },
      ],
      ...options.file,
    },
  })
}

async function dialPlain(t: Test, to: { port: number; localAddress?: string }): Promise<Socket> {
  const socket = connect({ host: '127.0.0.1', ...to })
  socket.on('error', () => undefined)
  t.teardown(() => socket.destroy())
  await once(socket, 'connect')
  return socket.resume()
}

/** A load balancer by hand: its header, in as many pieces as given, then the sender's own bytes. */
async function sendBehind(
  t: Test,
  stage: Pick<Stage, 'port' | 'sender'>,
  ...header: Buffer[]
): Promise<RawSender> {
  const socket = await dialPlain(t, stage)
  for (const piece of header) {
    socket.write(piece)
    await new Promise(setImmediate)
  }
  return RawSender.open(t, stage, { socket })
}

t.test('the address in the header is the sender’s, in the log and in its capture', async (t) => {
  const directory = folder(t)
  const recorder = new Recorder(
    {
      directory,
      route: undefined,
      address: '192.0.2.7',
      maxBytes: 1e6,
      maxConnections: 9,
      tokens: false,
      payloads: false,
    },
    systemClock,
    () => undefined,
  )
  const stage = await behindBalancer(t, { recorder })
  const sender = await sendBehind(t, stage, line.subarray(0, 9), line.subarray(9))
  for (const push of pushes(1)) sender.socket.write(enhanced(1, push))
  sender.end()
  await sender.saw('close')
  await untilIs(() => deliveries(stage).size, 1)
  t.match(await stage.log.find('connection.opened'), { address: '192.0.2.7' })
  await untilIs(() => readdirSync(directory).length, 1)
  const [file = ''] = readdirSync(directory)
  await until(() => readFileSync(join(directory, file), 'utf8').includes('of 192.0.2.7'))
})

t.test('a load balancer that speaks for itself is served under its own address', async (t) => {
  const stage = await behindBalancer(t)
  const sender = await sendBehind(t, stage, local)
  t.match(await stage.log.find('connection.opened'), { address: '127.0.0.1' })
  sender.end()
})

t.test('health checks leave no trace: nothing said, and LOCAL', async (t) => {
  const stage = await behindBalancer(t)
  for (const said of [Buffer.alloc(0), local]) {
    const socket = await dialPlain(t, stage)
    socket.end(said)
    await once(socket, 'close')
  }
  t.equal(stage.log.count('handshake.failed'), 0)
})

t.test('a health check over TLS needs no certificate, a sender does', async (t) => {
  const stage = await behindBalancer(t, { file: { log: { level: 'debug' } } })
  const connectBehind = async (header: Buffer): Promise<void> => {
    const socket = await dialPlain(t, stage)
    socket.write(header)
    const peer = await RawSender.open(t, stage, { socket, cert: undefined, key: undefined })
    await peer.saw('end')
  }
  await connectBehind(local)
  t.match(await stage.log.find('connection.probed'), { level: 'debug', address: '127.0.0.1' })
  t.equal(stage.log.count('sender.refused'), 0)
  await connectBehind(line)
  t.match(await stage.log.find('sender.refused'), { address: '192.0.2.7' })
})

const turnedDown = [
  ['TLS without a header', bytesOf('160301'), /does not begin with a PROXY header/],
  ['a malformed header', Buffer.from('PROXY TCP4 nonsense\r\n'), /not as it should be/],
] as const

for (const [what, bytes, msg] of turnedDown)
  t.test(`${what} is closed, and the log says why`, async (t) => {
    const stage = await behindBalancer(t)
    const socket = await dialPlain(t, stage)
    socket.write(bytes)
    await once(socket, 'close')
    t.match(await stage.log.find('handshake.failed'), {
      cause: 'proxy-header',
      address: '127.0.0.1',
      msg,
    })
  })

t.test('who is not listed is closed, whatever it says', async (t) => {
  const stage = await behindBalancer(t, {}, '192.0.2.0/24')
  for (const port of [stage.port, stage.feedbackPort]) {
    const socket = await dialPlain(t, { port })
    socket.write(line)
    await once(socket, 'close')
  }
  t.match(await stage.log.find('handshake.failed'), { msg: /add it to proxyProtocol\.from/ })
  t.equal(stage.log.count('handshake.failed'), 2)
})

t.test('a header that does not end has no longer than a handshake', async (t) => {
  const stage = await behindBalancer(t, { clock: new AcceleratedClock(50) })
  const socket = await dialPlain(t, stage)
  socket.write(line.subarray(0, 20))
  await once(socket, 'close')
  t.match(await stage.log.find('handshake.failed'), { cause: 'timeout' })
})

for (const option of ['send-proxy', 'send-proxy-v2'])
  t.test(`haproxy with ${option}`, { skip: withoutHaproxy }, async (t) => {
    const stage = await behindBalancer(t)
    const port = await startHaproxy(t, [stage.port], option)
    const socket = await dialPlain(t, { port, localAddress: '127.0.0.9' })
    const sender = await RawSender.open(t, stage, { socket })
    const sent = pushes(200)
    sender.socket.write(Buffer.concat(sent.map((push, index) => enhanced(index, push))))
    await untilIs(() => deliveries(stage).size, 200)
    t.match(await stage.log.find('connection.opened'), { address: '127.0.0.9' })
    sender.end()
    await sender.saw('close')
    t.same(sender.events, ['end', 'close'])
  })

t.test('several workers read the header as one process does', { skip: noRedis }, async (t) => {
  const proxyProtocol = { from: ['127.0.0.0/8'] }
  const scene = await setScene(t, {
    listeners: [{ kind: 'gateway', host: '127.0.0.1', port: 0, proxyProtocol }],
  })
  const running = await scene.start()
  for (let number = 0; number < 2; number++)
    await sendBehind(t, { port: running.port, sender }, line)
  await untilIs(() => lines(running, 'connection.opened').length, 2)
  for (const { address } of lines(running, 'connection.opened')) t.equal(address, '192.0.2.7')
})
