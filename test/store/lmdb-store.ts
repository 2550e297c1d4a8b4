/** The LMDB store: conformance, killed processes, bad directories, full disks. */
import { once } from 'node:events'
import { spawn, type ChildProcess } from 'node:child_process'
import {
  chmodSync,
  cpSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { open } from 'lmdb'
import t, { type Test } from 'tap'
import { systemClock } from '../../src/timing/clock.ts'
import { openLmdbStore } from '../../src/store/lmdb-store.ts'
import type { StoreEvent } from '../../src/store/store-event.ts'
import { StoreError, type JournalBatch, type Store } from '../../src/store/store.ts'
import { until, untilAtLeast } from '../fixtures/condition.ts'
import { fillDisk, makeDisk } from '../fixtures/disk.ts'
import { FakeClock } from '../fixtures/fake-clock.ts'
import { conformance, numberedRecord, told } from './conformance.ts'

/** No write may fail. */
function silent(event: StoreEvent): void {
  throw event.event === 'journal.failed' ? event.error : new Error('nothing had failed')
}

function openSilent(directory: string): Promise<Store> {
  return openLmdbStore(directory, { clock: systemClock, told, emit: silent })
}

function makeDirectory(t: Test): string {
  const directory = mkdtempSync(join(tmpdir(), 'store-'))
  t.teardown(() => {
    rmSync(directory, { recursive: true })
  })
  return directory
}

async function fill(directory: string): Promise<void> {
  const store = await openSilent(directory)
  for (let number = 0; number < 3000; number += 30)
    store.journal.put(
      'app',
      Array.from({ length: number % 60 === 0 ? 59 : 1 }, (_, index) =>
        numberedRecord(number + index),
      ),
    )
  for (let number = 0; number < 200; number++)
    store.feedback.add('app', String(number).padStart(64, '0'), 100)
  await store.close()
}

conformance('LMDB', (t) => {
  const directory = makeDirectory(t)
  return () => openSilent(directory)
})

t.test('makes the directory and its files readable for their owner only', async (t) => {
  const directory = join(makeDirectory(t), 'new', 'data')
  const store = await openSilent(directory)
  t.equal(statSync(directory).mode & 0o777, 0o700)
  for (const name of ['data.mdb', 'lock.mdb'])
    t.equal(statSync(join(directory, name)).mode & 0o777, 0o600, name)
  await store.close()
  t.strictSame(readdirSync(directory), ['data.mdb', 'lock.mdb'])
})

t.test('notes settlements after 20 ms, and sets no timer when there are none', async (t) => {
  const directory = makeDirectory(t)
  const clock = new FakeClock()
  const store = await openLmdbStore(directory, { clock, told, emit: silent })
  const batch = store.journal.put('app', [numberedRecord(0), numberedRecord(1)])
  await store.journal.flush()
  t.equal(clock.pending, 0)
  batch.settled(0)
  t.equal(clock.pending, 1)
  clock.advance(19)
  t.equal(clock.pending, 1)
  clock.advance(1)
  t.equal(clock.pending, 0)
  batch.settled(1)
  await store.close()
  t.equal(clock.pending, 0)
})

interface Keeper {
  readonly process: ChildProcess
  /** What the keeper says, line by line. */
  readonly lines: AsyncIterator<string>
}

/** See test/fixtures/store-process.ts. */
function startKeeper(t: Test, directory: string, mode: string): Keeper {
  const file = new URL('../fixtures/store-process.ts', import.meta.url)
  const child = spawn(process.execPath, ['--import', 'tsx', file.pathname, directory, mode], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  t.teardown(() => {
    child.kill('SIGKILL')
  })
  return { process: child, lines: createInterface(child.stdout)[Symbol.asyncIterator]() }
}

async function kill({ process }: Keeper): Promise<void> {
  const exited = once(process, 'exit')
  process.kill('SIGKILL')
  await exited
}

function identifiers(store: Store): (number | undefined)[] {
  return [...store.journal.recover()].map(({ record }) => record.notification.identifier)
}

t.test('after kill -9 of a process that put 3,000 and settled 1,000, gives the rest', async (t) => {
  const directory = makeDirectory(t)
  const keeper = startKeeper(t, directory, 'once')
  t.equal((await keeper.lines.next()).value, 'ready')
  await kill(keeper)
  const store = await openSilent(directory)
  t.strictSame(
    identifiers(store),
    Array.from({ length: 3000 }, (_, number) => number).filter((number) => number % 3 !== 0),
  )
  await store.close()
})

t.test('loses nothing that was flushed when it is killed in the middle of its work', async (t) => {
  const directory = makeDirectory(t)
  const put = new Set<number>()
  const settled = new Set<number>()
  for (let round = 0; round < 3; round++) {
    const keeper = startKeeper(t, directory, String(round * 1_000_000))
    for (let line = 0; line < 20; line++) {
      const said = await keeper.lines.next()
      const report = JSON.parse(String(said.value)) as { put: number[]; settled: number[] }
      for (const number of report.put) put.add(number)
      for (const number of report.settled) settled.add(number)
    }
    await kill(keeper)
  }
  const store = await openSilent(directory)
  const found = new Set(identifiers(store))
  // What the last moments brought was not reported: it may be there, or be settled already.
  const missing = [...put].filter((number) => !settled.has(number) && !found.has(number))
  t.ok(missing.length <= 3 * 50, `${missing.length} were settled in the last moments`)
  t.strictSame(
    [...settled].filter((number) => found.has(number)),
    [],
  )
  await store.close()
})

t.test(
  'refuses a directory that another process or this one uses, until it is killed',
  async (t) => {
    const directory = makeDirectory(t)
    const keeper = startKeeper(t, directory, 'once')
    await keeper.lines.next()
    await t.rejects(openSilent(directory), { code: 'in-use', directory })
    await kill(keeper)
    const store = await openSilent(directory)
    await t.rejects(openSilent(directory), { code: 'in-use', message: /stop that proxy/ })
    t.equal(store.journal.unsettled, 2000)
    await store.close()
    await (await openSilent(directory)).close()
  },
)

t.test('of several that come at once after one was killed, not two get in', async (t) => {
  const directory = makeDirectory(t)
  const keeper = startKeeper(t, directory, 'once')
  await keeper.lines.next()
  await kill(keeper)
  const outcomes = await Promise.allSettled([1, 2, 3, 4].map(() => openSilent(directory)))
  const opened = outcomes.flatMap((outcome) =>
    outcome.status === 'fulfilled' ? [outcome.value] : [],
  )
  t.ok(opened.length <= 1)
  await Promise.all(opened.map((store) => store.close()))
  await (await openSilent(directory)).close()
})

t.test('locks a directory whose path is too long for a socket', async (t) => {
  const directory = join(makeDirectory(t), 'x'.repeat(120))
  const store = await openSilent(directory)
  await t.rejects(openSilent(directory), { code: 'in-use' })
  await store.close()
  await (await openSilent(directory)).close()
})

t.test('refuses what is not a directory', async (t) => {
  const file = join(makeDirectory(t), 'file')
  writeFileSync(file, 'text')
  await t.rejects(openSilent(file), { code: 'not-a-directory', directory: file })
  await t.rejects(openSilent(join(file, 'data')), { code: 'not-a-directory' })
  t.equal(readFileSync(file, 'utf8'), 'text')
})

t.test('refuses a directory that this user may not write', async (t) => {
  const directory = makeDirectory(t)
  chmodSync(directory, 0o500)
  const asNobody = process.geteuid?.() === 0
  if (asNobody) process.seteuid?.(65_534)
  try {
    await t.rejects(openSilent(directory), { code: 'no-permission' })
    await t.rejects(openSilent(join(directory, 'data')), { code: 'no-permission' })
  } finally {
    if (asNobody) process.seteuid?.(0)
  }
})

const spoilers: readonly { name: string; code: string; spoil: (path: string) => void }[] = [
  {
    name: 'text',
    code: 'foreign',
    spoil: (path) => {
      writeFileSync(path, 'Dear diary,\n'.repeat(1000))
    },
  },
  {
    name: 'a few bytes',
    code: 'foreign',
    spoil: (path) => {
      truncateSync(path, 10)
    },
  },
  {
    name: 'a file cut off in its head',
    code: 'damaged',
    spoil: (path) => {
      truncateSync(path, 3000)
    },
  },
  {
    name: 'a file cut off behind its head',
    code: 'damaged',
    spoil: (path) => {
      truncateSync(path, 8192)
    },
  },
  {
    name: 'a file cut off among its pages',
    code: 'damaged',
    spoil: (path) => {
      truncateSync(path, 12 * 4096)
    },
  },
  {
    name: 'an impossible page size',
    code: 'damaged',
    spoil: (path) => {
      overwrite(path, 48, Buffer.from([7, 0, 0, 0]))
    },
  },
  {
    name: 'another version of LMDB',
    code: 'foreign',
    spoil: (path) => {
      overwrite(path, 28, Buffer.from([1, 0, 0, 0]))
    },
  },
]

function overwrite(path: string, at: number, bytes: Buffer): void {
  const content = readFileSync(path)
  bytes.copy(content, at)
  writeFileSync(path, content)
}

t.test('refuses a directory that holds', async (t) => {
  const model = makeDirectory(t)
  await fill(model)
  for (const { name, code, spoil } of spoilers)
    await t.test(name, async (t) => {
      const directory = makeDirectory(t)
      const path = join(directory, 'data.mdb')
      cpSync(join(model, 'data.mdb'), path)
      spoil(path)
      const before = readFileSync(path)
      await t.rejects(openSilent(directory), { code, directory, message: /data\.mdb/ })
      t.ok(before.equals(readFileSync(path)), 'and leaves it as it is')
    })
})

t.test('refuses a database of another program, and one of a later format', async (t) => {
  for (const [code, key, value] of [
    ['foreign', 'recipes', 'soup'],
    ['foreign', 'format', 'cookbook 1'],
    ['newer', 'format', 'apns-legacy-proxy 2'],
  ] as const) {
    const directory = makeDirectory(t)
    const foreign = open<Buffer, string>(directory, { noSubdir: false, encoding: 'binary' })
    await foreign.put(key, Buffer.from(value))
    await foreign.close()
    await t.rejects(openSilent(directory), { code })
  }
})

t.test('survives any page that is zeroed: works without it, or calls it damaged', async (t) => {
  const model = makeDirectory(t)
  await fill(model)
  const directory = makeDirectory(t)
  const path = join(directory, 'data.mdb')
  const whole = readFileSync(join(model, 'data.mdb'))
  const outcomes = { opened: 0, damaged: 0 }
  const last = whole.readUInt32LE(144)
  for (let page = 2; page <= last; page++) {
    const bytes = Buffer.from(whole)
    bytes.fill(0, page * 4096, (page + 1) * 4096)
    writeFileSync(path, bytes)
    try {
      const store = await openSilent(directory)
      t.equal(store.journal.unsettled, 3000)
      await store.close()
      outcomes.opened++
    } catch (error) {
      if (!(error instanceof StoreError)) throw error
      t.equal(error.code, 'damaged')
      outcomes.damaged++
    }
  }
  t.ok(outcomes.damaged > 40, `${outcomes.damaged} of ${last} pages matter`)
})

t.test('waits for room on a full disk, then writes what it kept', async (t) => {
  const directory = makeDisk(t, '8m')
  if (directory === undefined) return
  const events: string[] = []
  const emit = (event: StoreEvent): unknown =>
    events.push(
      event.event === 'journal.failed' ? `failed ${event.error.message.slice(0, 6)}` : 'recovered',
    )
  const clock = new FakeClock()
  const store = await openLmdbStore(directory, { clock, told, emit })
  fillDisk(join(directory, 'ballast'))
  const batches = Array.from({ length: 60 }, (_, number) =>
    store.journal.put(
      'app',
      Array.from({ length: 1000 }, () => numberedRecord(number)),
    ),
  )
  await until(() => !store.journal.healthy)
  batches[0]?.settled(0)
  for (let round = 0; round < 3; round++) {
    clock.advance(1000)
    await untilAtLeast(() => clock.pending, 1)
  }
  t.strictSame(events, ['failed ENOSPC'])
  rmSync(join(directory, 'ballast'))
  for (const batch of batches.slice(10)) for (let i = 0; i < 1000; i++) batch.settled(i)
  clock.advance(1000)
  await until(() => store.journal.healthy)
  await store.journal.flush()
  t.strictSame(events, ['failed ENOSPC', 'recovered'])
  await store.close()
  const next = await openSilent(directory)
  t.equal(next.journal.unsettled, 9999)
  await next.close()
})

t.test('shrinks again after it has filled the disk itself', async (t) => {
  const directory = makeDisk(t, '8m')
  if (directory === undefined) return
  const clock = new FakeClock()
  const store = await openLmdbStore(directory, { clock, told, emit: () => undefined })
  const batches: JournalBatch[] = []
  while (store.journal.healthy)
    batches.push(
      store.journal.put(
        'app',
        Array.from({ length: 100 }, () => numberedRecord(0)),
      ),
    )
  t.ok(batches.length > 100)
  fillDisk(join(directory, 'ballast'))
  for (const batch of batches) for (let index = 0; index < 100; index++) batch.settled(index)
  clock.advance(1020)
  t.ok(store.journal.healthy)
  store.journal.put('app', [numberedRecord(1)])
  t.ok(store.journal.healthy, 'and has room for more')
  await store.close()
  const next = await openSilent(directory)
  t.strictSame(identifiers(next), [1])
  await next.close()
})

t.test('says so when there is no room for a new store', async (t) => {
  const directory = makeDisk(t, '64k')
  if (directory === undefined) return
  await t.rejects(openSilent(directory), { code: 'no-room', message: /free some space/ })
})
