/** The `told` command: its formats, its choices, long lists, and what it says when nothing is there. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { openLmdbStore } from '../../src/store/lmdb-store.ts'
import type { ToldRecord } from '../../src/store/store.ts'
import { systemClock } from '../../src/timing/clock.ts'
import { builtCommand, runCommand, runLine, type CommandResult } from '../fixtures/command.ts'
import { pushCertificate } from '../fixtures/identity.ts'
import { folder } from '../fixtures/folder.ts'
import { noRedis, RedisServer } from '../fixtures/redis-server.ts'
import { writeConfiguration } from '../fixtures/stage.ts'

const noStack = /\n\s+at .*:\d+/
const sender = 'ab'.repeat(32)
const token = '0f'.repeat(32)

function record(more: Partial<ToldRecord> = {}): ToldRecord {
  const atMs = systemClock.now()
  return {
    atMs,
    kind: 'error-response',
    route: 'app',
    sender,
    token,
    reason: 'BadDeviceToken',
    ...more,
  }
}

/** A data directory with these records. */
async function storeWith(t: Test, records: Iterable<ToldRecord>): Promise<string> {
  const directory = folder(t)
  const store = await openLmdbStore(directory, {
    clock: systemClock,
    told: { keepDays: 36_500, maxEntries: 1_000_000 },
    emit: ({ event }) => t.fail(event),
  })
  let count = 0
  for (const one of records) {
    store.told.add(one)
    if (++count % 1000 === 0) await store.journal.flush()
  }
  await store.close()
  return directory
}

function told(t: Test, directory: string, ...args: string[]): Promise<CommandResult> {
  return runCommand(t, ['told', '--data-directory', directory, ...args])
}

const first = Date.UTC(2026, 10, 1)
const hourMs = 3_600_000
const three = [
  record({ atMs: first, apnsId: 'id-1', identifier: 7, address: '10.0.0.1' }),
  record({ atMs: first + hourMs, route: 'a "b", c' }),
  record({ atMs: first + 2 * hourMs, kind: 'feedback', reason: 'Unregistered', timestamp: 12 }),
]

t.test('prints CSV into a pipe, quoted as RFC 4180 says', async (t) => {
  const { code, stdout } = await told(t, await storeWith(t, three))
  t.equal(code, 0)
  t.equal(
    stdout,
    `time,kind,route,sender,token,reason,apns-id,identifier
2026-11-01T00:00:00.000Z,error-response,app,${sender},${token},BadDeviceToken,id-1,7
2026-11-01T01:00:00.000Z,error-response,"a ""b"", c",${sender},${token},BadDeviceToken,,
2026-11-01T02:00:00.000Z,feedback,app,${sender},${token},Unregistered,,
`,
  )
})

t.test('prints JSON lines with all that is known, and a summary that counts', async (t) => {
  const directory = await storeWith(t, three)
  const { stdout } = await told(t, directory, '--format', 'jsonl')
  const [line = '', , last = ''] = stdout.split('\n')
  const common = { route: 'app', sender, token }
  t.strictSame(JSON.parse(line), {
    ...{ time: '2026-11-01T00:00:00.000Z', kind: 'error-response', ...common },
    ...{ address: '10.0.0.1', reason: 'BadDeviceToken', apnsId: 'id-1', identifier: 7 },
  })
  t.match(JSON.parse(last), { kind: 'feedback', timestamp: 12 })
  const { stdout: summary } = await told(t, directory, '--format', 'summary')
  t.match(summary, /^route +reason +told by +count +first +last\n/)
  t.match(summary, /^app +BadDeviceToken +error-response +1 +2026-11-01T00:00:00.000Z /m)
  t.match(summary, /^To list the tokens: .* told --data-directory .* --format csv > told\.csv$/m)
  t.notOk(summary.includes(token))
})

