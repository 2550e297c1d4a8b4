/** What every store must do, whatever keeps it; each kind of store runs this from its own test. */
import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import t, { type Test } from 'tap'
import type { FeedbackTuple } from '../../src/binary/feedback-tuple.ts'
import { systemClock } from '../../src/timing/clock.ts'
import type {
  JournalRecord,
  LoggedEvent,
  Store,
  ToldRange,
  ToldRecord,
} from '../../src/store/store.ts'
import type { ToldLimits } from '../../src/store/told.ts'
import { until } from '../fixtures/condition.ts'

/** Opens the same storage again and again, once what was opened before is closed. */
export type OpenStore = () => Promise<Store>

/** What the stores of the tests keep of what senders were told. */
export const told: ToldLimits = { keepDays: 30, maxEntries: 1000 }

/** A record that is told apart by its number. */
export function numberedRecord(number: number): JournalRecord {
  return {
    apnsId: `00000000-0000-4000-8000-${String(number).padStart(12, '0')}`,
    receivedAtMs: 1_617_148_800_000.25 + number,
    notification: {
      kind: 'notification',
      command: number % 2 === 0 ? 2 : 1,
      identifier: number,
      token: Buffer.alloc(32, number),
      payload: Buffer.from(`{"aps":{"badge":${number}}}`),
      expiration: 4_294_967_295,
      priority: number % 2 === 0 ? 5 : undefined,
    },
  }
}

const bare: JournalRecord = {
  apnsId: 'ffffffff-ffff-4fff-bfff-ffffffffffff',
  receivedAtMs: 0,
  notification: {
    kind: 'notification',
    command: 0,
    identifier: undefined,
    token: Buffer.alloc(100, 0xff),
    payload: Buffer.alloc(5120, 0x20),
    expiration: undefined,
    priority: undefined,
  },
}

