/** Programs that are run for an alarm, with real processes. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { testMessage, type AlarmMessage } from '../../src/alarms/alarm-message.ts'
import type { Answer } from '../../src/alarms/alarm-queue.ts'
import { run } from '../../src/alarms/command-hook.ts'
import { systemClock, type Clock } from '../../src/timing/clock.ts'
import { until } from '../fixtures/condition.ts'
import { FakeClock } from '../fixtures/fake-clock.ts'
import { folder } from '../fixtures/folder.ts'

const message: AlarmMessage = {
  ...testMessage({ name: 'gate-1', version: '1.2.3' }, 0),
  route: 'two\nlines',
}

const node = (script: string, ...args: string[]): string[] => [
  process.execPath,
  '-e',
  script,
  ...args,
]

function runOf(command: readonly string[], clock: Clock = systemClock): Promise<Answer> {
  return run(command, message, clock, new AbortController().signal)
}

t.test('the program gets the message, five variables, and no secret of the proxy', async (t) => {
  process.env['SECRET_OF_THE_PROXY'] = 'hush'
  t.teardown(() => delete process.env['SECRET_OF_THE_PROXY'])
  const file = join(folder(t), 'out')
  const script = `
    let stdin = ''
    process.stdin.on('data', (text) => (stdin += text)).on('end', () =>
      require('node:fs').writeFileSync(
        process.argv[1],
        JSON.stringify({ stdin: JSON.parse(stdin), env: process.env, args: process.argv.slice(2) }),
      ),
    )`
  const odd = '$(touch x); "quoted" & *'
  t.same(await runOf(node(script, file, odd)), { outcome: 'accepted' })
  const { stdin, env, args } = JSON.parse(readFileSync(file, 'utf8')) as {
    readonly stdin: unknown
    readonly env: Readonly<Record<string, string>>
    readonly args: unknown
  }
  t.same(stdin, message)
  t.same(args, [odd])
  t.equal(env['PATH'], process.env['PATH'])
  t.match(env, {
    APNS_PROXY_EVENT: 'test',
    APNS_PROXY_CODE: 'test',
    APNS_PROXY_SEVERITY: 'warning',
    APNS_PROXY_ROUTE: 'two lines',
    APNS_PROXY_TEXT: 'test alarm of apns-legacy-proxy on gate-1',
  })
  t.notOk('SECRET_OF_THE_PROXY' in env)
})

t.test('a program that fails is not run again', async (t) => {
  const answer = await runOf(node('process.exit(3)'))
  t.match(answer, { outcome: 'refused', cause: /ended with exit code 3; .* standard error/ })
})

t.test('a program that ends without reading does no harm', async (t) => {
  const large = { ...message, what: 'x'.repeat(1_000_000) }
  const { signal } = new AbortController()
  const answer = await run(node('process.exit(0)'), large, systemClock, signal)
  t.same(answer, { outcome: 'accepted' })
})

for (const [title, program] of [
  ['that does not exist', '/nowhere/alarm'],
  ['with an impossible name', 'a\u0000b'],
] as const)
  t.test(`a program ${title} is tried again later`, async (t) => {
    const clock = new FakeClock()
    const answer = await runOf([program], clock)
    t.match(answer, {
      outcome: 'unavailable',
      cause: /cannot be started .*; correct alarms\.command/,
    })
    t.equal(clock.pending, 0)
  })

t.test('a program is killed after 30 seconds', async (t) => {
  const clock = new FakeClock()
  const file = join(folder(t), 'started')
  const script = `require('node:fs').writeFileSync(process.argv[1], ''); setInterval(() => 0, 1000)`
  const answer = runOf(node(script, file), clock)
  await until(() => existsSync(file))
  clock.advance(29_999)
  t.equal(clock.pending, 1)
  clock.advance(1)
  t.match(await answer, { outcome: 'refused', cause: /was killed after 30 s/ })
  t.equal(clock.pending, 0)
})

t.test('an abort kills the program', async (t) => {
  const clock = new FakeClock()
  const file = join(folder(t), 'pid')
  writeFileSync(file, '')
  const script = `require('node:fs').writeFileSync(process.argv[1], String(process.pid)); setInterval(() => 0, 1000)`
  const giveUp = new AbortController()
  const answer = run(node(script, file), message, clock, giveUp.signal)
  await until(() => readFileSync(file, 'utf8') !== '')
  giveUp.abort()
  t.match(await answer, { outcome: 'unavailable' })
  t.equal(clock.pending, 0)
  const pid = Number(readFileSync(file, 'utf8'))
  await until(() => !isAlive(pid))
})

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}