t.test('chooses by time, route and reason', async (t) => {
  const directory = await storeWith(t, three)
  const choices: readonly (readonly [number, ...string[]])[] = [
    [3, '--since', '2026-11-01'],
    [2, '--since', '2026-11-01T01:00Z'],
    [2, '--since', '2026-11-01T02:00+01:00'],
    [1, '--until', '2026-11-01T01:00:00Z'],
    [0, '--since', '2026-11-01T03:00'],
    [2, '--route', 'app'],
    [1, '--reason', 'Unregistered'],
    [0, '--route', 'app', '--reason', 'BadTopic'],
  ]
  for (const [count, ...args] of choices) {
    const { stdout } = await told(t, directory, '--format', 'jsonl', ...args)
    t.equal(stdout.split('\n').length - 1, count, args.join(' '))
  }
  const recent = await storeWith(t, [record({ atMs: systemClock.now() - 30 * hourMs }), record()])
  for (const [age, count] of [
    ['1d', 1],
    ['31h', 2],
  ] as const) {
    const { stdout } = await told(t, recent, '--format', 'jsonl', '--since', age)
    t.equal(stdout.split('\n').length - 1, count, age)
  }
})

t.test('says what to correct', async (t) => {
  const directory = await storeWith(t, three)
  const rows: readonly (readonly [RegExp, ...string[]])[] = [
    [/^--since: write a date such as 2026-11-01/, '--since', 'yesterday'],
    [/^--until: write a date/, '--until', '2026-02-31'],
    [/^--until: name a time that is later/, '--since', '1h', '--until', '2h'],
    [/^--route: no route is called none; choose one of app, a "b", c$/m, '--route', 'none'],
    [/format/, '--format', 'xml'],
  ]
  for (const [message, ...args] of rows) {
    const { code, stdout, stderr } = await told(t, directory, ...args)
    t.same([code, stdout], [64, ''], args.join(' '))
    t.match(stderr, message)
    t.notMatch(stderr, noStack)
  }
  const nowhere = join(folder(t), 'none')
  t.match(await told(t, nowhere), { code: 66, stderr: /^There is no store in .*--config/ })
  const config = ['told', '--config', join(nowhere, 'none.yaml')]
  t.match(await runCommand(t, config), { code: 78, stderr: /none\.yaml/ })
  writeFileSync(join(directory, 'data.mdb'), 'text'.repeat(5000))
  t.match(await told(t, directory), { code: 1, stderr: /data\.mdb of another program/ })
})

t.test('streams a long list, and ends without an error when nobody reads on', async (t) => {
  const count = 100_000
  const many = function* (): Generator<ToldRecord> {
    for (let number = 0; number < count; number++)
      yield record({ token: number.toString(16).padStart(64, '0') })
  }
  const directory = await storeWith(t, many())
  const [node = '', cli = ''] = builtCommand
  const command = `${node} --max-old-space-size=40 ${cli} told --data-directory ${directory} --format`
  const all = await runLine(`${command} jsonl | wc -l`, directory)
  t.match(all, { code: 0, stdout: new RegExp(`^ *${count}\n$`), stderr: '' })
  const head = await runLine(`(${command} csv; echo "code $?" >&2) | head -1`, directory)
  t.match(head, { stdout: /^time,kind[^\n]*\n$/, stderr: 'code 0\n' })
})

t.test('reads Redis of a configuration', { skip: noRedis }, async (t) => {
  const redis = await RedisServer.start(t)
  const directory = folder(t)
  const app = await pushCertificate('com.example.app')
  const file = { store: redis.url }
  const config = writeConfiguration(directory, app, 'https://127.0.0.1:1', { file })
  const args = ['told', '--config', config, '--format', 'summary']
  t.match(await runCommand(t, args), { code: 0, stdout: /^No sender was told/ })
  const unknown = await runCommand(t, [...args, '--route', 'none'])
  t.match(unknown, { code: 64, stderr: /no route is called none; choose one of app/ })
  await redis.kill()
  t.match(await runCommand(t, args), { code: 1, stderr: /cannot be reached .*; start it/ })
})
