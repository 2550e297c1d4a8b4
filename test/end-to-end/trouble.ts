/** While the provider API fails, the proxy rejects nothing, and delivers everything later. */
import t from 'tap'
import { untilAtLeast, untilIs } from '../fixtures/condition.ts'
import { AcceleratedClock } from '../fixtures/accelerated-clock.ts'
import { deliveries, lostAndDoubled, none, pushes, settled, tallies } from '../fixtures/ledger.ts'
import { dial, enhanced, type Push } from '../fixtures/resender.ts'
import { setStage, type Stage } from '../fixtures/stage.ts'
import { startSimulator } from '../../src/simulator/provider-api.ts'
import { systemClock } from '../../src/timing/clock.ts'
import { server } from '../fixtures/identity.ts'

/** Writes all notifications; the returned function throws if the proxy has written or closed. */
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

/** The simulator answers each token so twice before it accepts the request. */
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
  t.test(`${name}: the proxy delivers everything and writes no error response`, async (t) => {
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
  'the proxy closes a session that never answers, and delivers everything on another',
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
  'after an outage of 10 s, the proxy delivers the 2,000 notifications that arrived meanwhile',
  async (t) => {
    const clock = new AcceleratedClock(10)
    // 10 s of real time, so that a late answer on a busy machine is not lost.
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
