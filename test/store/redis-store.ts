/** The Redis store before a real redis-server: conformance, several processes, a server in trouble. */
import { setTimeout } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { systemClock, type Clock } from '../../src/timing/clock.ts'
import { parseRedisUrl } from '../../src/store/redis-address.ts'
import { redisDialler, type RedisConnection } from '../../src/store/redis-dialler.ts'
import { openRedisStore } from '../../src/store/redis-store.ts'
import type { RedisStoreEvent } from '../../src/store/store-event.ts'
import type {
  JournalBatch,
  RecoveredRecord,
  Store,
  StoredToken,
  LoggedEvent,
} from '../../src/store/store.ts'
import { until, untilAtLeast, untilIs } from '../fixtures/condition.ts'
import { FakeClock } from '../fixtures/fake-clock.ts'
import { noRedis, RedisServer } from '../fixtures/redis-server.ts'
import { conformance, numberedRecord, told } from './conformance.ts'

interface Options {
  readonly events?: string[]
  readonly prefix?: string
  readonly maxUnwritten?: number
  readonly clock?: Clock
}

function accessTo(url: string, prefix = 'test'): Parameters<typeof openRedisStore>[0] {
  const address = parseRedisUrl(`${url}?prefix=${prefix}`)
  if (typeof address === 'string') throw new Error(address)
  return { address, certificateAuthority: undefined }
}

async function openAt(server: RedisServer, options: Options = {}): Promise<Store> {
  const { events = [], prefix, maxUnwritten = 10_000, clock = systemClock } = options
  const emit = ({ event }: RedisStoreEvent): unknown => events.push(event.replace('store.', ''))
  return openRedisStore(accessTo(server.url, prefix), { clock, told, emit, maxUnwritten })
}

/** Asks Redis itself. */
async function connectTo(t: Test, server: RedisServer): Promise<RedisConnection> {
  const open = redisDialler(accessTo(server.url))
  const connection = await open(() => undefined, new AbortController().signal)
  t.teardown(() => {
    connection.destroy()
  })
  return connection
}

function identifierOf({ record }: RecoveredRecord): number {
  return record.notification.identifier ?? -1
}

/** Looks after its lease as if so much time had passed. */
async function pass(clock: FakeClock, ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 500) {
    clock.advance(500)
    await setTimeout(5)
  }
}

function numbers(first: number, count: number): number[] {
  return Array.from({ length: count }, (_, index) => first + index)
}

function put(store: Store, first: number, count: number): JournalBatch {
  return store.journal.put('app', numbers(first, count).map(numberedRecord))
}

async function drill(t: Test): Promise<void> {
  const server = await RedisServer.start(t)
  let count = 0
  conformance('Redis', () => {
    const prefix = `conformance-${count++}`
    return () => openAt(server, { prefix })
  })
}

if (noRedis === false) await drill(t)

const options = { skip: noRedis }

t.test(
  'what a process leaves that closes, another is told at its next look',
  options,
  async (t) => {
    const server = await RedisServer.start(t)
    const clock = new FakeClock()
    const heir = await openAt(server, { clock })
    const heard: RecoveredRecord[] = []
    heir.journal.claimed((record) => heard.push(record))
    const store = await openAt(server)
    put(store, 0, 3).settled(1)
    put(store, 3, 1)
    await store.close()
    await pass(clock, 2500)
    await untilIs(() => heard.length, 3)
    t.strictSame(heard.map(identifierOf), [0, 2, 3])
    t.equal(heir.journal.unsettled, 3)
    for (const { settled } of heard) settled()
    t.equal(heir.journal.unsettled, 0)
    await heir.close()
    const connection = await connectTo(t, server)
    t.strictSame(await connection.send(['KEYS', '*journal*']), [], 'and no trace is left')
  },
)

t.test('of several, one gets what a dead process owned, after ten seconds', options, async (t) => {
  const server = await RedisServer.start(t)
  const connection = await connectTo(t, server)
  const clocks = [new FakeClock(), new FakeClock(), new FakeClock()]
  const stores = await Promise.all(clocks.map((clock) => openAt(server, { clock })))
  const [dead, ...others] = stores
  if (dead === undefined) return
  const heard: number[] = []
  for (const { journal } of others) journal.claimed((record) => heard.push(identifierOf(record)))
  put(dead, 0, 2)
  await dead.journal.flush()
  const before = new Set(await connection.send(['KEYS', '*alive*']).then(String))
  t.ok(before.size > 0)
  // Its clock stands still: it does not renew its lease any more, and Redis is told that it is over.
  const owners = (await connection.send(['HGETALL', '{test}:journals'])) as Buffer[]
  const lengths = await Promise.all(
    [0, 2, 4].map(async (at) => ({
      owner: String(owners[at + 1]),
      entries: await connection.send(['HLEN', `{test}:journal:${String(owners[at])}`]),
    })),
  )
  const victim = lengths.find(({ entries }) => entries === 1)?.owner ?? ''
  await connection.send(['DEL', `{test}:alive:${victim}`])
  await Promise.all(clocks.slice(1).map((clock) => pass(clock, 9000)))
  t.strictSame(heard, [], 'who has not been steady for as long takes nothing')
  await Promise.all(clocks.slice(1).map((clock) => pass(clock, 4000)))
  await untilAtLeast(() => heard.length, 2)
  t.strictSame(heard, [0, 1])
  await Promise.all(stores.map((store) => store.close()))
})

