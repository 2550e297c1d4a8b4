/** The provider API behind an HTTP proxy: through it, refused by it, and without it for a while. */
import { once } from 'node:events'
import { createServer, type AddressInfo, type Socket } from 'node:net'
import t, { type Test } from 'tap'
import { AcceleratedClock } from '../fixtures/accelerated-clock.ts'
import { untilAtLeast } from '../fixtures/condition.ts'
import { lostAndDoubled, none, pushes, settled } from '../fixtures/ledger.ts'
import { dial, enhanced } from '../fixtures/resender.ts'
import { setStage, type Stage } from '../fixtures/stage.ts'
import { freePort } from '../fixtures/port.ts'
import { startTinyproxy, withoutTinyproxy } from '../fixtures/tinyproxy.ts'

async function sendThrough(t: Test, stage: Stage): Promise<void> {
  const sent = pushes(500)
  const socket = await dial(stage)
  socket.write(Buffer.concat(sent.map((push, index) => enhanced(index, push))))
  await settled(stage, 500)
  t.same(lostAndDoubled(stage, sent), none)
}

/** Answers the first bytes of every connection with `answer`, then closes it. */
async function playProxy(t: Test, answer: string): Promise<{ port: number; heard: string[] }> {
  const heard: string[] = []
  const sockets: Socket[] = []
  const server = createServer((socket) => {
    sockets.push(socket)
    socket.on('error', () => undefined)
    socket.once('data', (bytes) => {
      heard.push(bytes.toString())
      if (answer !== '') socket.end(answer)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(async () => {
    for (const socket of sockets) socket.destroy()
    server.close()
    await once(server, 'close')
  })
  return { port: (server.address() as AddressInfo).port, heard }
}

t.test('tinyproxy', { skip: withoutTinyproxy }, (t) => {
  t.test('without credentials', async (t) => {
    const port = await freePort()
    await startTinyproxy(t, port)
    await sendThrough(t, await setStage(t, { httpProxy: `http://127.0.0.1:${port}` }))
  })

  t.test('with credentials', async (t) => {
    const port = await freePort()
    await startTinyproxy(t, port, 'push:secret')
    const httpProxy = `http://push:secret@127.0.0.1:${port}`
    const stage = await setStage(t, { httpProxy })
    await sendThrough(t, stage)
    t.notMatch(JSON.stringify(stage.log.lines), 'secret')
  })

  t.test('with wrong ones: it is said, and what waits is kept', async (t) => {
    const port = await freePort()
    await startTinyproxy(t, port, 'push:secret')
    const stage = await setStage(t, { httpProxy: `http://push:wrong@127.0.0.1:${port}` })
    const { cause } = await stage.log.find('session.closed')
    t.match(cause, /^the proxy answers 40[17]: /)
    t.notMatch(JSON.stringify(stage.log.lines), 'wrong')
  })

  t.test('it comes later than the notifications', async (t) => {
    const port = await freePort()
    const clock = new AcceleratedClock(10)
    const stage = await setStage(t, { clock, httpProxy: `http://127.0.0.1:${port}` })
    const { cause } = await stage.log.find('session.closed')
    t.match(cause, /^the proxy: connect ECONNREFUSED/)
    const sent = pushes(500)
    const socket = await dial(stage)
    socket.write(Buffer.concat(sent.map((push, index) => enhanced(index, push))))
    await startTinyproxy(t, port)
    await settled(stage, 500)
    t.same(lostAndDoubled(stage, sent), none)
  })
  t.end()
})

t.test('the tunnel is asked for by name and port, with the credentials as they are', async (t) => {
  const { port, heard } = await playProxy(t, 'HTTP/1.1 502 Bad Gateway\r\n\r\n')
  const stage = await setStage(t, {
    httpProxy: `http://us%3Aer:p%40ss@127.0.0.1:${port}`,
    production: 'https://push.invalid:2197',
  })
  await stage.log.find('session.closed')
  t.match(heard[0], /^CONNECT push\.invalid:2197 HTTP\/1\.1\r\n/)
  // us:er:p@ss
  t.match(heard[0], /\r\nproxy-authorization: Basic dXM6ZXI6cEBzcw==\r\n/i)
})

const answers = [
  ['407 Proxy Authentication Required', /answers 407: asks for credentials.*providerApi\.proxy/],
  ['401 Unauthorized', /answers 401: asks for credentials.*providerApi\.proxy/],
  ['403 Forbidden', /answers 403: does not allow it; let it pass CONNECT/],
  ['503 Service Unavailable', /answers 503: cannot reach the provider API/],
  ['302 Found', /answers 302: it refuses to connect/],
] as const

for (const [status, cause] of answers)
  t.test(`a proxy that answers ${status}: the log says what to do`, async (t) => {
    const { port } = await playProxy(t, `HTTP/1.1 ${status}\r\ncontent-length: 0\r\n\r\n`)
    const stage = await setStage(t, { httpProxy: `http://127.0.0.1:${port}` })
    t.match(await stage.log.find('session.closed'), { cause })
  })

t.test('a proxy that speaks something else', async (t) => {
  const { port } = await playProxy(t, 'SSH-2.0-OpenSSH_9.2\r\n')
  const stage = await setStage(t, { httpProxy: `http://127.0.0.1:${port}` })
  t.match(await stage.log.find('session.closed'), { cause: /^the proxy: Parse Error/ })
})

t.test('a proxy that never answers is given up, and asked again', async (t) => {
  const { port, heard } = await playProxy(t, '')
  const clock = new AcceleratedClock(50)
  const stage = await setStage(t, { clock, httpProxy: `http://127.0.0.1:${port}` })
  t.match(await stage.log.find('session.closed'), { cause: 'no answer while connecting' })
  await untilAtLeast(() => heard.length, 2)
  t.equal(await stage.proxy.stop(), true, 'and it does not hold up a stop')
})
