/** The store of a worker: conformance over a channel, and what becomes of a worker that is gone. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { deserialize, serialize } from 'node:v8'
import t, { type Test } from 'tap'
import { systemClock } from '../../src/clock.ts'
import type { EmbeddedStore, EntryBatch } from '../../src/store/entry-journal.ts'
import { openLmdbStore } from '../../src/store/lmdb-store.ts'
import type { StoreRequest } from '../../src/store/store-message.ts'
import { StoreHost, type Client } from '../../src/store/store-host.ts'
import type { RecoveredRecord, Store, StoredToken, LoggedEvent } from '../../src/store/store.ts'
import { WorkerStore } from '../../src/store/worker-store.ts'
import { untilIs } from '../fixtures/condition.ts'
import { conformance, numberedRecord } from './conformance.ts'

const observer = {
  writeFailed(error: Error): void {
    throw error
  },
  writeRecovered(): void {
    throw new Error('nothing had failed')
  },
}

function makeDirectory(t: Test): string {
  const directory = mkdtempSync(join(tmpdir(), 'store-'))
  t.teardown(() => {
    rmSync(directory, { recursive: true })
  })
  return directory
}

function openKept(directory: string): Promise<EmbeddedStore> {
  return openLmdbStore(directory, { clock: systemClock, observer })
}

/** A process with a store of its host's; both ends get copies, in order, and never at once. */
class Apart {
  readonly store: WorkerStore
  readonly claimed: RecoveredRecord[] = []
  readonly channel = {
    isFull: false,
    send: (requests: readonly StoreRequest[]): void => {
      this.#soon(requests, (copy) => {
        this.#client.receive(copy)
      })
    },
  }
  readonly #client: Client
  #onItsWay = 0

  constructor(host: StoreHost) {
    this.store = new WorkerStore(this.channel, systemClock)
    this.#client = host.attach((answers) => {
      return new Promise((resolve) => {
        this.#soon(answers, (copy) => {
          this.store.receive(copy)
          resolve()
        })
      })
    })
    this.store.journal.claimed((record) => this.claimed.push(record))
  }

  /** Waits for what was said, and for what comes of it. */
  async quiet(): Promise<void> {
    await new Promise(setImmediate)
    await untilIs(() => this.#onItsWay, 0)
  }

  async end(): Promise<void> {
    await this.quiet()
    this.#client.gone()
  }

  #soon<T>(value: T, receive: (copy: T) => void): void {
    const bytes = serialize(value)
    this.#onItsWay++
    setImmediate(() => {
      this.#onItsWay--
      receive(deserialize(bytes) as T)
    })
  }
}

/** As a store that one process has: what was left behind is recovered, not claimed. */
async function openAsOne(directory: string): Promise<Store> {
  const kept = await openKept(directory)
  const host = new StoreHost(kept)
  const apart = new Apart(host)
  await apart.quiet()
  await host.handOut()
  const { journal, feedback, eventLog } = apart.store
  let closed: Promise<void> | undefined
  const close = async (): Promise<void> => {
    await apart.store.close()
    await apart.end()
    await kept.close()
  }
  return {
    journal: {
      put: (route, records) => journal.put(route, records),
      recover: () => apart.claimed.splice(0),
      claimed: () => undefined,
      flush: () => journal.flush(),
      get unsettled() {
        return journal.unsettled
      },
      get healthy() {
        return journal.healthy
      },
    },
    feedback,
    eventLog,
    isReachable: true,
    bytes: undefined,
    close: () => (closed ??= close()),
  }
}

conformance('a worker', (t) => {
  const directory = makeDirectory(t)
  return () => openAsOne(directory)
})

interface Scene {
  readonly kept: EmbeddedStore
  readonly host: StoreHost
}

async function setScene(t: Test): Promise<Scene> {
  const kept = await openKept(makeDirectory(t))
  t.teardown(() => kept.close())
  return { kept, host: new StoreHost(kept) }
}

function numbers(claimed: readonly RecoveredRecord[]): (number | undefined)[] {
  return claimed.map(({ record }) => record.notification.identifier)
}

t.test('what a worker leaves unsettled is claimed by those that live, and settled', async (t) => {
  const { kept, host } = await setScene(t)
  const [dead, ...living] = [new Apart(host), new Apart(host), new Apart(host)]
  const batch = dead.store.journal.put('app', [0, 1, 2].map(numberedRecord))
  batch.settled(1)
  dead.store.journal.put('app', [numberedRecord(3)]).settled(0)
  for (let number = 4; number < 3000; number++)
    dead.store.journal.put('app', [numberedRecord(number)])
  await dead.store.journal.flush()
  await dead.end()
  t.equal(host.orphaned, 2998)
  await host.handOut()
  await Promise.all(living.map((one) => one.quiet()))
  t.equal(host.orphaned, 0)
  for (const { claimed } of living) t.ok(claimed.length > 100, 'in pieces, to each in turn')
  t.strictSame(
    living
      .flatMap(({ claimed }) => numbers(claimed))
      .sort((one, other) => Number(one) - Number(other)),
    [0, 2, ...Array.from({ length: 2996 }, (_, index) => index + 4)],
  )
  t.equal(kept.journal.unsettled, 2998)
  for (const { claimed, store } of living) {
    for (const { settled } of claimed) settled()
    await store.journal.flush()
  }
  t.equal(kept.journal.unsettled, 0)
})