t.test('a Redis that comes back with nothing is given everything again', options, async (t) => {
  const server = await RedisServer.start(t)
  const events: string[] = []
  const store = await openAt(server, { events })
  const early = put(store, 0, 3)
  store.feedback.add('app', 'aa', 100)
  await store.journal.flush()
  await server.kill()
  await until(() => !store.isReachable)
  early.settled(0)
  const late = put(store, 3, 2)
  store.feedback.add('app', 'bb', 200)
  late.settled(0)
  t.ok(store.journal.healthy)
  await server.restart()
  await until(() => store.isReachable)
  t.strictSame(events, ['lost', 'back'])
  put(store, 5, 1)
  await store.close()
  const next = await openAt(server)
  t.strictSame([...next.journal.recover()].map(identifierOf), [1, 2, 4, 5])
  const { tuples } = await next.feedback.hold('app')
  t.strictSame(
    tuples.map(({ token }) => token.toString('hex')),
    ['bb'],
    'but for feedback that it had confirmed',
  )
  await next.close()
})

t.test('a Redis that forgets while it is connected is found out', options, async (t) => {
  const server = await RedisServer.start(t)
  const connection = await connectTo(t, server)
  const clock = new FakeClock()
  const events: string[] = []
  const store = await openAt(server, { clock, events })
  put(store, 0, 3)
  await store.journal.flush()
  await connection.send(['FLUSHALL'])
  await pass(clock, 2500)
  await store.journal.flush()
  const journals = (await connection.send(['KEYS', '*journal:*'])) as Buffer[]
  t.equal(await connection.send(['HLEN', String(journals[0])]), 1)
  t.strictSame(events, [])
  await store.close()
})

t.test('a Redis that is full is relieved of what is settled, and takes on', options, async (t) => {
  const server = await RedisServer.start(t)
  const connection = await connectTo(t, server)
  const store = await openAt(server)
  const batch = put(store, 0, 3)
  await store.journal.flush()
  const [name] = (await connection.send(['HGETALL', '{test}:journals'])) as Buffer[]
  const key = `{test}:journal:${String(name)}`
  t.equal(await connection.send(['HLEN', key]), 1)
  await connection.send(['CONFIG', 'SET', 'maxmemory', '1'])
  put(store, 3, 1)
  await until(() => !store.isReachable)
  for (const index of [0, 1, 2]) batch.settled(index)
  while ((await connection.send(['HLEN', key])) !== 0) await setTimeout(10)
  await connection.send(['CONFIG', 'SET', 'maxmemory', '0'])
  await until(() => store.isReachable)
  await store.close()
  const next = await openAt(server)
  t.strictSame([...next.journal.recover()].map(identifierOf), [3])
  await next.close()
})

t.test('who was taken for dead goes on under another name', options, async (t) => {
  const server = await RedisServer.start(t)
  const connection = await connectTo(t, server)
  const clock = new FakeClock()
  const store = await openAt(server, { clock })
  const batch = put(store, 0, 2)
  await store.journal.flush()
  const [name] = (await connection.send(['HGETALL', '{test}:journals'])) as Buffer[]
  await connection.send(['HSET', '{test}:journals', String(name), 'another'])
  const [alive] = (await connection.send(['KEYS', '*alive*'])) as Buffer[]
  await connection.send(['DEL', String(alive)])
  await pass(clock, 2500)
  await store.journal.flush()
  batch.settled(0)
  await pass(clock, 500)
  await store.journal.flush()
  const owners = (await connection.send(['HGETALL', '{test}:journals'])) as Buffer[]
  t.equal(owners.length, 4)
  t.equal(await connection.send(['HLEN', `{test}:journal:${String(name)}`]), 1, 'not touched')
  await store.close()
  const next = await openAt(server)
  t.strictSame([...next.journal.recover()].map(identifierOf), [1])
  await next.close()
})