/** Runs the suite on storage that `storage` makes anew for each test. */
export function conformance(name: string, storage: (t: Test) => OpenStore): void {
  t.test(`${name} gives back to the next process what was not settled, oldest first`, async (t) => {
    const open = storage(t)
    const store = await open()
    const records = [0, 1, 2].map(numberedRecord)
    const first = store.journal.put('app', records)
    store.journal.put('Grüße, MDM', [bare])
    store.journal.put('app', [numberedRecord(7)])
    first.settled(1)
    first.settled(1)
    t.equal(store.journal.unsettled, 4)
    await store.close()

    const next = await open()
    t.equal(next.journal.unsettled, 4)
    const recovered = [...next.journal.recover()].map(({ route, record }) => ({ route, record }))
    t.strictSame(recovered, [
      { route: 'app', record: records[0] },
      { route: 'app', record: records[2] },
      { route: 'Grüße, MDM', record: bare },
      { route: 'app', record: numberedRecord(7) },
    ])
    t.strictSame([...next.journal.recover()], [], 'once only')
    await next.close()
  })

  t.test(`${name} keeps no trace of what is settled, now or after a recovery`, async (t) => {
    const open = storage(t)
    const store = await open()
    const batch = store.journal.put('app', [0, 1, 2, 3, 4, 5, 6, 7, 8].map(numberedRecord))
    const single = store.journal.put('app', [numberedRecord(9)])
    await store.journal.flush()
    for (const index of [0, 8, 3, -1, 9]) batch.settled(index)
    single.settled(0)
    await store.journal.flush()
    t.equal(store.journal.unsettled, 6)
    await store.close()

    const next = await open()
    for (const { settled } of next.journal.recover()) {
      settled()
      settled()
    }
    t.equal(next.journal.unsettled, 0)
    await next.close()

    const last = await open()
    t.strictSame([...last.journal.recover()], [])
    t.ok(last.journal.healthy)
    await last.close()
  })

  t.test(`${name} takes a read of nothing, and settlements of what is not there`, async (t) => {
    const store = await storage(t)()
    store.journal.put('app', []).settled(0)
    t.equal(store.journal.unsettled, 0)
    await store.journal.flush()
    await store.close()
  })

  t.test(`${name} closes twice, and takes no harm from late calls`, async (t) => {
    const store = await storage(t)()
    const batch = store.journal.put('app', [numberedRecord(0)])
    await Promise.all([store.close(), store.close()])
    batch.settled(0)
    store.journal.put('app', [numberedRecord(1)])
    store.feedback.add('app', 'ab', 1)
    await store.journal.flush()
    await store.close()
  })

  t.test(`${name} keeps the latest timestamp of a token, over restarts`, async (t) => {
    const open = storage(t)
    const store = await open()
    store.feedback.add('app', 'aa', 100)
    store.feedback.add('app', 'bb', 200)
    store.feedback.add('app', 'aa', 300)
    store.feedback.add('app', 'bb', 150)
    store.feedback.add('mdm', 'aa', 4_294_967_295)
    t.equal(store.feedback.count('app'), 2)
    await store.close()

    const next = await open()
    t.strictSame(await list(next, 'app'), [
      { timestamp: 300, token: Buffer.from([0xaa]) },
      { timestamp: 200, token: Buffer.from([0xbb]) },
    ])
    t.strictSame(await list(next, 'mdm'), [
      { timestamp: 4_294_967_295, token: Buffer.from([0xaa]) },
    ])
    t.strictSame(await list(next, 'none'), [])
    t.equal(next.feedback.count('none'), 0)
    await next.close()
  })

  t.test(`${name} forgets a token that was delivered to or read, in its route only`, async (t) => {
    const open = storage(t)
    const store = await open()
    for (const route of ['app', 'mdm'])
      for (const token of ['aa', 'bb', 'cc']) store.feedback.add(route, token, 100)
    store.feedback.drop('app', 'aa')
    store.feedback.drop('none', 'aa')
    const read = await store.feedback.hold('mdm')
    store.feedback.add('mdm', 'bb', 101)
    await read.forget()
    await store.close()

    const next = await open()
    t.equal(next.feedback.count('app'), 2)
    t.strictSame(await list(next, 'mdm'), [{ timestamp: 101, token: Buffer.from([0xbb]) }])
    await next.close()
  })

  t.test(`${name} gives an entry to one reader, and to another if that one fails`, async (t) => {
    const store = await storage(t)()
    for (let number = 0; number < 1200; number++)
      store.feedback.add('app', number.toString(16).padStart(64, '0'), 100)
    const first = await store.feedback.hold('app')
    t.equal(first.tuples.length, 1200)
    t.strictSame(await list(store, 'app'), [])
    store.feedback.add('app', 'aa', 100)
    store.feedback.add('app', '00'.repeat(32), 101)
    const second = await store.feedback.hold('app')
    t.strictSame(second.tuples.map(({ timestamp }) => timestamp).sort(), [100, 101])
    first.release()
    const third = await store.feedback.hold('app')
    t.equal(third.tuples.length, 1199, 'all but what the second has')
    await third.forget()
    t.equal(store.feedback.count('app'), 2)
    await second.forget()
    t.equal(store.feedback.count('app'), 0)
    await store.close()
  })

  t.test(`${name} tells the events of each route in one order`, async (t) => {
    const store = await storage(t)()
    const { eventLog } = store
    const told: LoggedEvent[] = []
    const heard = new Promise<void>((resolve) => {
      eventLog.listen('app', (one) => {
        told.push(one)
        if (told.length === 1) eventLog.append('app', 'an answer')
        if (told.length === 4) resolve()
      })
    })
    eventLog.listen('mdm', () => undefined)
    eventLog.append('app', { n: 1, list: [['a', null]] })
    eventLog.append('mdm', 'of no concern')
    eventLog.append('app', 'two')
    eventLog.append('none', 'heard by nobody')
    eventLog.append('app', 'three')
    await heard
    t.strictSame(told[0]?.event, { n: 1, list: [['a', null]] })
    t.strictSame(
      told
        .map(({ event }) => event)
        .slice(1)
        .sort(),
      ['an answer', 'three', 'two'],
    )
    for (const [index, { position, atMs, own }] of told.entries()) {
      t.ok(own)
      t.ok(Number.isSafeInteger(position))
      t.ok(index === 0 || position > (told[index - 1]?.position ?? 0), 'positions rise')
      t.ok(Math.abs(atMs - systemClock.now()) < 10_000)
    }
    await store.close()
  })

  t.test(`${name} tells every listener of a route, until it ends`, async (t) => {
    const store = await storage(t)()
    const { eventLog } = store
    const told: LoggedEvent[][] = [[], []]
    const [end, endOther] = told.map((into) => eventLog.listen('app', (one) => into.push(one)))
    eventLog.append('app', 'to both')
    await until(() => told.every(({ length }) => length === 1))
    t.strictSame(told[0], told[1], 'at the same position')
    end?.()
    end?.()
    eventLog.append('app', 'to the one that is left')
    await until(() => told[1]?.length === 2)
    t.equal(told[0]?.length, 1)
    endOther?.()
    const later: unknown[] = []
    eventLog.listen('app', ({ event }) => later.push(event))
    eventLog.append('app', 'to who comes after them')
    await until(() => later.length === 1)
    t.strictSame(later, ['to who comes after them'])
    t.equal(told[1]?.length, 2)
    await store.close()
  })

  t.test(`${name} keeps what senders were told, over restarts, in the order of time`, async (t) => {
    const open = storage(t)
    const store = await open()
    const now = systemClock.now()
    const records = [3, 2, 1, 0].map((age) => toldRecord(age, now - age * 60_000))
    for (const record of records) store.told.add(record)
    const range = { sinceMs: now - 2 * 60_000, untilMs: now }
    t.strictSame(await listTold(store, 4), records)
    t.strictSame(await listTold(store, 2, range), records.slice(1, 3))
    await store.close()

    const next = await open()
    next.told.add(toldRecord(9, now))
    t.strictSame(await listTold(next, 5), [...records, toldRecord(9, now)])
    await next.close()
  })

  t.test(`${name} keeps the latest of too many that were told in one moment`, async (t) => {
    const open = storage(t)
    const store = await open()
    const now = systemClock.now()
    const records = Array.from({ length: 2300 }, (_, number) => toldRecord(number, now))
    for (const record of records) store.told.add(record)
    const latest = records.slice(-told.maxEntries)
    t.strictSame(await listTold(store, latest.length, { last: latest.at(-1) }), latest)
    await store.close()
  })

  t.test(`${name} gives to a reader what is told while the reader reads`, async (t) => {
    const store = await storage(t)()
    const now = systemClock.now()
    for (let number = 0; number < 900; number++) store.told.add(toldRecord(number, now))
    await listTold(store, 900)
    let number = 900
    const seen: string[] = []
    for await (const { token } of store.told.read({ sinceMs: 0, untilMs: Infinity })) {
      seen.push(token)
      if (number < 950) store.told.add(toldRecord(number++, now))
    }
    t.strictSame(
      seen.slice(0, 900),
      Array.from({ length: 900 }, (_, at) => toldRecord(at, 0).token),
    )
    t.equal((await listTold(store, 950)).length, 950)
    await store.close()
  })

  t.test(`${name} refuses timestamps that are not in seconds`, async (t) => {
    const store = await storage(t)()
    for (const timestamp of [1_617_148_800_000, 1.5, -1, NaN])
      t.throws(() => {
        store.feedback.add('app', 'aa', timestamp)
      }, RangeError)
    await store.close()
  })

  t.test(`${name} agrees with a plain map, whatever happens in whatever order`, async (t) => {
    await fc.assert(
      fc.asyncProperty(fc.commands(commands, { maxCommands: 60 }), async (run) => {
        const open = storage(t)
        const real: Real = { open, store: await open(), handles: new Map() }
        await fc.asyncModelRun(
          () => ({ model: { next: 0, unsettled: new Map(), feedback: new Map() }, real }),
          run,
        )
        await real.store.close()
      }),
      { numRuns: 40 },
    )
  })
}

