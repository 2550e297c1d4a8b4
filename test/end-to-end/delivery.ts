/** The delivery contract: nothing lost, nothing twice, whatever the sender does next. */
import t from 'tap'
import { until, untilIs } from '../fixtures/condition.ts'
import { badAnswers, lostAndDoubled, none, pushes, settled } from '../fixtures/ledger.ts'
import { dial, enhanced, Resender, simple } from '../fixtures/resender.ts'
import { setStage, type StageOptions } from '../fixtures/stage.ts'

/** A provider API in another process, as moody as the real one. */
const weather: StageOptions = {
  apart: true,
  simulator: {
    answers: badAnswers,
    latencyMs: { min: 30, max: 90 },
    goawayEvery: 400,
    maxConcurrentStreams: 200,
  },
}

/** `TOLD_RUNS=20` repeats the first test so often, with the deadline that a configuration has by default. */
const { TOLD_RUNS } = process.env
const rounds = Array.from({ length: Number(TOLD_RUNS ?? 1) }, (_, index) => index + 1)

for (const round of rounds)
  t.test(
    `a resender, 6,000 with 20 bad: none lost, none doubled, each bad one told once (${round})`,
    async (t) => {
      // By itself each rejection waits to be told, however slow this machine is.
      const file = TOLD_RUNS === undefined ? { errorDeadlineMs: 60_000 } : {}
      const stage = await setStage(t, { ...weather, file })
      const sent = pushes(6000, (index) => index % 300 === 150)
      const resender = new Resender(stage, sent)
      await resender.send()
      await untilIs(() => resender.told.length, 20)
      await until(() => resender.isIdle)
      await settled(stage, 6000)
      resender.finish()
      t.same(lostAndDoubled(stage, sent), none)
      t.same(
        resender.told.map(({ identifier }) => identifier).sort((a, b) => a - b),
        Array.from({ length: 20 }, (_, index) => index * 300 + 151),
      )
    },
  )

t.test('of 3,000 written and closed without reading, all good ones are delivered', async (t) => {
  const stage = await setStage(t, weather)
  const sent = pushes(3000, (index) => index % 500 === 1)
  const socket = await dial(stage)
  socket.end(Buffer.concat(sent.map((push, index) => enhanced(index, push))))
  await settled(stage, 3000)
  t.same(lostAndDoubled(stage, sent), none)
})

t.test('of 3,000 whose sender is gone once they are written, all good ones arrive', async (t) => {
  const stage = await setStage(t, weather)
  const sent = pushes(3000, (index) => index === 1)
  const socket = await dial(stage)
  socket.write(Buffer.concat(sent.map((push, index) => enhanced(index, push))))
  // As close() without a read: an error response is answered with a reset.
  socket.destroySoon()
  await settled(stage, 3000)
  t.same(lostAndDoubled(stage, sent), none)
})

t.test('a sender that never resends after the error response loses nothing', async (t) => {
  const stage = await setStage(t, weather)
  const sent = pushes(3000, (index) => index === 1)
  const socket = await dial(stage)
  for (const [index, push] of sent.entries()) {
    socket.write(enhanced(index, push))
    if (index % 100 === 0) await new Promise(setImmediate)
  }
  socket.end()
  await settled(stage, 3000)
  t.same(lostAndDoubled(stage, sent), none)
})

t.test('a cache of 50, an error 200 ms late: nothing is lost', async (t) => {
  const stage = await setStage(t, {
    apart: true,
    simulator: { answers: badAnswers, latencyMs: { min: 200, max: 200 } },
  })
  const sent = pushes(1000, (index) => index === 1)
  const resender = new Resender(stage, sent, { cache: 50 })
  await resender.send()
  await until(() => resender.told.length === 1 && resender.isIdle)
  await settled(stage, 1000)
  resender.finish()
  t.same(lostAndDoubled(stage, sent), none)
})

t.test('20,000 of command 0, the 2nd bad, written and closed at once: all arrive', async (t) => {
  const stage = await setStage(t, { apart: true, simulator: { answers: badAnswers } })
  const sent = pushes(20_000, (index) => index === 1)
  const socket = await dial(stage)
  socket.end(Buffer.concat(sent.map(simple)))
  await settled(stage, 20_000)
  t.same(lostAndDoubled(stage, sent), none)
})

t.test('APNs answers 400 ms late: nothing lost, nothing doubled', async (t) => {
  const stage = await setStage(t, {
    apart: true,
    simulator: { answers: badAnswers, latencyMs: { min: 400, max: 400 } },
  })
  const sent = pushes(500, (index) => index === 1)
  const resender = new Resender(stage, sent)
  await resender.send()
  await until(() => resender.told.length === 1 && resender.isIdle)
  await settled(stage, 500)
  resender.finish()
  t.same(lostAndDoubled(stage, sent), none)
})

t.test('all identifiers 0: both bad ones are told, nothing lost, nothing doubled', async (t) => {
  const stage = await setStage(t, weather)
  const sent = pushes(300, (index) => index === 1 || index === 150)
  const resender = new Resender(stage, sent, { identifierOf: () => 0 })
  await resender.send()
  await until(() => resender.told.length === 2 && resender.isIdle)
  await settled(stage, 300)
  resender.finish()
  t.same(lostAndDoubled(stage, sent), none)
})

t.test('resends written into the dying connection are recognised', async (t) => {
  const stage = await setStage(t, weather)
  const sent = pushes(200, (index) => index === 1)
  const bytes = sent.map((push, index) => enhanced(index + 1, push))
  const socket = await dial(stage, { deaf: true })
  socket.write(Buffer.concat(bytes))
  const packet = await new Promise<Buffer>((resolve) => socket.once('data', resolve))
  t.equal(packet.toString('hex'), '080800000002')
  socket.write(Buffer.concat(bytes.slice(2, 60)))
  const rest = await dial(stage)
  socket.end()
  rest.end(Buffer.concat(bytes.slice(60)))
  await settled(stage, 200 + 58 + 140)
  t.same(lostAndDoubled(stage, sent), none)
})

t.test('two senders of one route at once, one resends and one does not', async (t) => {
  const stage = await setStage(t, weather)
  const all = pushes(2000, (index) => index === 1 || index === 1001)
  const resender = new Resender(stage, all.slice(0, 1000))
  const other = await dial(stage)
  const sending = resender.send()
  for (const [index, push] of all.slice(1000).entries()) {
    other.write(enhanced(index, push))
    if (index % 20 === 0) await new Promise(setImmediate)
  }
  other.end()
  await sending
  await until(() => resender.told.length === 1 && resender.isIdle)
  await settled(stage, 2000)
  resender.finish()
  t.same(lostAndDoubled(stage, all), none)
})
