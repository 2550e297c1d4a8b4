/** One peer's misbehaviour, and one route's outage, are nobody else's. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { AcceleratedClock } from '../fixtures/accelerated-clock.ts'
import { untilIs } from '../fixtures/condition.ts'
import { pushCertificate } from '../fixtures/identity.ts'
import { deliveries, pushes, settled, tallies } from '../fixtures/ledger.ts'
import { RawSender } from '../fixtures/raw-sender.ts'
import { dial, enhanced, type Push } from '../fixtures/resender.ts'
import { setStage } from '../fixtures/stage.ts'

const badToken = [{ tokenPrefix: 'bad', reason: 'BadDeviceToken' }]
/** A port on which nobody listens. */
const nowhere = 'https://127.0.0.1:9'

function frames(sent: readonly Push[]): Buffer {
  return Buffer.concat(sent.map((push, index) => enhanced(index, push)))
}

t.test('a route in an outage fills its own share of the journal, and no other’s', async (t) => {
  const other = await pushCertificate('com.example.other')
  const stage = await setStage(t, {
    production: nowhere,
    prepare: (directory) => {
      const pem = other.certificatePem + other.keyPem
      writeFileSync(join(directory, 'other.pem'), pem, { mode: 0o600 })
    },
    file: {
      journal: { maxEntries: 50 },
      routes: [
        { name: 'out', certificate: 'push.pem', environment: 'production' },
        { name: 'well', certificate: 'other.pem', environment: 'sandbox' },
      ],
    },
  })
  const waiting = await dial(stage)
  waiting.write(frames(pushes(200)))
  // Eight times as much as is still free.
  await untilIs(() => tallies(stage).received, 45)
  const well = await dial({ port: stage.port, sender: other })
  well.write(frames(pushes(200)))
  await untilIs(() => tallies(stage).settled, 200)
  t.equal(tallies(stage).received, 245)
  t.equal(deliveries(stage).size, 200)
})

/** What makes the gateway close: a rejection, and bytes that are no command. */
const offences = [
  ['error response', (push: Push) => frames([push])],
  ['close', () => Buffer.from([0xff])],
] as const

for (const [name, offend] of offences)
  t.test(`senders that are deaf to their ${name} make room for others`, async (t) => {
    const clock = new AcceleratedClock(50)
    const stage = await setStage(t, {
      clock,
      file: { maxConnections: 10, holdUntilProven: false },
      simulator: { answers: badToken },
    })
    const deaf: RawSender[] = []
    for (const push of pushes(9, () => true)) {
      const sender = await RawSender.open(t, stage)
      sender.socket.write(offend(push))
      deaf.push(sender)
      await sender.saw('end')
    }
    await new Promise<void>((resolve) => clock.after(10_000, resolve))
    const last = await RawSender.open(t, stage)
    last.socket.write(frames(pushes(1)))
    await settled(stage, 1)
    await untilIs(() => deliveries(stage).size, 1)
    t.equal(deliveries(stage).size, 1)
    t.equal(stage.proxy.routes[0]?.clients.size, 9, 'one of the deaf is gone')
    t.equal(
      (await stage.log.find('connection.closed'))['connection'],
      1,
      'the one deaf for longest',
    )
  })

t.test('a peer that is turned away and does not go is dropped', async (t) => {
  const clock = new AcceleratedClock(50)
  const stranger = await pushCertificate('com.example.stranger')
  const stage = await setStage(t, { clock })
  const peer = await RawSender.open(t, { port: stage.port, sender: stranger })
  await peer.saw('end')
  const drip = setInterval(() => peer.socket.write('x'), 20)
  t.teardown(() => {
    clearInterval(drip)
  })
  await peer.saw('close')
  t.equal(stage.log.count('sender.refused'), 1)
})
