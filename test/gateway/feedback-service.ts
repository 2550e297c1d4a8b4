/** The feedback service over TLS, with different readers. */
import { once } from 'node:events'
import type { AddressInfo, Socket } from 'node:net'
import { connect, createServer, type TLSSocket } from 'node:tls'
import t, { type Test } from 'tap'
import type { FeedbackTuple } from '../../src/binary/feedback-tuple.ts'
import { serveFeedback, type FeedbackEvent } from '../../src/gateway/feedback-service.ts'
import { LmdbFeedback } from '../../src/store/lmdb-feedback.ts'
import type { FeedbackStore } from '../../src/store/store.ts'
import { until, untilAtLeast, untilIs } from '../fixtures/condition.ts'
import { FakeClock } from '../fixtures/fake-clock.ts'
import { authority, server as identity } from '../fixtures/identity.ts'

/** A feedback list in memory. */
function memoryFeedback(): LmdbFeedback {
  const table = { getRange: () => [], put: () => undefined, remove: () => undefined }
  return new LmdbFeedback(table, { writeSoon: () => undefined })
}

interface Service {
  readonly store: FeedbackStore
  readonly clock: FakeClock
  readonly events: string[]
  /** Sizes of the parts that were told. */
  readonly told: number[]
  /** The sockets of the service, in the order of the connections. */
  readonly sockets: readonly Socket[]
  connect(): TLSSocket
}

async function startService(t: Test, count: number): Promise<Service> {
  const clock = new FakeClock()
  const store = memoryFeedback()
  for (let number = 0; number < count; number++)
    store.add('app', number.toString(16).padStart(64, '0'), 1_617_148_800 + number)
  const events: string[] = []
  const emit = ({ event, count }: FeedbackEvent): unknown =>
    events.push(`${event.replace('feedback.', '')} ${count}`)
  const sizes: number[] = []
  const told = (tuples: readonly FeedbackTuple[]): unknown => sizes.push(tuples.length)
  const sockets: Socket[] = []
  const { certificatePem: cert, keyPem: key } = identity
  const listener = createServer(
    { cert, key, maxVersion: 'TLSv1.2', allowHalfOpen: true },
    (socket) => {
      sockets.push(socket)
      void serveFeedback(socket, 'app', { store, told, clock, emit })
    },
  )
  listener.listen(0, '127.0.0.1')
  await once(listener, 'listening')
  const { port } = listener.address() as AddressInfo
  t.teardown(async () => {
    for (const socket of sockets) socket.destroy()
    listener.close()
    await once(listener, 'close')
    await untilIs(() => clock.pending, 0)
  })
  const dial = (): TLSSocket =>
    connect({
      host: '127.0.0.1',
      port,
      ca: authority.certificatePem,
      checkServerIdentity: () => undefined,
    })
  return { store, clock, events, told: sizes, sockets, connect: dial }
}

/** Advances the clock until the service has closed its side. */
async function ended({ clock }: Service, socket: TLSSocket): Promise<void> {
  let isOver = false
  socket.once('end', () => (isOver = true))
  await until(() => {
    if (!isOver) clock.advance(1)
    return isOver
  })
}

/** Each `data` is one TLS record: Node decrypts no more than one at a time. */
async function readAll(service: Service): Promise<Buffer[]> {
  const socket = service.connect()
  const chunks: Buffer[] = []
  socket.on('data', (chunk: Buffer) => chunks.push(chunk))
  await ended(service, socket)
  return chunks
}

t.test('writes seconds, length and token of each entry, in order', async (t) => {
  const service = await startService(t, 2)
  const bytes = Buffer.concat(await readAll(service)).toString('hex')
  // 2021-03-31 00:00:00 UTC and one second later.
  const first = `6063bb800020${'00'.repeat(32)}`
  const second = `6063bb810020${'00'.repeat(31)}01`
  t.equal(bytes, first + second)
  await untilAtLeast(() => service.events.length, 1)
})

t.test('fills each TLS record with as many whole tuples as fit', async (t) => {
  const service = await startService(t, 1000)
  const chunks = await readAll(service)
  t.same(
    chunks.map(({ length }) => length),
    [431 * 38, 431 * 38, 138 * 38],
  )
  const tokens = Buffer.concat(chunks)
  for (let number = 0; number < 1000; number++)
    if (tokens.readUInt32BE(number * 38 + 34) !== number) t.fail(`tuple ${number}`)
  await untilAtLeast(() => service.events.length, 1)
  t.same(service.events, ['read 1000'])
  t.same(service.told, [431, 431, 138], 'each part is told when it is written')
  t.same(await readAll(service), [])
  t.equal(service.store.count('app'), 0)
})

