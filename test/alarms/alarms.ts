/** Alarms with real receivers: what arrives, in which order, and that nothing waits for it. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Alarms } from '../../src/alarms/alarms.ts'
import type { AlarmSettings } from '../../src/alarms/alarm-settings.ts'
import { createLog } from '../../src/log/log.ts'
import { logEvents } from '../../src/proxy/log-event.ts'
import { systemClock } from '../../src/timing/clock.ts'
import t, { type Test } from 'tap'
import { AlarmReceiver, appeared, cleared, silence } from '../fixtures/alarm-receiver.ts'
import { untilAtLeast, untilIs } from '../fixtures/condition.ts'
import { FakeClock } from '../fixtures/fake-clock.ts'
import { folder } from '../fixtures/folder.ts'
import { freePort } from '../fixtures/port.ts'
import { dial, enhanced } from '../fixtures/resender.ts'
import { pushes, settled } from '../fixtures/ledger.ts'
import { LogLines, setStage } from '../fixtures/stage.ts'

interface Scene {
  readonly alarms: Alarms
  readonly clock: FakeClock
  readonly log: LogLines
}

function settingsFor(url: URL | undefined, more: Partial<AlarmSettings> = {}): AlarmSettings {
  return {
    webhook: url && { url, secret: undefined },
    command: undefined,
    minSeverity: 'warning',
    name: 'gate-1',
    ...more,
  }
}

/** By all proxies of this file. */
const logged: unknown[] = []

function scene(t: Test, settings: AlarmSettings | undefined): Scene {
  const log = new LogLines()
  const clock = new FakeClock()
  const alarms = new Alarms(settings, {
    clock,
    random: () => 0,
    version: '1.2.3',
    emit: logEvents(createLog('debug', log)),
  })
  t.teardown(async () => {
    const stopped = alarms.stop()
    clock.advance(2000)
    await stopped
    logged.push(...log.lines)
  })
  return { alarms, clock, log }
}

t.test('a receiver that is down gets everything later, each once', async (t) => {
  const port = await freePort()
  const url = new URL(`http://127.0.0.1:${port}/services/hush-hush-hush`)
  const { alarms, clock, log } = scene(t, settingsFor(url))
  const atMs = clock.now()
  alarms.report(appeared('a', atMs))
  alarms.report(appeared('b', atMs))
  t.match(await log.find('alarm.failed'), {
    level: 'warn',
    channel: 'webhook',
    code: 'a',
    route: 'mdm',
    cause: /ECONNREFUSED/,
    retryInMs: 2500,
  })
  const receiver = await AlarmReceiver.start(t, [200], port)
  clock.advance(2500)
  await untilIs(() => log.count('alarm.sent'), 2)
  t.same(
    receiver.messages.map(({ code }) => code),
    ['a', 'b'],
  )
  t.same(alarms.counts, { sent: 2, failed: 0 })
})

t.test('500 twice, then 200: the receiver sees the same id three times', async (t) => {
  const receiver = await AlarmReceiver.start(t, [500, 500, 200])
  const { alarms, clock, log } = scene(t, settingsFor(receiver.url))
  alarms.report(appeared('a', clock.now()))
  await untilIs(() => log.count('alarm.failed'), 1)
  clock.advance(2500)
  await untilIs(() => log.count('alarm.failed'), 2)
  clock.advance(5000)
  await log.find('alarm.sent')
  t.equal(receiver.messages.length, 3)
  t.equal(new Set(receiver.messages.map(({ id }) => id)).size, 1)
})

for (const status of [302, 410])
  t.test(`${status}: one attempt, one line in the log`, async (t) => {
    const receiver = await AlarmReceiver.start(t, [status])
    const { alarms, clock, log } = scene(t, settingsFor(receiver.url))
    alarms.report(appeared('a', clock.now()))
    t.match(await log.find('alarm.given-up'), { level: 'error', cause: new RegExp(`${status}`) })
    t.equal(clock.pending, 0)
    t.same([receiver.messages.length, alarms.counts], [1, { sent: 0, failed: 1 }])
  })