t.test('however much a worker leaves, it is handed out', async (t) => {
  const { host } = await setScene(t)
  const dead = host.attach(() => Promise.resolve())
  let claimed = 0
  const living = host.attach((answers) => {
    claimed += answers.filter(({ kind }) => kind === 'claimed').length
    return Promise.resolve()
  })
  living.receive([{ kind: 'claim' }])
  const batch: EntryBatch = {
    remaining: 1,
    rest: () => ({ entry: Buffer.alloc(100), settled: undefined }),
    settled: () => undefined,
    settledAs: () => undefined,
    settledAll: () => undefined,
  }
  const count = 300_000
  host.left(
    dead,
    Array.from({ length: count }, () => batch),
  )
  await host.handOut()
  t.equal(claimed, count)
  t.equal(host.orphaned, 0)
})

t.test('what is nobody’s waits for a worker that takes it', async (t) => {
  const { host } = await setScene(t)
  const first = new Apart(host)
  first.store.journal.put('app', [numberedRecord(1)])
  await first.store.journal.flush()
  await first.end()
  await host.handOut()
  t.equal(host.orphaned, 1)
  const second = new Apart(host)
  await second.quiet()
  t.strictSame(second.claimed, [], 'not before it is handed out')
  await host.handOut()
  await second.quiet()
  t.strictSame(numbers(second.claimed), [1])
})

t.test('a full channel, or a store that cannot write, makes a worker wait', async (t) => {
  const { kept, host } = await setScene(t)
  const worker = new Apart(host)
  t.ok(worker.store.journal.healthy)
  worker.channel.isFull = true
  t.notOk(worker.store.journal.healthy)
  worker.channel.isFull = false
  Object.defineProperty(kept.journal, 'healthy', { value: false })
  host.healthChanged()
  await worker.quiet()
  t.notOk(worker.store.journal.healthy)
  const late = new Apart(host)
  await late.quiet()
  t.notOk(late.store.journal.healthy)
})

t.test('the first provider token of a key is everybody’s until it is too old', async (t) => {
  const kept = await openKept(makeDirectory(t))
  const host = new StoreHost(kept)
  const [one, other] = [new Apart(host), new Apart(host)]
  const token = (jwt: string, issuedAtMs: number): StoredToken => ({ jwt, issuedAtMs })
  t.same(await one.store.tokens.agree('key', token('first', 1000), 0), token('first', 1000))
  t.same(await other.store.tokens.agree('key', token('second', 1001), 0), token('first', 1000))
  t.same(await other.store.tokens.agree('else', token('third', 1002), 0), token('third', 1002))
  t.same(
    await other.store.tokens.agree('key', token('fourth', 3000), 1000),
    token('fourth', 3000),
    'none was issued since',
  )
  await one.end()
  await other.end()
  await kept.close()
})

t.test('all hear the same events in the same order, each its own ones as such', async (t) => {
  const { host } = await setScene(t)
  const workers = [new Apart(host), new Apart(host), new Apart(host)]
  const told = workers.map(() => [] as LoggedEvent[])
  for (const [index, { store }] of workers.entries())
    if (index < 2) store.eventLog.listen('app', (one) => told[index]?.push(one))
  await Promise.all(workers.map((one) => one.quiet()))
  for (let round = 0; round < 20; round++)
    for (const [index, { store }] of workers.entries()) store.eventLog.append('app', { index })
  await Promise.all(workers.map((one) => one.quiet()))
  const [first = [], second = [], third] = told
  const order = (list: readonly LoggedEvent[]): unknown[] =>
    list.map(({ event, position, atMs }) => [event, position, atMs])
  t.equal(first.length, 60)
  t.strictSame(order(first), order(second))
  t.strictSame(third, [], 'has not asked for it')
  for (const [index, list] of [first, second].entries())
    for (const { event, own } of list) t.equal(own, (event as { index: number }).index === index)
})

t.test('a worker that starts later hears what was said before, in the same order', async (t) => {
  const { host } = await setScene(t)
  const [early, late] = [new Apart(host), new Apart(host)]
  const told: [LoggedEvent[], LoggedEvent[]] = [[], []]
  early.store.eventLog.listen('app', (one) => told[0].push(one))
  for (let number = 0; number < 5; number++) early.store.eventLog.append('app', { number })
  await early.quiet()
  late.store.eventLog.listen('app', (one) => told[1].push(one))
  late.store.eventLog.append('app', { number: 5 })
  await late.quiet()
  await early.quiet()
  const positions = (list: readonly LoggedEvent[]): number[] => list.map(({ position }) => position)
  t.equal(told[1].length, 6)
  t.strictSame(positions(told[1]), positions(told[0]))
  t.strictSame(
    told[1].map(({ own }) => own),
    [false, false, false, false, false, true],
  )
})

t.test(
  'an entry of feedback has one reader, and is free again when that worker ends',
  async (t) => {
    const { host } = await setScene(t)
    const [reader, other] = [new Apart(host), new Apart(host)]
    reader.store.feedback.add('app', 'aa', 100)
    await other.quiet()
    t.equal(other.store.feedback.count('app'), 1)
    const hold = await reader.store.feedback.hold('app')
    t.equal(hold.tuples.length, 1)
    t.strictSame((await other.store.feedback.hold('app')).tuples, [])
    await reader.end()
    const next = await other.store.feedback.hold('app')
    t.equal(next.tuples.length, 1)
    other.store.feedback.add('app', 'bb', 100)
    const late = new Apart(host)
    await late.quiet()
    t.equal(late.store.feedback.count('app'), 2, 'known to a worker that starts')
    late.store.feedback.drop('app', 'bb')
    await next.forget()
    t.equal(other.store.feedback.count('app'), 0)
    await late.quiet()
    t.equal(late.store.feedback.count('app'), 0)
  },
)
