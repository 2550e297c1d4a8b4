/** From a real legacy client to a capture, and from the capture back to the same outcomes. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { systemClock } from '../../src/timing/clock.ts'
import { Recorder } from '../../src/recording/recorder.ts'
import { runCommand } from '../fixtures/command.ts'
import { until } from '../fixtures/condition.ts'
import { folder } from '../fixtures/folder.ts'
import { startClient } from '../fixtures/npm-client/client.ts'
import { setStage, type Stage } from '../fixtures/stage.ts'

const tokens = Array.from(
  { length: 60 },
  (_, index) => `${index === 30 ? 'bad0' : '1234'}${String(index).padStart(60, '0')}`,
)
const simulator = { answers: [{ tokenPrefix: 'bad', reason: 'BadDeviceToken' }] }

/** Records everything in clear, as `serve --capture --capture-tokens --capture-payloads` does. */
function recordInto(directory: string): Recorder {
  const options = { route: undefined, address: undefined, maxBytes: 1_000_000, maxConnections: 10 }
  return new Recorder(
    { ...options, directory, tokens: true, payloads: true },
    systemClock,
    (event) => {
      if (event.event === 'capture.failed') throw new Error(event.file, { cause: event.error })
    },
  )
}

/** What APNs got, and how it answered. */
function outcomes({ received }: Stage): string[] {
  return received
    .map(
      ({ token, status, payload, pushType }) => `${token} ${status} ${pushType} ${String(payload)}`,
    )
    .sort()
}

interface Said {
  readonly kind: string
  readonly from: string
  readonly identifier?: number
  readonly status?: number
  readonly items: readonly {
    readonly name: string
    readonly hex?: string
    readonly text?: string
  }[]
}

async function decode(t: Test, file: string): Promise<Said[]> {
  const { code, stdout } = await runCommand(t, ['decode', file])
  t.equal(code, 0)
  return stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Said)
}

/** Token and payload of each notification. */
function pushes(said: readonly Said[]): string[] {
  return said
    .filter(({ kind }) => kind === 'notification')
    .map(({ items }) => {
      const of = (name: string): string | undefined => {
        const item = items.find((one) => one.name === name)
        return item?.text ?? item?.hex
      }
      return `${of('token')} ${of('payload')}`
    })
}

t.test('apn@1.7.8, recorded under TLS: decodes to what it sent, replays to the same', async (t) => {
  const captures = folder(t)
  const stage = await setStage(t, { simulator, recorder: recordInto(captures) })
  const errors = startClient(t, 'apn', stage, tokens)
  const files = (): string[] =>
    readdirSync(captures).map((name) => readFileSync(join(captures, name), 'utf8'))
  await until(() => errors.length === 1 && stage.received.length === tokens.length)
  // What it resends behind the error response comes over a second connection.
  await until(
    () => files().length === 2 && stage.proxy.routes[0]?.relay.counters.settled.resent === 29,
  )
  await until(() => files().some((text) => text.includes('\n< ')))

  const told = readdirSync(captures).find((name) =>
    readFileSync(join(captures, name), 'utf8').includes('\n< '),
  )
  const first = join(captures, told ?? '')
  const said = await decode(t, first)
  const sent = tokens.map((token) => `${token} {"aps":{"alert":"hello ${token.slice(-3)}"}}`)
  t.same(pushes(said), sent)
  const named = said.filter(({ kind }) => kind === 'notification')[30]?.identifier
  t.match(
    said.filter(({ kind }) => kind === 'error-response'),
    [{ from: 'gateway', status: 8, identifier: named }],
  )
  const second = readdirSync(captures).find((name) => name !== told)
  t.same(pushes(await decode(t, join(captures, second ?? ''))), sent.slice(31))

  const again = await setStage(t, { simulator })
  const path = (name: string): string => join(again.directory, name)
  const access = [
    '--port',
    `${again.port}`,
    '--certificate',
    path('push.pem'),
    '--ca',
    path('ca.pem'),
  ]
  const { code, stdout } = await runCommand(t, ['replay', first, ...access, '--wait', '500'])
  t.equal(code, 0)
  t.match(stdout, `Error response: status 8 (invalid token) for identifier ${named}.`)
  t.same(outcomes(again), outcomes(stage))
})
