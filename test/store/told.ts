/** The told tokens in both stores: age, a killed process, a reader beside the proxy, Redis in trouble. */
import { once } from 'node:events'
import { spawn } from 'node:child_process'
import { chmodSync, statSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import t from 'tap'
import { openLmdbStore } from '../../src/store/lmdb-store.ts'
import { parseRedisUrl } from '../../src/store/redis-address.ts'
import { openRedisStore } from '../../src/store/redis-store.ts'
import type { Store, ToldRecord, ToldStore } from '../../src/store/store.ts'
import { openToldDirectory, openToldStream } from '../../src/store/told-reader.ts'
import { systemClock, type Clock } from '../../src/timing/clock.ts'
import { until } from '../fixtures/condition.ts'
import { FakeClock } from '../fixtures/fake-clock.ts'
import { folder } from '../fixtures/folder.ts'
import { noRedis, RedisServer } from '../fixtures/redis-server.ts'
import { told } from './conformance.ts'

const dayMs = 86_400_000

function record(number: number, atMs: number): ToldRecord {
  const token = number.toString(16).padStart(64, '0')
  const sender = 'ab'.repeat(32)
  return { atMs, kind: 'error-response', route: 'app', sender, token, reason: 'BadDeviceToken' }
}

/** The numbers of all records. */
async function numbers(store: Pick<ToldStore, 'read'> | undefined): Promise<readonly number[]> {
  const found: number[] = []
  if (store === undefined) return found
  for await (const { token } of store.read({ sinceMs: 0, untilMs: Infinity }))
    found.push(parseInt(token, 16))
  return found
}

function openAt(directory: string, clock: Clock, limits = told): Promise<Store> {
  const emit = ({ event }: { readonly event: string }): unknown => t.fail(event)
  return openLmdbStore(directory, { clock, told: limits, emit })
}

t.test('LMDB forgets after keepDays, while it runs and at the next start', async (t) => {
  const directory = folder(t)
  const clock = new FakeClock()
  const store = await openAt(directory, clock)
  store.told.add(record(1, clock.now()))
  clock.advance(10 * dayMs)
  store.told.add(record(2, clock.now()))
  clock.advance(20 * dayMs - 1)
  t.strictSame(await numbers(store.told), [1, 2])
  clock.advance(3_600_000)
  t.strictSame(await numbers(store.told), [2], 'an hour late at most')
  await store.close()
  clock.stall(10 * dayMs)
  const next = await openAt(directory, clock)
  clock.advance(0)
  t.strictSame(await numbers(next.told), [])
  t.equal(clock.pending, 0, 'and an empty list sets no timer')
  await next.close()
})

t.test('LMDB keeps nothing with keepDays 0, and removes what there was', async (t) => {
  const directory = folder(t)
  const clock = new FakeClock()
  const store = await openAt(directory, clock, { keepDays: 30, maxEntries: 10_000 })
  for (let number = 0; number < 2000; number++) store.told.add(record(number, clock.now()))
  clock.advance(0)
  t.equal((await numbers(store.told)).length, 2000)
  await store.close()
  const next = await openAt(directory, clock, { keepDays: 0, maxEntries: 10_000 })
  next.told.add(record(1, clock.now()))
  clock.advance(0)
  t.strictSame(await numbers(next.told), [])
  await next.close()
})

t.test('LMDB writes what is told in one turn in one transaction', async (t) => {
  const clock = new FakeClock()
  const store = await openAt(folder(t), clock)
  for (let number = 0; number < 500; number++) store.told.add(record(number, clock.now()))
  t.equal(clock.pending, 1)
  t.strictSame(await numbers(store.told), [])
  clock.advance(0)
  t.equal((await numbers(store.told)).length, 500)
  await store.close()
})

t.test('a clock that is set back costs no record', async (t) => {
  const clock = new FakeClock()
  const directory = folder(t)
  const store = await openAt(directory, clock)
  store.told.add(record(1, clock.now()))
  store.told.add(record(2, clock.now() - 3_600_000))
  await store.close()
  const next = await openAt(directory, clock)
  next.told.add(record(3, clock.now() - 7_200_000))
  clock.advance(0)
  t.strictSame(await numbers(next.told), [1, 2, 3])
  await next.close()
})

t.test('the file is for its owner only, also if it was readable for others', async (t) => {
  const directory = join(folder(t), 'data')
  await (await openAt(directory, systemClock)).close()
  for (const name of ['data.mdb', 'lock.mdb']) chmodSync(join(directory, name), 0o644)
  const store = await openAt(directory, systemClock)
  for (const name of ['data.mdb', 'lock.mdb'])
    t.equal(statSync(join(directory, name)).mode & 0o777, 0o600, name)
  await store.close()
})

t.test('a reader reads beside a process that writes, and after kill -9 of it', async (t) => {
  const directory = folder(t)
  const file = new URL('../fixtures/store-process.ts', import.meta.url)
  const child = spawn(process.execPath, ['--import', 'tsx', file.pathname, directory, 'told'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  t.teardown(() => child.kill('SIGKILL'))
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]()
  const next = async (): Promise<number> => Number((await lines.next()).value)
  let written = await next()
  for (let round = 0; round < 5; round++) {
    const reader = await openToldDirectory(directory)
    const found = await numbers(reader)
    t.ok(found.length >= written, `${found.length} of ${written}`)
    t.strictSame(
      found,
      found.map((_, index) => index),
    )
    await reader?.close()
    written = await next()
  }
  const exited = once(child, 'exit')
  child.kill('SIGKILL')
  await exited
  const reader = await openToldDirectory(directory)
  t.ok((await numbers(reader)).length >= written)
  await reader?.close()
  const store = await openAt(directory, systemClock)
  t.ok((await numbers(store.told)).length >= written)
  await store.close()
})

t.test('a reader finds no store, an empty one, and a damaged one', async (t) => {
  const directory = folder(t)
  t.equal(await openToldDirectory(directory), undefined)
  await (await openAt(directory, systemClock)).close()
  const reader = await openToldDirectory(directory)
  t.strictSame(await numbers(reader), [])
  await reader?.close()
  truncateSync(join(directory, 'data.mdb'), 6000)
  await t.rejects(openToldDirectory(directory), { name: 'StoreError', code: 'damaged' })
})

const options = { skip: noRedis }

function accessTo(url: string): Parameters<typeof openRedisStore>[0] {
  const address = parseRedisUrl(url)
  if (typeof address === 'string') throw new Error(address)
  return { address, certificateAuthority: undefined }
}

function openRedis(url: string, events: string[], limits = told): Promise<Store> {
  const emit = ({ event }: { readonly event: string }): unknown => events.push(event)
  const deps = { clock: systemClock, told: limits, emit, maxUnwritten: 1000 }
  return openRedisStore(accessTo(url), deps)
}

t.test('what is told while Redis is away is written when it is back', options, async (t) => {
  const server = await RedisServer.start(t, '--appendonly', 'yes', '--appendfsync', 'always')
  const events: string[] = []
  const store = await openRedis(server.url, events)
  store.told.add(record(1, systemClock.now()))
  await until(async () => (await numbers(store.told)).length === 1)
  await server.kill()
  await until(() => events.includes('store.lost'))
  for (const number of [2, 3]) store.told.add(record(number, systemClock.now()))
  await server.restart()
  await until(() => events.includes('store.back'))
  const reader = await openToldStream(accessTo(server.url))
  await until(async () => (await numbers(reader)).length === 3)
  t.strictSame(await numbers(reader), [1, 2, 3])
  await reader.close()
  store.told.add(record(4, systemClock.now()))
  await store.close()
  const later = await openToldStream(accessTo(server.url))
  t.strictSame(await numbers(later), [1, 2, 3, 4], 'a stop writes what is left')
  await later.close()
})

t.test('all processes have one list in Redis, and what is too old goes', options, async (t) => {
  const server = await RedisServer.start(t)
  const [one, other] = await Promise.all([openRedis(server.url, []), openRedis(server.url, [])])
  one.told.add(record(1, systemClock.now()))
  await until(async () => (await numbers(other.told)).length === 1)
  other.told.add(record(2, systemClock.now()))
  await until(async () => (await numbers(one.told)).length === 2)
  await Promise.all([one.close(), other.close()])
  const clock = new FakeClock()
  clock.stall(systemClock.now() - clock.now() + 31 * dayMs)
  const emit = (): undefined => undefined
  const deps = { clock, told, emit, maxUnwritten: 1000 }
  const later = await openRedisStore(accessTo(server.url), deps)
  const reader = await openToldStream(accessTo(server.url))
  t.strictSame(await numbers(reader), [1, 2])
  await until(async () => {
    clock.advance(1000)
    return (await numbers(reader)).length === 0
  })
  await reader.close()
  const closed = later.close()
  clock.advance(2000)
  await closed
})

t.test('a Redis that is away is named with its cure, without its password', options, async (t) => {
  await t.rejects(openToldStream(accessTo('redis://me:secret@127.0.0.1:1')), {
    message: /^Redis at redis:\/\/127\.0\.0\.1:1 cannot be reached .*; start it, or correct store$/,
  })
})