function toldRecord(number: number, atMs: number): ToldRecord {
  const token = number.toString(16).padStart(64, '0')
  const common = { atMs, route: 'Grüße, MDM', sender: 'ab'.repeat(32), token }
  return number % 2 === 0
    ? { ...common, kind: 'feedback', reason: 'Unregistered', timestamp: 4_294_967_295 }
    : { ...common, kind: 'error-response', reason: 'BadDeviceToken', apnsId: 'x', identifier: 0 }
}

/** All that is written, once there are so many and the last one is as given. */
async function listTold(
  { told }: Store,
  count: number,
  { last, ...range }: Partial<ToldRange> & { readonly last?: ToldRecord | undefined } = {},
): Promise<readonly ToldRecord[]> {
  let records: ToldRecord[] = []
  await until(
    async () => {
      records = []
      for await (const one of told.read({ sinceMs: 0, untilMs: Infinity, ...range }))
        records.push(one)
      const isLast = last === undefined || isDeepStrictEqual(records.at(-1), last)
      return records.length === count && isLast
    },
    { seen: () => records.length },
  )
  return records
}

/** What a reader would be given. */
async function list({ feedback }: Store, route: string): Promise<readonly FeedbackTuple[]> {
  const hold = await feedback.hold(route)
  hold.release()
  return hold.tuples
}

