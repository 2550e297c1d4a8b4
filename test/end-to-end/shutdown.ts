/** Stopping with senders connected: everybody knows where they are, and nothing falls between. */
import { once } from 'node:events'
import { connect } from 'node:net'
import t from 'tap'
import { until, untilAtLeast } from '../fixtures/condition.ts'
import { deliveries, lostAndDoubled, none, pushes, tallies } from '../fixtures/ledger.ts'
import { RawSender } from '../fixtures/raw-sender.ts'
import { enhanced } from '../fixtures/resender.ts'
import { setStage } from '../fixtures/stage.ts'

const badToken = [{ tokenPrefix: 'bad', reason: 'BadDeviceToken' }]

t.test('a sender in full stream is told the last one taken over, and no later one', async (t) => {
  const stage = await setStage(t, { simulator: { latencyMs: { min: 30, max: 90 } } })
  const sender = await RawSender.open(t, stage)
  const sent = pushes(5000)
  const writing = (async () => {
    for (const [index, push] of sent.entries()) {
      if (sender.events.length > 0) return
      sender.socket.write(enhanced(index, push))
      if (index % 20 === 0) await new Promise(setImmediate)
    }
  })()
  await untilAtLeast(() => tallies(stage).received, 501)
  const stopped = stage.proxy.stop()
  await sender.saw('end')
  await writing
  sender.end()
  t.equal(await stopped, true)
  const [packet] = sender.events
  t.match(packet, /^data 080a[0-9a-f]{8}$/)
  const last = Number.parseInt(packet?.slice(-8) ?? '', 16)
  t.same(lostAndDoubled(stage, sent.slice(0, last + 1)), none)
  t.equal(deliveries(stage).size, last + 1, 'it will send the rest again')
})

t.test('an error response that was just due still gets out', async (t) => {
  const stage = await setStage(t, {
    simulator: { latencyMs: { min: 100, max: 100 }, answers: badToken },
  })
  const sender = await RawSender.open(t, stage)
  const sent = pushes(3, (index) => index === 1)
  sender.socket.write(Buffer.concat(sent.map((push, index) => enhanced(index, push))))
  await until(() => stage.received.length === 3 && tallies(stage).settled === 2)
  const stopped = stage.proxy.stop()
  await sender.saw('end')
  sender.end()
  t.equal(await stopped, true)
  t.equal(sender.events[0], 'data 080800000001')
  t.match(sender.events, { length: 3 }, 'data, end, close: no reset')
})

t.test('what an idle sender writes while it is being closed is delivered', async (t) => {
  const stage = await setStage(t)
  const sender = await RawSender.open(t, stage)
  const stopped = stage.proxy.stop()
  await sender.saw('end')
  const sent = pushes(100)
  sender.socket.write(Buffer.concat(sent.map((push, index) => enhanced(index, push))))
  sender.end()
  t.equal(await stopped, true)
  t.same(lostAndDoubled(stage, sent), none)
  t.same(sender.events, ['end', 'close'])
})

t.test('a sender that does not close in its turn holds nobody up', async (t) => {
  const stage = await setStage(t)
  const sender = await RawSender.open(t, stage)
  t.equal(await stage.proxy.stop(), true)
  await sender.saw('end')
})

t.test('a peer in its handshake is not waited for', async (t) => {
  const stage = await setStage(t, { file: { drainSeconds: 3600 } })
  const socket = connect({ host: '127.0.0.1', port: stage.port })
  socket.on('error', () => undefined)
  await once(socket, 'connect')
  t.equal(await stage.proxy.stop(), true)
  await until(() => socket.closed)
})

t.test('stopped twice and destroyed in between, it stops once', async (t) => {
  const stage = await setStage(t)
  await RawSender.open(t, stage)
  const stops = [stage.proxy.stop(), stage.proxy.stop()]
  await stage.proxy.destroy()
  t.same(await Promise.all(stops), [true, true])
})
