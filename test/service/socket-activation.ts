/** The port belongs to systemd: a restart refuses nobody, and nothing falls between two processes. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:tls'
import t, { type Test } from 'tap'
import { systemClock } from '../../src/timing/clock.ts'
import { startSimulator, type ReceivedNotification } from '../../src/simulator/provider-api.ts'
import { builtCommand } from '../fixtures/command.ts'
import { untilAtLeast, untilIs } from '../fixtures/condition.ts'
import { folder } from '../fixtures/folder.ts'
import { authority, pushCertificate, server } from '../fixtures/identity.ts'
import { deliveries, lostAndDoubled, none, pushes } from '../fixtures/ledger.ts'
import { noRedis, RedisServer } from '../fixtures/redis-server.ts'
import { enhanced, type Push } from '../fixtures/resender.ts'
import { holdSocket } from '../fixtures/socket-holder.ts'
import { writeConfiguration } from '../fixtures/stage.ts'
import { freePort } from '../fixtures/port.ts'
import { without } from '../fixtures/tool.ts'

const sender = await pushCertificate('com.example.app')

/** One push over a connection of its own, as many old scripts do; what went wrong, if anything. */
async function sendAlone(port: number, push: Push): Promise<string | undefined> {
  const socket = connect({
    host: '127.0.0.1',
    port,
    cert: sender.certificatePem,
    key: sender.keyPem,
    ca: authority.certificatePem,
    servername: 'gateway.push.apple.com',
  })
  let failure: string | undefined
  socket.on('error', (error: Error & { code?: string }) => (failure = error.code ?? error.message))
  socket.on('secureConnect', () => socket.end(enhanced(1, push)))
  socket.resume()
  await once(socket, 'close')
  return failure
}

interface Provider {
  readonly received: ReceivedNotification[]
  readonly origin: string
}

async function playProvider(t: Test): Promise<Provider> {
  const received: ReceivedNotification[] = []
  const simulator = await startSimulator(
    { tls: server, port: 0, onNotification: (one) => received.push(one) },
    { clock: systemClock },
  )
  t.teardown(() => simulator.stop())
  return { received, origin: simulator.origin }
}

t.test('restarted twice while senders connect in a loop: none refused, 0 lost', async (t) => {
  const { received, origin } = await playProvider(t)
  const config = writeConfiguration(folder(t), sender, origin, {})
  const command = [...builtCommand, 'serve', '--config', config]
  const holder = await holdSocket(t, 'gateway', command)

  const unsent = pushes(100_000)
  const sent: Push[] = []
  const failures: string[] = []
  let going = true
  const sendOn = async (): Promise<void> => {
    for (let push = unsent.pop(); going && push !== undefined; push = unsent.pop()) {
      sent.push(push)
      const failure = await sendAlone(holder.port, push)
      if (failure !== undefined) failures.push(failure)
    }
  }
  const senders = Promise.all([sendOn(), sendOn(), sendOn(), sendOn()])
  for (let restarts = 0; restarts < 2; restarts++) {
    const before = sent.length
    await untilAtLeast(() => sent.length, before + 30)
    await holder.restart()
  }
  going = false
  await senders
  await holder.stop()
  t.same(failures, [], 'no connection refused, reset or broken')
  t.same(lostAndDoubled({ received }, sent), none)
  t.same(
    holder.lines.filter(({ event }) => event === 'holder.ended').map(({ status }) => status),
    [0, 0, 0],
  )
  t.equal(holder.count('socket.missing'), 0)
})

t.test('two workers serve one inherited socket, over a restart', { skip: noRedis }, async (t) => {
  const { received, origin } = await playProvider(t)
  const redis = await RedisServer.start(t)
  const file = { workers: 2, store: redis.url }
  const config = writeConfiguration(folder(t), sender, origin, { file })
  const holder = await holdSocket(t, 'gateway', [...builtCommand, 'serve', '--config', config])
  const sent = pushes(8)
  for (const [index, push] of sent.entries()) {
    if (index === 4) {
      await untilIs(() => holder.count('workers.ready'), 1)
      await holder.restart()
      await untilIs(() => holder.count('workers.ready'), 2)
    }
    t.equal(await sendAlone(holder.port, push), undefined)
  }
  await holder.stop()
  t.same(lostAndDoubled({ received }, sent), none)
  t.same(
    holder.lines.filter(({ event }) => event === 'holder.ended').map(({ status }) => status),
    [0, 0],
  )
  t.equal(holder.count('socket.missing'), 0)
})

t.test('all workers killed: the sockets are to be passed on anew', { skip: noRedis }, async (t) => {
  const { origin } = await playProvider(t)
  const redis = await RedisServer.start(t)
  const file = { workers: 2, store: redis.url }
  const config = writeConfiguration(folder(t), sender, origin, { file })
  const holder = await holdSocket(t, 'gateway', [...builtCommand, 'serve', '--config', config])
  await untilIs(() => holder.count('workers.ready'), 1)
  for (const { event, pid } of holder.lines)
    if (event === 'worker.started' && pid !== undefined) process.kill(pid, 'SIGKILL')
  await untilAtLeast(() => holder.count('holder.ended'), 1)
  t.equal(holder.lines.find(({ event }) => event === 'holder.ended')?.status, 1)
})

const activator = 'systemd-socket-activate'

t.test(
  "systemd's own activation, at the first connection",
  { skip: without(activator) },
  async (t) => {
    const { received, origin } = await playProvider(t)
    const port = await freePort()
    const command = [...builtCommand, 'serve', '--config']
    const config = writeConfiguration(folder(t), sender, origin, {})
    const options = [`--listen=127.0.0.1:${port}`, '--fdname=gateway']
    const child = spawn(activator, [...options, ...command, config], {
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    const closed = once(child, 'close')
    t.teardown(async () => {
      child.kill('SIGKILL')
      await closed
    })
    await once(child.stderr, 'data')
    child.stderr.resume()
    for (const push of pushes(1)) t.equal(await sendAlone(port, push), undefined)
    child.kill('SIGTERM')
    t.same(await closed, [0, null])
    t.equal(deliveries({ received }).size, 1)
  },
)
