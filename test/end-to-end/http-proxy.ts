/** The provider API behind an HTTP proxy: through it, refused by it, and without it for a while. */
import { once } from 'node:events'
import { connect, type AddressInfo } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'
import t, { type Test } from 'tap'
import { AcceleratedClock } from '../fixtures/accelerated-clock.ts'
import { untilAtLeast } from '../fixtures/condition.ts'
import { server } from '../fixtures/identity.ts'
import { lostAndDoubled, none, pushes, settled } from '../fixtures/ledger.ts'
import { dial, enhanced } from '../fixtures/resender.ts'
import { setStage, type Stage } from '../fixtures/stage.ts'
import { freePort } from '../fixtures/port.ts'
import { playProxy } from '../fixtures/scripted-proxy.ts'
import { startTinyproxy, withoutTinyproxy } from '../fixtures/tinyproxy.ts'

async function sendThrough(t: Test, stage: Stage): Promise<void> {
  const sent = pushes(500)
  const socket = await dial(stage)
  socket.write(Buffer.concat(sent.map((push, index) => enhanced(index, push))))
  await settled(stage, 500)
  t.same(lostAndDoubled(stage, sent), none)
}

/** A port that takes TLS and passes on what it contains. */
async function encrypt(t: Test, port: number): Promise<number> {
  const { certificatePem: cert, keyPem: key } = server
  const front = createTlsServer({ cert, key }, (socket) => {
    const way = connect(port, '127.0.0.1')
    for (const end of [socket, way]) end.on('error', () => socket.destroy())
    socket.pipe(way).pipe(socket)
    t.teardown(() => way.destroy())
  })
  front.on('tlsClientError', () => undefined)
  front.listen(0, '0.0.0.0')
  await once(front, 'listening')
  t.teardown(() => front.close())
  return (front.address() as AddressInfo).port
}

/** @returns a function that sets it back */
function setVariable(name: string, value: string): () => void {
  const before = process.env[name]
  process.env[name] = value
  return () => {
    if (before === undefined) Reflect.deleteProperty(process.env, name)
    else process.env[name] = before
  }
}

t.test('tinyproxy', { skip: withoutTinyproxy }, (t) => {
  t.test('without credentials', async (t) => {
    const port = await freePort()
    await startTinyproxy(t, port)
    await sendThrough(t, await setStage(t, { upstreamProxy: `http://127.0.0.1:${port}` }))
  })

  t.test('with credentials', async (t) => {
    const port = await freePort()
    await startTinyproxy(t, port, 'push:secret')
    const upstreamProxy = `http://push:secret@127.0.0.1:${port}`
    const stage = await setStage(t, { upstreamProxy })
    await sendThrough(t, stage)
    t.notMatch(JSON.stringify(stage.log.lines), 'secret')
  })

  t.test('with wrong ones: it is said, and what waits is kept', async (t) => {
    const port = await freePort()
    await startTinyproxy(t, port, 'push:secret')
    const stage = await setStage(t, { upstreamProxy: `http://push:wrong@127.0.0.1:${port}` })
    const { cause } = await stage.log.find('session.closed')
    t.match(cause, /^the proxy answers 40[17]: /)
    t.notMatch(JSON.stringify(stage.log.lines), 'wrong')
  })

  t.test('with TLS to the proxy itself, whose certificate is verified', async (t) => {
    const inner = await freePort()
    await startTinyproxy(t, inner, 'push:secret')
    const port = await encrypt(t, inner)
    const at = (host: string): string => `https://push:secret@${host}:${port}`
    await sendThrough(t, await setStage(t, { upstreamProxy: at('127.0.0.1') }))
    await sendThrough(t, await setStage(t, { upstreamProxy: at('localhost') }))
    const other = await setStage(t, { upstreamProxy: at('127.0.0.2') })
    t.match(await other.log.find('session.closed'), { cause: /^the proxy: .*does not match/ })
  })

  t.test('named by the environment', async (t) => {
    const port = await freePort()
    await startTinyproxy(t, port, 'push:secret')
    t.teardown(setVariable('HTTPS_PROXY', `push:secret@127.0.0.1:${port}`))
    // What is on loopback is reached without the proxy.
    const stage = await setStage(t, { production: 'https://push.invalid:2197' })
    t.match(await stage.log.find('proxy.ready'), {
      routes: [{ name: 'app', through: `http://127.0.0.1:${port} (HTTPS_PROXY)` }],
    })
    t.match(await stage.log.find('session.closed'), {
      cause: /^the proxy answers 50\d: cannot reach/,
    })
    t.notMatch(JSON.stringify(stage.log.lines), 'secret')
  })

  t.test('it comes later than the notifications', async (t) => {
    const port = await freePort()
    const clock = new AcceleratedClock(10)
    const stage = await setStage(t, { clock, upstreamProxy: `http://127.0.0.1:${port}` })
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
    upstreamProxy: `http://us%3Aer:p%40ss@127.0.0.1:${port}`,
    production: 'https://push.invalid:2197',
  })
  await stage.log.find('session.closed')
  t.match(String(heard[0]), /^CONNECT push\.invalid:2197 HTTP\/1\.1\r\n/)
  // us:er:p@ss
  t.match(String(heard[0]), /\r\nproxy-authorization: Basic dXM6ZXI6cEBzcw==\r\n/i)
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
    const stage = await setStage(t, { upstreamProxy: `http://127.0.0.1:${port}` })
    t.match(await stage.log.find('session.closed'), { cause })
  })

t.test('a proxy that speaks something else', async (t) => {
  const { port } = await playProxy(t, 'SSH-2.0-OpenSSH_9.2\r\n')
  const stage = await setStage(t, { upstreamProxy: `http://127.0.0.1:${port}` })
  t.match(await stage.log.find('session.closed'), { cause: /^the proxy: Parse Error/ })
})

t.test('a proxy that never answers is given up, and asked again', async (t) => {
  const { port, heard } = await playProxy(t)
  const clock = new AcceleratedClock(50)
  const stage = await setStage(t, { clock, upstreamProxy: `http://127.0.0.1:${port}` })
  t.match(await stage.log.find('session.closed'), { cause: 'no answer while connecting' })
  await untilAtLeast(() => heard.length, 2)
  t.equal(await stage.proxy.stop(), true, 'and it does not hold up a stop')
})
