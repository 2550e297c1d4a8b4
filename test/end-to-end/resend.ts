/** Resends on the connection that was told of an error: recognised while the sender streams. */
import { once } from 'node:events'
import { setTimeout as pause } from 'node:timers/promises'
import type { TLSSocket } from 'node:tls'
import t from 'tap'
import { until, untilIs } from '../fixtures/condition.ts'
import {
  badAnswers,
  deliveries,
  lostAndDoubled,
  none,
  pushes,
  settled,
  tallies,
} from '../fixtures/ledger.ts'
import { dial, framed, type Push } from '../fixtures/resender.ts'
import { setStage, type Stage } from '../fixtures/stage.ts'

/** Frames of consecutive pushes, identified by their number. */
function frames(sent: readonly Push[], from: number, to: number): Buffer {
  return Buffer.concat(sent.slice(from - 1, to).map((push, index) => framed(from + index, push)))
}

/** A connection on which the sender may write on behind the end of the proxy's side. */
async function open(stage: Stage): Promise<{ socket: TLSSocket; told: Promise<Buffer> }> {
  const socket = await dial(stage, { deaf: true })
  const told = once(socket, 'data').then(([packet]) => packet as Buffer)
  return { socket, told }
}

async function write(socket: TLSSocket, bytes: Buffer): Promise<void> {
  for (let at = 0; at < bytes.length; at += 16_384)
    if (!socket.write(bytes.subarray(at, at + 16_384))) await once(socket, 'drain')
}

for (const rounds of [1, 2, 3])
  t.test(
    `a sender that writes all behind the named one again, ${rounds} times on the dying connection and once on a new one: nothing is lost or doubled`,
    async (t) => {
      const count = 4000
      const stage = await setStage(t, {
        apart: true,
        simulator: {
          answers: badAnswers,
          latencyMs: { min: 200, max: 250 },
          maxConcurrentStreams: 500,
        },
      })
      const sent = pushes(count, (index) => index === 1)
      const first = await open(stage)
      await write(first.socket, frames(sent, 1, count))
      t.equal((await first.told).toString('hex'), '080800000002')
      for (let round = 0; round < rounds; round++) await write(first.socket, frames(sent, 3, count))
      first.socket.end()
      await once(first.socket, 'close')
      const again = await open(stage)
      await write(again.socket, frames(sent, 3, count))
      again.socket.end()
      await settled(stage, count + (rounds + 1) * (count - 2))
      t.same(lostAndDoubled(stage, sent), none)
    },
  )

const simulator = { answers: badAnswers, latencyMs: { min: 40, max: 90 } }

/** As far from half a second as a busy machine is late; the rest is in test/gateway/connection.ts. */
const cases = [
  { afterMs: 0, isWanted: false },
  { afterMs: 100, isWanted: false },
  { afterMs: 1500, isWanted: true },
  { afterMs: 3000, isWanted: true },
]

for (const { afterMs, isWanted } of cases)
  t.test(
    `what is written again ${afterMs} ms after the packet is ${isWanted ? 'wanted' : 'a resend'}`,
    { buffered: true },
    async (t) => {
      const stage = await setStage(t, { simulator })
      const sent = pushes(300, (index) => index === 1)
      const { socket, told } = await open(stage)
      await write(socket, frames(sent, 1, 300))
      await told
      // The sender's own pause, which the proxy sees through its socket.
      await pause(afterMs)
      await write(socket, frames(sent, 3, 102))
      socket.end()
      await settled(stage, 400)
      t.same(lostAndDoubled(stage, sent), { lost: 0, doubled: isWanted ? 100 : 0 })
    },
  )

t.test('a round that begins again on the same connection is wanted at once', async (t) => {
  const stage = await setStage(t, { simulator })
  const sent = pushes(300, (index) => index === 1)
  const { socket, told } = await open(stage)
  await write(socket, frames(sent, 1, 300))
  await told
  for (let round = 2; round <= 4; round++) await write(socket, frames(sent, 1, 300))
  socket.end()
  await untilIs(() => stage.received.filter(({ status }) => status === 200).length, 4 * 299)
  const counts = [...deliveries(stage).values()]
  t.same([counts.length, Math.min(...counts), Math.max(...counts)], [299, 4, 4])
})

t.test(
  'one token a second on a kept connection, behind a bad one: each is delivered',
  async (t) => {
    const stage = await setStage(t, {
      simulator: { answers: badAnswers, latencyMs: { min: 40, max: 90 } },
    })
    const [bad, good] = pushes(2, (index) => index === 0)
    if (bad === undefined || good === undefined) throw new TypeError('two pushes')
    const { socket, told } = await open(stage)
    socket.write(Buffer.concat([framed(1, bad), framed(2, good)]))
    await told
    for (let second = 1; second <= 3; second++) {
      await pause(1000)
      socket.write(framed(2 + second, good))
    }
    await until(() => deliveries(stage).get(good.token) === 4, { seen: () => deliveries(stage) })
    socket.end()
    await settled(stage, 5)
    t.match(stage.proxy.routes[0]?.relay.counters.settled, { delivered: 4, resent: 0 })
  },
)

t.test('a rejection behind the named one counts once, told on a later connection', async (t) => {
  const stage = await setStage(t, {
    simulator: { answers: badAnswers, latencyMs: { min: 5, max: 20 } },
  })
  const sent = pushes(50, (index) => index % 2 === 1)
  let from = 1
  let told = 0
  while (from <= 50) {
    const connection = await open(stage)
    await write(connection.socket, frames(sent, from, 50))
    const packet = await connection.told
    from = packet.readUInt32BE(2) + 1
    told++
    connection.socket.end()
    await once(connection.socket, 'close')
  }
  await until(() => tallies(stage).received === tallies(stage).settled)
  t.equal(told, 25)
  t.match(stage.proxy.routes[0]?.relay.counters.settled, { delivered: 25, rejected: 25, untold: 0 })
  t.equal(stage.log.count('notification.rejected'), 25, 'said once each')
  t.same(lostAndDoubled(stage, sent), none)
})
