/** An operator overrules the suspicion of a route: with the command, on the page, over processes. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { parse, stringify } from 'yaml'
import { loadConfiguration } from '../../src/config/configuration.ts'
import { createLog } from '../../src/log/log.ts'
import { Proxy as PushProxy } from '../../src/proxy/proxy.ts'
import { systemClock } from '../../src/timing/clock.ts'
import { AcceleratedClock } from '../fixtures/accelerated-clock.ts'
import { launchBrowser, noBrowser } from '../fixtures/browser.ts'
import { runCommand } from '../fixtures/command.ts'
import { until, untilIs } from '../fixtures/condition.ts'
import { badAnswers, lostAndDoubled, none, pushes, tallies } from '../fixtures/ledger.ts'
import { noRedis, RedisServer } from '../fixtures/redis-server.ts'
import { freePort } from '../fixtures/port.ts'
import { dial, enhanced, type Push } from '../fixtures/resender.ts'
import { LogLines, setStage, type Stage } from '../fixtures/stage.ts'

const simulator = { answers: [{ tokenPrefix: '', reason: 'BadDeviceToken' }] }
/** Rejections that an unproven route tells (D17). */
const told = 2

/** Writes `sent` on one connection; returns the number of bytes that came back. */
async function send(stage: Stage, sent: readonly Push[]): Promise<() => number> {
  const socket = await dial(stage, { deaf: true })
  let heard = 0
  socket.on('data', (chunk: Buffer) => (heard += chunk.length))
  socket.write(Buffer.concat(sent.map((push, index) => enhanced(index, push))))
  return () => heard
}

function post({ adminPort }: Stage, path: string): Promise<Response> {
  return fetch(`http://127.0.0.1:${adminPort}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-requested-by': 'test' },
  })
}

function rejected(...stages: readonly Stage[]): number {
  // By the counters: the log sums up what comes often.
  const routes = stages.flatMap(({ proxy }) => proxy.routes)
  const counts = routes.flatMap(({ relay }) => Object.values(relay.counters.rejections))
  return counts.reduce((sum, count) => sum + count, 0)
}

t.test('the command: what is held back is told, after a confirmation', async (t) => {
  const stage = await setStage(t, {
    simulator,
    file: { admin: { port: 0, tokenFile: 'admin.token' } },
    prepare: (directory) => {
      writeFileSync(join(directory, 'admin.token'), 'a-token-of-some-length', { mode: 0o600 })
    },
  })
  const overrule = (...args: string[]): ReturnType<typeof runCommand> =>
    runCommand(t, [
      ...['overrule', '--config', join(stage.directory, 'proxy.yaml')],
      ...['--admin', `http://127.0.0.1:${stage.adminPort}`, ...args],
    ])
  t.match(await overrule('--route', 'app', '--yes'), {
    code: 1,
    stderr: 'Route app is not suspected, so it holds no rejection back. No route is.',
  })
  await send(stage, pushes(25))
  await stage.log.find('route.suspected')
  t.match(await overrule('--route', 'other', '--yes'), {
    code: 1,
    stderr: 'No route is named other; name one of these with --route: app',
  })
  t.match(await overrule('--route', 'app'), {
    code: 64,
    stderr:
      /Route app of the proxy at http:\S+ is suspected: BadDeviceToken.*Senders may delete \d+ tokens.*add --yes/s,
  })
  t.equal(rejected(stage), told)
  const result = await overrule('--route', 'app', '--yes')
  t.match(result, { code: 0, stderr: '', stdout: /^Route app: the suspicion is overruled\. 2\d / })
  await untilIs(() => rejected(stage), 25)
  t.equal(stage.log.count('route.overruled'), 1)
  t.match(await stage.log.find('route.overruled'), { level: 'warn', route: 'app' })
})

t.test('the command without a proxy says what to do', async (t) => {
  const admin = `http://127.0.0.1:${await freePort()}`
  const args = ['overrule', '--route', 'app', '--yes', '--admin', admin]
  t.match(await runCommand(t, args), {
    code: 1,
    stderr: `No proxy answers at ${admin}; start it, or correct --config or --admin`,
  })
})

t.test('an overrule outlives the process', async (t) => {
  const stage = await setStage(t, { simulator, file: { drainSeconds: 0 } })
  await send(stage, pushes(5))
  await stage.log.find('route.suspected')
  t.equal((await post(stage, '/api/routes/app/overrule')).status, 200)
  await untilIs(() => rejected(stage), 5)
  await stage.proxy.stop()
  const log = new LogLines()
  const proxy = new PushProxy(loadConfiguration(join(stage.directory, 'proxy.yaml')), {
    ...{ log: createLog('info', log), clock: systemClock, random: Math.random },
  })
  t.teardown(() => proxy.destroy())
  await proxy.start()
  t.match(proxy.routes[0]?.shown, { standing: 'overruled' })
})

