/** npm's own legacy clients, unmodified, through a real gateway to a real HTTP/2 provider API. */
import t from 'tap'
import { until } from '../fixtures/condition.ts'
import { startClient } from '../fixtures/npm-client/client.ts'
import { setStage, type Stage } from '../fixtures/stage.ts'

const bad = 150

/** 32 bytes of hexadecimal, numbered at the end; the bad one begins with `bad`. */
const tokens = Array.from(
  { length: 300 },
  (_, index) => `${index === bad ? 'bad0' : '1234'}${String(index).padStart(60, '0')}`,
)
const good = tokens.filter((_, index) => index !== bad)

const simulator = { answers: [{ tokenPrefix: 'bad', reason: 'BadDeviceToken' }] }

function delivered({ received }: Stage): string[] {
  const accepted = received.filter(({ status }) => status === 200).map(({ token }) => token)
  return [...new Set(accepted)].sort()
}

const clients = [
  ['apn', 'apn@1.7.8 (command 2)'],
  ['node-apns', 'node_apns@0.0.5 (command 1)'],
] as const

for (const [client, name] of clients)
  t.test(`${name} is told which of 300 is bad, every other is delivered`, async (t) => {
    const stage = await setStage(t, { simulator })
    const errors = startClient(t, client, stage, tokens)
    await until(() => errors.length > 0 && delivered(stage).length === good.length)
    t.strictSame(errors, [{ code: 8, token: tokens[bad] }])
    t.strictSame(delivered(stage), [...good].sort())
    t.ok(stage.received.every(({ topic }) => topic === 'com.example.app'))
    t.ok(stage.received.every(({ pushType }) => pushType === 'alert'))
  })
