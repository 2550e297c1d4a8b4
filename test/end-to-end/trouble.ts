/** The provider API in trouble: nobody is blamed, nothing is lost, nothing hangs. */
import t from 'tap'
import { untilAtLeast, untilIs } from '../fixtures/condition.ts'
import { AcceleratedClock } from '../fixtures/accelerated-clock.ts'
import { deliveries, lostAndDoubled, none, pushes, settled, tallies } from '../fixtures/ledger.ts'
import { dial, enhanced, type Push } from '../fixtures/resender.ts'
import { setStage, type Stage } from '../fixtures/stage.ts'
import { startSimulator } from '../../src/simulator/provider-api.ts'
import { systemClock } from '../../src/timing/clock.ts'
import { server } from '../fixtures/identity.ts'

/** Writes everything, and fails on a single byte in return. */
async function sendQuietly(stage: Stage, sent: readonly Push[]): Promise<() => void> {
  const socket = await dial(stage)
  let heard = 0
  socket.on('data', (chunk: Buffer) => (heard += chunk.length))
  let closed = false
  socket.on('end', () => (closed = true))
  socket.write(Buffer.concat(sent.map((push, index) => enhanced(index, push))))
  return () => {
    if (heard > 0 || closed) throw new Error(`${heard} bytes heard, closed: ${closed}`)
    socket.destroy()
  }
}

/** Each token is answered so twice before it is taken. */
const faults = [
  ['503 ServiceUnavailable', 'ServiceUnavailable'],
  ['503 Shutdown', 'Shutdown'],
  ['500 InternalServerError', 'InternalServerError'],
  ['429 TooManyRequests', 'TooManyRequests'],
  ['REFUSED_STREAM', 'REFUSED_STREAM'],
  ['reset streams', 'RESET'],
  ['lost connections', 'DISCONNECT'],
] as const

for (const [name, reason] of faults)
  t.test(`${name}: all delivered, no error response`, async (t) => {
    const stage = await setStage(t, {
      clock: new AcceleratedClock(20),
      simulator: { answers: [{ tokenPrefix: '1234000', reason, times: 2 }] },
    })
    const sent = pushes(60)
    const isSilent = await sendQuietly(stage, sent)
    await settled(stage, 60)
    t.equal(lostAndDoubled(stage, sent).lost, 0)
    t.doesNotThrow(isSilent)
  })

t.test(
  'a peer that accepts and never answers: dropped, all delivered by another session',
  async (t) => {
    const stage = await setStage(t, { clock: new AcceleratedClock(50) })
    stage.simulator.silence()
    const sent = pushes(300)
    const isSilent = await sendQuietly(stage, sent)
    await untilAtLeast(() => stage.received.length, 300)
    stage.simulator.resume()
    await settled(stage, 300)
    t.equal(lostAndDoubled(stage, sent).lost, 0)
    t.doesNotThrow(isSilent)
  },
)

t.test(
  'the provider API gone for 10 s while 2,000 arrive: all delivered once it is back',
  async (t) => {
    const clock = new AcceleratedClock(10)
    // Ten seconds as everywhere else: an answer that a busy machine gives late is not lost.
    const stage = await setStage(t, { clock, file: { requestTimeoutMs: 100_000 } })
    const { port } = stage.simulator
    await stage.simulator.stop()
    const sent = pushes(2000)
    const isSilent = await sendQuietly(stage, sent)
    await untilIs(() => tallies(stage).received, 2000)
    await new Promise<void>((resolve) => clock.after(10_000, resolve))
    const again = await startSimulator(
      { port, tls: server, onNotification: (one) => (stage.received as unknown[]).push(one) },
      { clock: systemClock },
    )
    t.teardown(() => again.stop())
    await settled(stage, 2000)
    t.same(lostAndDoubled(stage, sent), none)
    t.equal(deliveries(stage).size, 2000)
    t.doesNotThrow(isSilent)
  },
)
