/** Who listens is told once a second, and nobody is told more than they take. */
import { once } from 'node:events'
import { createServer, get, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import { StatusStream } from '../../src/admin/status-stream.ts'
import { until, untilAtLeast, untilIs } from '../fixtures/condition.ts'
import { FakeClock } from '../fixtures/fake-clock.ts'

/** A server whose every response joins, a clock to wind, and how often a report was made up. */
async function stage(
  t: Test,
  status = (): unknown => ({ n: 1 }),
): Promise<{
  clock: FakeClock
  stream: StatusStream
  reports: { count: number }
  joined: ServerResponse[]
  listen: () => Promise<{ response: IncomingMessage; text: () => string }>
}> {
  const clock = new FakeClock()
  const reports = { count: 0 }
  const stream = new StatusStream(
    {
      history: () => [],
      status: () => {
        reports.count++
        return status()
      },
    },
    clock,
  )
  const joined: ServerResponse[] = []
  const server = createServer((_request, response) => {
    if (stream.join(response)) joined.push(response)
    else response.writeHead(503).end()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(async () => {
    stream.close()
    server.close()
    server.closeAllConnections()
    await once(server, 'close')
  })
  const listen = async (): Promise<{ response: IncomingMessage; text: () => string }> => {
    const request = get({
      port: (server.address() as AddressInfo).port,
      host: '127.0.0.1',
      agent: false,
    })
    request.on('error', () => undefined)
    const [response] = (await once(request, 'response')) as [IncomingMessage]
    let text = ''
    response.on('error', () => undefined)
    if (response.statusCode === 200) response.on('data', (chunk) => (text += String(chunk)))
    else response.resume()
    return { response, text: () => text }
  }
  return { clock, stream, reports, joined, listen }
}

t.test('nothing is made up while nobody listens', async (t) => {
  const { clock, reports } = await stage(t)
  clock.advance(10_000)
  t.equal(reports.count, 0)
  t.equal(clock.pending, 0)
})

t.test('one report a second is shared by all', async (t) => {
  const { clock, stream, reports, listen } = await stage(t)
  const listeners = [await listen(), await listen(), await listen()]
  t.equal(stream.listeners, 3)
  const before = reports.count
  clock.advance(2000)
  t.equal(reports.count - before, 2)
  const expected = 'event: history\ndata: []\n\n' + 'event: status\ndata: {"n":1}\n\n'.repeat(3)
  for (const { text } of listeners) {
    await untilAtLeast(() => text().length, expected.length)
    t.equal(text(), expected)
  }
})

t.test('the last one to leave ends the work', async (t) => {
  const { clock, stream, listen } = await stage(t)
  const listeners = [await listen(), await listen()]
  for (const { response } of listeners) response.destroy()
  await untilIs(() => stream.listeners, 0)
  t.equal(clock.pending, 0)
})

t.test('a seventeenth is turned away, until one has left', async (t) => {
  const { stream, listen } = await stage(t)
  const [first] = await Promise.all(Array.from({ length: 16 }, listen))
  t.equal((await listen()).response.statusCode, 503)
  first?.response.destroy()
  await untilIs(() => stream.listeners, 15)
  t.equal((await listen()).response.statusCode, 200)
})

t.test('for one who does not read, nothing piles up, and then it is over', async (t) => {
  const { clock, stream, joined, listen } = await stage(t, () => 'x'.repeat(1_000_000))
  const slow = await listen()
  slow.response.pause()
  const [response] = joined
  while (response?.writableNeedDrain !== true) clock.advance(1000)
  await until(() => response.writableNeedDrain)
  const piled = response.writableLength
  clock.advance(5000)
  t.ok(response.writableLength <= piled)
  t.equal(stream.listeners, 1)
  clock.advance(20_000)
  await untilIs(() => stream.listeners, 0)
  t.ok(response.destroyed)
})

t.test('closing lets everybody go', async (t) => {
  const { clock, stream, listen } = await stage(t)
  const { response } = await listen()
  stream.close()
  await until(() => response.closed)
  t.equal(stream.listeners, 0)
  t.equal(clock.pending, 0)
})