t.test('splits no tuple between TLS records, whatever the length of its token', async (t) => {
  const service = await startService(t, 0)
  for (let number = 0; number < 400; number++)
    service.store.add('app', number.toString(16).padStart(200, '0'), number)
  const chunks = await readAll(service)
  t.same(
    chunks.map(({ length }) => length),
    [154 * 106, 154 * 106, 92 * 106],
  )
  await untilAtLeast(() => service.events.length, 1)
})

t.test(
  'closes 50 ms after the last tuple, so that no reader finds the two in one read',
  async (t) => {
    const service = await startService(t, 3)
    const socket = service.connect()
    let isOver = false
    socket.on('end', () => (isOver = true))
    await once(socket, 'data')
    // The timers of the 60 s and of the close.
    await untilIs(() => service.clock.pending, 2)
    service.clock.advance(49)
    t.equal(service.sockets[0]?.writableEnded, false)
    t.equal(service.store.count('app'), 3)
    service.clock.advance(1)
    await until(() => isOver)
    await untilAtLeast(() => service.events.length, 1)
    t.same(service.events, ['read 3'])
  },
)

t.test('closes at once when the list is empty', async (t) => {
  const service = await startService(t, 0)
  t.same(await readAll(service), [])
  await untilIs(() => service.sockets[0]?.destroyed, true)
  t.same(service.events, [])
})

t.test('writes before the reader has sent anything', async (t) => {
  const service = await startService(t, 1)
  const socket = service.connect()
  const [chunk] = (await once(socket, 'data')) as [Buffer]
  t.equal(chunk.length, 38)
  socket.destroy()
  await untilAtLeast(() => service.events.length, 1)
})

t.test('writes all entries again after a reader that disconnected early', async (t) => {
  const service = await startService(t, 200_000)
  const socket = service.connect()
  socket.on('error', () => undefined)
  await once(socket, 'data')
  socket.destroy()
  await untilAtLeast(() => service.events.length, 1)
  t.same(service.events, ['abandoned 200000'])
  t.equal(service.store.count('app'), 200_000)
  const bytes = Buffer.concat(await readAll(service)).length
  t.equal(bytes, 200_000 * 38)
})

t.test('keeps the entries of a reader whose EOF comes before everything is written', async (t) => {
  const service = await startService(t, 200_000)
  const socket = service.connect()
  socket.on('error', () => undefined)
  await once(socket, 'secureConnect')
  socket.end()
  await untilAtLeast(() => service.sockets.length, 1)
  await once(service.sockets[0] ?? socket, 'end')
  socket.resume()
  await untilAtLeast(() => service.events.length, 1)
  t.same(service.events, ['abandoned 200000'])
  t.equal(service.store.count('app'), 200_000)
})

t.test('disconnects a reader that does not close within 60 s, and keeps its entries', async (t) => {
  const service = await startService(t, 3)
  const socket = service.connect()
  socket.on('error', () => undefined)
  socket.on('data', () => undefined)
  socket.allowHalfOpen = true
  await ended(service, socket)
  service.clock.advance(59_949)
  t.equal(service.sockets[0]?.destroyed, false)
  service.clock.advance(51)
  await untilAtLeast(() => service.events.length, 1)
  t.same(service.events, ['abandoned 3'])
  t.equal(service.store.count('app'), 3)
  socket.destroy()
})

t.test(
  'gives a second reader the entries that the first has not got, and all if the first fails',
  async (t) => {
    const service = await startService(t, 3)
    const first = service.connect()
    first.on('error', () => undefined)
    first.allowHalfOpen = true
    first.resume()
    await ended(service, first)
    t.same(await readAll(service), [])
    service.store.add('app', 'ee'.repeat(32), 9)
    const [latest] = await readAll(service)
    t.equal(latest?.toString('hex'), `000000090020${'ee'.repeat(32)}`)
    await untilAtLeast(() => service.events.length, 1)
    t.same(service.events, ['read 1'])
    service.sockets[0]?.destroy()
    await untilAtLeast(() => service.events.length, 2)
    first.destroy()
    const [again] = await readAll(service)
    t.equal(again?.length, 3 * 38)
    await untilAtLeast(() => service.events.length, 3)
    t.same(service.events, ['read 1', 'abandoned 3', 'read 3'])
  },
)

t.test('keeps an entry that became newer while it was read', async (t) => {
  const service = await startService(t, 1)
  const socket = service.connect()
  socket.allowHalfOpen = true
  socket.resume()
  await ended(service, socket)
  service.store.add('app', '00'.repeat(32), 1_700_000_000)
  socket.end()
  await untilAtLeast(() => service.events.length, 1)
  const { tuples } = await service.store.hold('app')
  t.same(
    tuples.map(({ timestamp }) => timestamp),
    [1_700_000_000],
  )
})
