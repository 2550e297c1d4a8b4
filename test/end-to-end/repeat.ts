/** Wanted repeats pass, while resends are recognised beside them. */
import t from 'tap'
import { AcceleratedClock } from '../fixtures/accelerated-clock.ts'
import { until } from '../fixtures/condition.ts'
import {
  badAnswers,
  deliveries,
  lostAndDoubled,
  none,
  pushes,
  settled,
} from '../fixtures/ledger.ts'
import { dial, enhanced, Resender, type Push } from '../fixtures/resender.ts'
import { setStage, type Stage } from '../fixtures/stage.ts'

/** Four times as fast as the wall's, the provider API's latency with it. */
const clock = new AcceleratedClock(4)
const simulator = { answers: badAnswers, latencyMs: { min: 5, max: 20 } }

/** Rounds are a second apart. */
function nextSecond(): Promise<void> {
  return new Promise((resolve) => clock.after(1000, resolve))
}

/** Forty tokens, the same payload for all, the second one bad. */
const round: Push[] = pushes(40, (index) => index === 1).map(({ token }) => ({
  token,
  payload: '{"aps":{"content-available":1}}',
}))

const rounds = [0, 1, 2, 3]

function roundBytes(number: number): Buffer {
  return Buffer.concat(round.map((push, index) => enhanced(number * 40 + index, push)))
}

function everyRepeatArrived(stage: Stage): boolean {
  const counts = deliveries(stage)
  return round.every(({ token }) => token.startsWith('bad') || counts.get(token) === rounds.length)
}

async function resendBeside(stage: Stage): Promise<readonly Push[]> {
  const sent = pushes(200, (index) => index === 3).map(({ token, payload }) => ({
    token: token.replace(/^1234/, '5678'),
    payload,
  }))
  const resender = new Resender(stage, sent)
  await resender.send()
  await until(() => resender.told.length === 1 && resender.isIdle)
  resender.finish()
  return sent
}

t.test(
  'the same payload each round on one kept connection: every repeat is delivered',
  async (t) => {
    const stage = await setStage(t, { clock, simulator })
    const socket = await dial(stage)
    const resent = resendBeside(stage)
    for (const number of rounds) {
      socket.write(roundBytes(number))
      // The rounds are a second apart for the proxy, too, which may be late with its packet.
      await stage.log.find('error-response.sent')
      await nextSecond()
    }
    const sent = await resent
    await settled(stage, rounds.length * 40 + 200)
    t.ok(everyRepeatArrived(stage))
    t.same(
      lostAndDoubled(
        { received: stage.received.filter(({ token }) => token.startsWith('5678')) },
        sent,
      ),
      none,
    )
    socket.destroy()
  },
)

t.test('the same payload each round on a new connection: every repeat is delivered', async (t) => {
  const stage = await setStage(t, { clock, simulator })
  const resent = resendBeside(stage)
  for (const number of rounds) {
    const socket = await dial(stage)
    socket.write(roundBytes(number))
    await nextSecond()
    socket.end()
  }
  const sent = await resent
  await settled(stage, rounds.length * 40 + 200)
  t.ok(everyRepeatArrived(stage))
  t.same(
    lostAndDoubled(
      { received: stage.received.filter(({ token }) => token.startsWith('5678')) },
      sent,
    ),
    none,
  )
})