t.test('the button on the page, after a question', { skip: noBrowser }, async (t) => {
  const stage = await setStage(t, { simulator })
  await send(stage, pushes(25))
  await stage.log.find('route.suspected')
  const browser = await launchBrowser()
  t.teardown(() => browser.close())
  const page = await browser.newPage()
  const complaints: string[] = []
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.push(message.text())
  })
  await page.goto(`http://127.0.0.1:${stage.adminPort}`)
  const button = page.getByRole('button', { name: 'The tokens are bad: tell the senders…' })
  const asked: string[] = []
  page.once('dialog', (dialog) => {
    asked.push(dialog.message())
    void dialog.dismiss()
  })
  await button.click()
  t.match(asked[0], /^Route app owns \d+ notifications.*Senders may then delete these tokens/)
  t.equal(stage.log.count('route.overruled'), 0)
  page.once('dialog', (dialog) => void dialog.accept())
  await button.click()
  await page.getByText('up, suspicion overruled').waitFor()
  await untilIs(() => rejected(stage), 25)
  t.equal(await button.count(), 0)
  t.strictSame(complaints, [])
})

/** Two proxies with one Redis, whose APNs rejects every token; the second has good answers of its own. */
async function two(t: Test): Promise<{ stages: readonly [Stage, Stage]; sent: readonly Push[] }> {
  const redis = await RedisServer.start(t)
  const one = await setStage(t, { simulator, file: { store: redis.url } })
  const other = await setStage(t, {
    production: one.simulator.origin,
    file: { store: redis.url },
  })
  const sent = pushes(25)
  const heard = await Promise.all([send(one, sent.slice(0, 13)), send(other, sent.slice(13))])
  await Promise.all([one.log.find('route.suspected'), other.log.find('route.suspected')])
  // Each proxy has asked APNs again about some of them.
  const asked = one.received.length
  await until(() => one.received.length >= asked + 6)
  t.equal(rejected(one, other), told)
  const packets = heard.reduce((sum, bytes) => sum + bytes() / 6, 0)
  t.ok(packets <= told, `${packets} error responses`)
  return { stages: [one, other], sent }
}

t.test(
  'two proxies, 25 tokens: two are told, and the rest is delivered once the set-up is right',
  { skip: noRedis },
  async (t) => {
    const { stages } = await two(t)
    const [, right] = stages
    for (const { directory, proxy } of stages) {
      const path = join(directory, 'proxy.yaml')
      const file = parse(readFileSync(path, 'utf8')) as Record<string, unknown>
      file['providerApi'] = {
        ...Object(file['providerApi']),
        production: right.simulator.origin,
      }
      writeFileSync(path, stringify(file))
      await proxy.reload(loadConfiguration(path))
    }
    await untilIs(() => right.received.length, 25 - told)
    t.equal(new Set(right.received.map(({ token }) => token)).size, 25 - told)
    t.equal(rejected(...stages), told)
  },
)

t.test('an overrule at one of two proxies applies to both', { skip: noRedis }, async (t) => {
  const { stages } = await two(t)
  const [one, other] = stages
  const answer = await post(other, '/api/routes/app/overrule')
  t.match(await answer.json(), { route: 'app' })
  await untilIs(() => rejected(...stages), 25)
  for (const { log, proxy } of [one, other]) {
    t.equal(log.count('route.overruled'), 1)
    t.match(proxy.routes[0]?.shown, { standing: 'overruled', isSuspicious: false })
  }
})

t.test(
  '200 bad tokens in a row after 1,000 deliveries: all told in the end, none lost',
  async (t) => {
    const stage = await setStage(t, {
      clock: new AcceleratedClock(20),
      // Far longer than the machine takes, in spite of the clock.
      file: { requestTimeoutMs: 600_000, errorDeadlineMs: 60_000 },
      route: { resendWindowSeconds: 60 },
      simulator: { answers: badAnswers },
    })
    const sent = pushes(1200, (index) => index >= 1000)
    const socket = await dial(stage, { deaf: true })
    socket.write(Buffer.concat(sent.slice(0, 1000).map((push, index) => enhanced(index, push))))
    await untilIs(() => tallies(stage).settled, 1000)
    const bad = sent.slice(1000)
    socket.write(Buffer.concat(bad.map((push, index) => enhanced(index, push))))
    await stage.log.find('route.suspected')
    t.equal(rejected(stage), 29)
    await stage.log.find('route.up')
    t.equal(stage.log.count('route.suspected'), 1)
    await untilIs(() => rejected(stage), 200)
    t.same(lostAndDoubled(stage, sent), none)
  },
)