t.test('a Redis that stands still stops nobody, but has its bound', options, async (t) => {
  const server = await RedisServer.start(t)
  const events: string[] = []
  const store = await openAt(server, { events, maxUnwritten: 100 })
  put(store, 0, 50)
  await store.journal.flush()
  server.pause()
  const batches = numbers(0, 99).map((number) => put(store, 100 + number, 1))
  t.ok(store.journal.healthy)
  const last = put(store, 199, 1)
  t.notOk(store.journal.healthy)
  last.settled(0)
  t.ok(store.journal.healthy, 'what is delivered need not be written')
  await until(() => !store.isReachable)
  for (const batch of batches.slice(0, 49)) batch.settled(0)
  server.resume()
  await until(() => store.isReachable)
  await store.journal.flush()
  t.strictSame(events, ['lost', 'back'])
  await store.close()
  const next = await openAt(server)
  t.strictSame([...next.journal.recover()].map(identifierOf), [
    ...numbers(0, 50),
    ...numbers(149, 50),
  ])
  await next.close()
})

t.test(
  'nothing is lost by a Redis that is killed again and again under puts',
  options,
  async (t) => {
    const server = await RedisServer.start(t)
    const store = await openAt(server)
    const left: number[] = []
    for (let number = 0; number < 3000; number++) {
      const batch = put(store, number, 1)
      if (number % 3 === 0) left.push(number)
      else
        setImmediate(() => {
          batch.settled(0)
        })
      if (number % 1000 === 500) {
        await server.kill()
        await server.restart()
      }
      if (number % 100 === 0) await setTimeout(1)
    }
    await until(() => store.isReachable)
    await store.close()
    const next = await openAt(server)
    t.strictSame(new Set([...next.journal.recover()].map(identifierOf)), new Set(left))
    await next.close()
  },
)

t.test('a feedback entry is read once, whichever process is asked', options, async (t) => {
  const server = await RedisServer.start(t)
  const [one, other] = await Promise.all([openAt(server), openAt(server)])
  one.feedback.add('app', 'aa', 100)
  one.feedback.add('app', 'bb', 100)
  await untilIs(() => other.feedback.count('app'), 2)
  other.feedback.drop('app', 'aa')
  const hold = await other.feedback.hold('app')
  t.strictSame(hold.tuples, [{ timestamp: 100, token: Buffer.from([0xbb]) }])
  t.strictSame((await one.feedback.hold('app')).tuples, [])
  hold.release()
  let again = await one.feedback.hold('app')
  while (again.tuples.length === 0) again = await one.feedback.hold('app')
  t.equal(again.tuples.length, 1)
  await again.forget()
  t.strictSame((await other.feedback.hold('app')).tuples, [])
  await Promise.all([one.close(), other.close()])
})

t.test('a dead reader has its entries for two minutes', options, async (t) => {
  const server = await RedisServer.start(t)
  const connection = await connectTo(t, server)
  const store = await openAt(server)
  store.feedback.add('app', 'aa', 100)
  await store.feedback.hold('app')
  t.strictSame((await store.feedback.hold('app')).tuples, [])
  const [reader, end] = (await connection.send([
    'ZRANGE',
    '{test}:readers:app',
    '0',
    '0',
    'WITHSCORES',
  ])) as Buffer[]
  const leftMs = Number(end) - systemClock.now()
  t.ok(leftMs > 100_000 && leftMs <= 121_000)
  await connection.send(['ZADD', '{test}:readers:app', '1', String(reader)])
  t.equal((await store.feedback.hold('app')).tuples.length, 1)
  await store.close()
})

t.test(
  'all hear the same events in the same order, and who comes later, too',
  options,
  async (t) => {
    const server = await RedisServer.start(t)
    const stores = await Promise.all([openAt(server), openAt(server)])
    const heard: LoggedEvent[][] = [[], [], []]
    const listen = (store: Store, into: LoggedEvent[] | undefined): void => {
      store.eventLog.listen('app', (event) => into?.push(event))
    }
    for (const [index, store] of stores.entries()) listen(store, heard[index])
    for (let number = 0; number < 50; number++)
      for (const [index, { eventLog }] of stores.entries()) {
        eventLog.append('app', { index, number })
        if (number % 10 === 0) await setTimeout(1)
      }
    await until(() => heard[0]?.length === 100 && heard[1]?.length === 100)
    const late = await openAt(server)
    listen(late, heard[2])
    const plain = heard.map((list) => list.map(({ event, position }) => ({ event, position })))
    t.strictSame(plain[0], plain[1])
    t.strictSame(plain[2], plain[0])
    t.strictSame(
      heard.map((list) => list.filter(({ own }) => own).length),
      [50, 50, 0],
    )
    await Promise.all([...stores, late].map((store) => store.close()))
  },
)

