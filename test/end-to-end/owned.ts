/** Whatever keeps APNs from delivering, what senders write is read and owned, and goes out afterwards. */
import t, { type Test } from 'tap'
import { systemClock } from '../../src/timing/clock.ts'
import { startSimulator, type ReceivedNotification } from '../../src/simulator/provider-api.ts'
import { AcceleratedClock } from '../fixtures/accelerated-clock.ts'
import { untilIs } from '../fixtures/condition.ts'
import { server } from '../fixtures/identity.ts'
import { lostAndDoubled, none, pushes } from '../fixtures/ledger.ts'
import { dial, enhanced } from '../fixtures/resender.ts'
import { setStage, type Stage } from '../fixtures/stage.ts'

interface Trouble {
  readonly begin: (stage: Stage) => Promise<void> | void
  /** `onNotification` hears of what the provider API receives, where it is another one. */
  readonly end: (
    t: Test,
    stage: Stage,
    onNotification: (notification: ReceivedNotification) => void,
  ) => Promise<void> | void
}

const troubles: Record<string, Trouble> = {
  'a refused credential': {
    begin: ({ simulator }) => {
      simulator.script([{ tokenPrefix: '', reason: 'InvalidProviderToken' }])
    },
    end: (_t, { simulator }) => {
      simulator.script([])
    },
  },
  'a provider API that never answers': {
    begin: ({ simulator }) => {
      simulator.silence()
    },
    end: (_t, { simulator }) => {
      simulator.resume()
    },
  },
  'a provider API that is gone': {
    begin: ({ simulator }) => simulator.stop(),
    end: async (t, { simulator: { port } }, onNotification) => {
      const again = await startSimulator(
        { tls: server, port, onNotification },
        { clock: systemClock },
      )
      t.teardown(() => again.stop())
    },
  },
}

for (const [what, { begin, end }] of Object.entries(troubles))
  t.test(`8,000 written before ${what}: all are owned, and delivered once it works`, async (t) => {
    const times = 10
    const stage = await setStage(t, {
      clock: new AcceleratedClock(times),
      file: { requestTimeoutMs: 10_000 * times },
    })
    const socket = await dial(stage)
    await begin(stage)
    const sent = pushes(8000)
    socket.write(Buffer.concat(sent.map((push, index) => enhanced(index, push))))
    const [route] = stage.proxy.routes
    await untilIs(() => route?.relay.owned, 8000)
    t.equal(stage.log.count('connection.closed'), 0, 'nobody is closed')
    const later: ReceivedNotification[] = []
    await end(t, stage, (notification) => later.push(notification))
    await untilIs(() => route?.relay.owned, 0)
    t.same(lostAndDoubled({ received: [...stage.received, ...later] }, sent), none)
    t.equal(stage.log.count('connection.closed'), 0)
  })