interface Model {
  next: number
  /** Route by number of the record. */
  readonly unsettled: Map<number, string>
  /** Timestamp by route and token. */
  readonly feedback: Map<string, Map<string, number>>
}

interface Real {
  readonly open: OpenStore
  store: Store
  /** How to settle a record, by its number. */
  readonly handles: Map<number, () => void>
}

type Step = fc.AsyncCommand<Model, Real>

function step(name: string, run: (model: Model, real: Real) => void | Promise<void>): Step {
  return {
    check: () => true,
    toString: () => name,
    run: async (model, real) => {
      await run(model, real)
      await compare(model, real.store)
    },
  }
}

async function compare(model: Model, store: Store): Promise<void> {
  if (store.journal.unsettled !== model.unsettled.size) throw new Error('unsettled differs')
  for (const route of ['app', 'mdm']) {
    const expected = [...(model.feedback.get(route) ?? [])].sort()
    const found = (await list(store, route))
      .map(({ token, timestamp }) => [token.toString('hex'), timestamp])
      .sort()
    if (!isDeepStrictEqual(found, expected)) throw new Error('feedback differs')
    if (store.feedback.count(route) !== expected.length) throw new Error('count differs')
  }
}

function put(route: string, count: number): Step {
  return step(`put ${count} of ${route}`, (model, { store, handles }) => {
    const numbers = Array.from({ length: count }, () => model.next++)
    const batch = store.journal.put(route, numbers.map(numberedRecord))
    for (const [index, number] of numbers.entries()) {
      model.unsettled.set(number, route)
      handles.set(number, () => {
        batch.settled(index)
      })
    }
  })
}

function settle(seed: number): Step {
  return step(`settle ${seed}`, (model, { handles }) => {
    const numbers = [...handles.keys()]
    const number = numbers[seed % numbers.length]
    if (number === undefined) return
    handles.get(number)?.()
    model.unsettled.delete(number)
  })
}

async function reopen(model: Model, real: Real): Promise<void> {
  await real.store.close()
  real.store = await real.open()
  real.handles.clear()
  const expected = [...model.unsettled]
  for (const { route, record, settled } of real.store.journal.recover()) {
    const [number, expectedRoute] = expected.shift() ?? []
    if (number === undefined || route !== expectedRoute) throw new Error('recovered too much')
    if (!isDeepStrictEqual(record, numberedRecord(number)))
      throw new Error(`record ${number} differs`)
    real.handles.set(number, settled)
  }
  if (expected.length > 0) throw new Error('recovered too little')
}

function add(route: string, token: string, timestamp: number): Step {
  return step(`add ${route} ${token} ${timestamp}`, (model, { store }) => {
    store.feedback.add(route, token, timestamp)
    const tokens = model.feedback.get(route) ?? new Map<string, number>()
    model.feedback.set(route, tokens)
    tokens.set(token, Math.max(timestamp, tokens.get(token) ?? 0))
  })
}

function drop(route: string, token: string): Step {
  return step(`drop ${route} ${token}`, (model, { store }) => {
    store.feedback.drop(route, token)
    model.feedback.get(route)?.delete(token)
  })
}

function removeAll(route: string): Step {
  return step(`remove ${route}`, async (model, { store }) => {
    const hold = await store.feedback.hold(route)
    await hold.forget()
    model.feedback.delete(route)
  })
}

const route = fc.constantFrom('app', 'mdm')
const token = fc.constantFrom('aa', 'bb', 'cc')

const commands = [
  fc.tuple(route, fc.integer({ min: 0, max: 20 })).map((chosen) => put(...chosen)),
  fc.nat().map(settle),
  fc.constant(step('flush', (_, { store }) => store.journal.flush())),
  fc.constant(step('reopen', reopen)),
  fc.tuple(route, token, fc.integer({ min: 1, max: 9 })).map((chosen) => add(...chosen)),
  fc.tuple(route, token).map((chosen) => drop(...chosen)),
  route.map(removeAll),
]