t.test('what no proxy has written into the event log makes nobody deaf', options, async (t) => {
  const server = await RedisServer.start(t)
  const events: string[] = []
  const [store, other] = [await openAt(server), await openAt(server, { events })]
  const heard: unknown[] = []
  other.eventLog.listen('app', ({ event }) => heard.push(event))
  const connection = await connectTo(t, server)
  for (const text of ['no JSON', 'null', '{}', '[1,2,3]'])
    await connection.send(['XADD', '{test}:event-log', '*', 'e', text])
  await connection.send(['XADD', '{test}:event-log', '*', 'else', ''])
  store.eventLog.append('app', 1)
  // The name of the event log of the feedback lists is empty.
  await connection.send(['XADD', '{test}:event-log', '*', 'e', '["foreign",1,"",null]'])
  await untilIs(() => heard.length, 1)
  await untilIs(() => events.length, 6)
  t.same(new Set(events), new Set(['damaged']))
  await Promise.all([store.close(), other.close()])
})

t.test('who cannot be heard by others hears itself, once, and rising', options, async (t) => {
  const server = await RedisServer.start(t)
  const store = await openAt(server)
  const heard: LoggedEvent[] = []
  store.eventLog.listen('app', (event) => heard.push(event))
  store.eventLog.append('app', 0)
  await untilIs(() => heard.length, 1)
  server.pause()
  store.eventLog.append('app', 1)
  t.equal(heard.length, 1)
  await untilIs(() => heard.length, 2)
  await until(() => !store.isReachable)
  store.eventLog.append('app', 2)
  t.equal(heard.length, 3, 'at once')
  server.resume()
  await until(() => store.isReachable)
  store.eventLog.append('app', 3)
  await untilIs(() => heard.length, 4)
  t.strictSame(
    heard.map(({ event }) => event),
    [0, 1, 2, 3],
  )
  const positions = heard.map(({ position }) => position)
  t.strictSame(
    [...positions].sort((one, next) => one - next),
    positions,
  )
  const late = await openAt(server)
  const missed: unknown[] = []
  late.eventLog.listen('app', ({ event }) => missed.push(event))
  t.strictSame(missed, [0, 1, 2, 3], 'the others are told what they have missed')
  await Promise.all([store.close(), late.close()])
})

t.test(
  'says what is wrong with a Redis that refuses, and waits for one that is away',
  options,
  async (t) => {
    const server = await RedisServer.start(t, '--requirepass', 'right')
    const deps = {
      clock: systemClock,
      told,
      maxUnwritten: 1,
      emit: () => undefined,
    }
    const opening = (url: string): Promise<Store> => openRedisStore(accessTo(url), deps)
    const place = `127.0.0.1:${server.port}`
    await t.rejects(opening(`redis://${place}`), {
      name: 'RedisFault',
      message: /storePasswordFile/,
    })
    const wrong = opening(`redis://:wrong@${place}`)
    await t.rejects(wrong, {
      name: 'RedisFault',
      message: /rejects the user or password; correct store/,
    })
    await wrong.catch((error: unknown) => t.notMatch(String(error), /wrong@/))
    await t.rejects(opening(`redis://:right@${place}/99`), { message: /database/ })
    await t.rejects(opening(`redis+sentinel://${place}/one`), { name: 'RedisFault' })
    await server.kill()
    const waiting = opening(`redis://:right@${place}`)
    await setTimeout(300)
    await server.restart()
    await (await waiting).close()
  },
)

t.test('the first provider token is that of all, until it is too old', options, async (t) => {
  const server = await RedisServer.start(t)
  const [one, other] = await Promise.all([openAt(server), openAt(server)])
  const token = (jwt: string, issuedAtMs: number): StoredToken => ({ jwt, issuedAtMs })
  const agree = (store: Store | undefined, own: StoredToken, sinceMs: number): unknown =>
    store?.tokens?.agree('key', own, sinceMs)
  t.strictSame(await agree(one, token('a', 100), 0), token('a', 100))
  t.strictSame(await agree(other, token('b', 200), 99), token('a', 100))
  t.strictSame(await agree(other, token('c', 300), 100), token('c', 300))
  t.strictSame(await agree(one, token('d', 301), 200), token('c', 300))
  await Promise.all([one.close(), other.close()])
  t.strictSame(await agree(one, token('e', 1), 0), token('e', 1), 'its own without Redis')
})