t.test('only what is severe enough is told', async (t) => {
  const receiver = await AlarmReceiver.start(t)
  const { alarms, log } = scene(t, settingsFor(receiver.url, { minSeverity: 'alarm' }))
  const change = appeared('mild')
  alarms.report({ ...change, problem: { ...change.problem, severity: 'warning' } })
  alarms.report(appeared('severe'))
  await log.find('alarm.sent')
  t.same(
    receiver.messages.map(({ code }) => code),
    ['severe'],
  )
})

t.test('webhook and command do not wait for each other', async (t) => {
  const receiver = await AlarmReceiver.start(t, [silence])
  const file = join(folder(t), 'told')
  const script = `require('node:fs').appendFileSync(process.argv[1], process.env.APNS_PROXY_CODE + ' ')`
  const command = [process.execPath, '-e', script, file]
  const { alarms, log } = scene(t, settingsFor(receiver.url, { command }))
  for (const code of ['a', 'b', 'c']) alarms.report(appeared(code))
  await untilIs(() => log.count('alarm.sent'), 3)
  t.equal(readFileSync(file, 'utf8'), 'a b c ')
  t.match(log.lines[0], { channel: 'command' })
})

t.test('another URL gets what the old one did not take, without a restart', async (t) => {
  const [old, next] = [await AlarmReceiver.start(t, [503]), await AlarmReceiver.start(t)]
  const { alarms, clock, log } = scene(t, undefined)
  alarms.report(appeared('unheard', clock.now()))
  alarms.reconfigure(settingsFor(old.url))
  alarms.report(appeared('a', clock.now()))
  await log.find('alarm.failed')
  alarms.reconfigure(settingsFor(next.url))
  await log.find('alarm.sent')
  t.same(
    next.messages.map(({ code }) => code),
    ['a'],
  )
  next.behaviours = [503]
  alarms.report(appeared('b', clock.now()))
  await untilIs(() => log.count('alarm.failed'), 2)
  alarms.reconfigure(undefined)
  t.match(await log.find('alarm.given-up'), { cause: /no longer configured/ })
})

t.test('a stop leaves no connection', async (t) => {
  const receiver = await AlarmReceiver.start(t, [silence])
  const { alarms, clock } = scene(t, settingsFor(receiver.url))
  alarms.report(appeared('a', clock.now()))
  await untilIs(() => receiver.connections, 1)
  const stopped = alarms.stop()
  clock.advance(2000)
  await stopped
  t.equal(clock.pending, 0)
  await untilIs(() => receiver.connections, 0)
  t.match(alarms.counts, { failed: 1 })
})

t.test('while a receiver hangs, reports return at once and senders are served', async (t) => {
  const receiver = await AlarmReceiver.start(t, [silence])
  const stage = await setStage(t)
  const alarms = new Alarms(settingsFor(receiver.url), {
    clock: systemClock,
    random: Math.random,
    version: '1.2.3',
    emit: logEvents(createLog('info', new LogLines())),
  })
  for (let at = 0; at < 50; at++)
    alarms.report(at % 2 === 0 ? appeared(`p${at}`) : cleared(`q${at}`))
  await untilAtLeast(() => receiver.received.length, 1)
  const [canary] = pushes(1, () => false)
  if (canary === undefined) throw new Error('no push')
  const socket = await dial(stage)
  socket.write(enhanced(0, canary))
  await settled(stage, 1)
  t.equal(stage.received.length, 1)
  t.equal(receiver.received.length, 1, 'the first alarm is still under way')
  await receiver.close()
  await alarms.stop()
})

t.test('a proxy reads alarms from its file and counts them', async (t) => {
  const stage = await setStage(t, { file: { alarms: { webhook: 'http://127.0.0.1:9/hush' } } })
  t.match(stage.proxy.configuration.alarms, {
    minSeverity: 'warning',
    webhook: { secret: undefined },
  })
  const metrics = await fetch(`http://127.0.0.1:${stage.adminPort}/metrics`, {
    headers: { connection: 'close' },
  })
  t.match(await metrics.text(), 'apns_legacy_proxy_alarms_total{outcome="sent"} 0')
  await stage.proxy.reload({ ...stage.proxy.configuration, alarms: undefined })
})

t.test('no log has the URL of a receiver', (t) => {
  t.ok(logged.length > 10)
  t.notMatch(JSON.stringify(logged), /hush/)
  t.end()
})
