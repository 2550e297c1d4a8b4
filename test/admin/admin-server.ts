/** The administrator's port, by itself and in a running proxy. */
import { once } from 'node:events'
import { connect } from 'node:net'
import { Registry } from 'prom-client'
import t, { type Test } from 'tap'
import { AdminServer, type AdminSources } from '../../src/admin/admin-server.ts'
import { statusOf } from '../../src/admin/status.ts'
import { RawSender } from '../fixtures/raw-sender.ts'
import { setStage } from '../fixtures/stage.ts'
import { adminSources, sampleHistory, proxyState } from '../fixtures/status-sample.ts'
import { token } from '../fixtures/hex.ts'

const loopback = { host: '127.0.0.1', port: 0, token: undefined }

type Ask = (path: string, method?: string, headers?: Record<string, string>) => Promise<Response>

/** A server with these sources, and how to ask it. */
async function serve(
  t: Test,
  sources: Partial<AdminSources> = {},
  token?: string,
): Promise<{ server: AdminServer; ask: Ask }> {
  const server = await AdminServer.open({ ...loopback, token }, { ...adminSources(), ...sources })
  t.teardown(() => server.close())
  return { server, ask: (...request) => ask(server.address.port, ...request) }
}

function ask(port: number, ...[path, method = 'GET', headers]: Parameters<Ask>): Promise<Response> {
  return fetch(`http://127.0.0.1:${port}${path}`, {
    method,
    headers: { connection: 'close', ...headers },
  })
}

t.test('/healthz says that the process lives', async (t) => {
  const { ask } = await serve(t)
  const response = await ask('/healthz')
  t.equal(response.status, 200)
  t.equal(response.headers.get('content-type'), 'text/plain')
  t.equal(response.headers.get('cache-control'), 'no-store')
  t.equal(await response.text(), 'ok\n')
})

t.test('/readyz is 200 or 503, and says which route it is', async (t) => {
  let ready = true
  const { ask } = await serve(t, {
    readiness: () => ({
      ready,
      routes: { app: true, mdm: ready },
      store: 'reachable',
      degraded: true,
      problems: [{ code: 'throttled', route: 'mdm' }],
    }),
  })
  const good = await ask('/readyz')
  t.equal(good.status, 200)
  t.equal(good.headers.get('content-type'), 'application/json')
  t.strictSame(await good.json(), {
    ready: true,
    routes: { app: true, mdm: true },
    store: 'reachable',
    degraded: true,
    problems: [{ code: 'throttled', route: 'mdm' }],
  })
  ready = false
  const bad = await ask('/readyz')
  t.equal(bad.status, 503)
  t.match(await bad.json(), { ready: false, routes: { app: true, mdm: false } })
})

t.test('/metrics is what the registry says, as Prometheus expects it', async (t) => {
  const { ask } = await serve(t)
  const response = await ask('/metrics')
  t.equal(response.status, 200)
  t.equal(response.headers.get('content-type'), 'text/plain; version=0.0.4; charset=utf-8')
})

const parts = ['/', '/page.js', '/page.css', '/plot.js', '/icon.svg', '/uplot.js', '/uplot.css']

t.test('the page and its parts are there, each as what it is', async (t) => {
  const { ask } = await serve(t)
  const types = parts.map(async (path) => (await ask(path)).headers.get('content-type'))
  t.strictSame(await Promise.all(types), [
    'text/html; charset=utf-8',
    'text/javascript; charset=utf-8',
    'text/css; charset=utf-8',
    'text/javascript; charset=utf-8',
    'image/svg+xml',
    'text/javascript; charset=utf-8',
    'text/css; charset=utf-8',
  ])
})

t.test('a browser may fetch from here alone, and run nothing that is not a file', async (t) => {
  const { ask } = await serve(t)
  for (const path of [...parts, '/api/status', '/metrics', '/nowhere']) {
    const { headers } = await ask(path)
    const policy = headers.get('content-security-policy') ?? ''
    t.match(policy, "default-src 'none'")
    t.match(policy, "frame-ancestors 'none'")
    t.notMatch(policy, /unsafe|https?:|\*/)
    t.equal(headers.get('x-content-type-options'), 'nosniff')
    t.equal(headers.get('referrer-policy'), 'no-referrer')
    t.equal(headers.get('access-control-allow-origin'), null)
  }
  const html = await (await ask('/')).text()
  t.notMatch(html, /<script>|<style|style="|\son\w+="|https?:/)
})

t.test('/api/status is the status', async (t) => {
  const { ask } = await serve(t)
  const response = await ask('/api/status')
  t.equal(response.headers.get('content-type'), 'application/json')
  t.strictSame(await response.json(), JSON.parse(JSON.stringify(statusOf(proxyState()))))
})

t.test('/api/events begins with the last hour, then tells how it is', async (t) => {
  const { ask } = await serve(t)
  const response = await ask('/api/events')
  t.equal(response.headers.get('content-type'), 'text/event-stream')
  const [history, status] = await firstEvents(response, 2)
  t.equal(history?.name, 'history')
  t.same(history?.data, sampleHistory())
  t.equal(status?.name, 'status')
  t.match(status?.data, { atMs: proxyState().atMs })
})

/** Reads so many, then breaks off. */
async function firstEvents(
  { body }: Response,
  count: number,
): Promise<{ name: string; data: unknown }[]> {
  let text = ''
  for await (const chunk of body ?? []) {
    text += Buffer.from(chunk as Uint8Array).toString()
    const whole = [...text.matchAll(/^event: (.*)\ndata: (.*)\n\n/gm)]
    if (whole.length >= count)
      return whole.map(([, name = '', data = '']) => ({ name, data: JSON.parse(data) as unknown }))
  }
  throw new Error('ended early')
}

t.test('with a token, only probes are answered without it', async (t) => {
  const secret = 'a-token-of-some-length'
  const { ask } = await serve(t, {}, secret)
  t.equal((await ask('/healthz')).status, 200)
  t.equal((await ask('/readyz')).status, 200)
  const basic = `Basic ${Buffer.from(`anybody:${secret}`).toString('base64')}`
  for (const path of [...parts, '/api/status', '/api/events', '/metrics', '/nowhere']) {
    const refused = await ask(path)
    t.equal(refused.status, 401, path)
    t.match(refused.headers.get('www-authenticate'), /^Basic realm=/)
    t.match(await refused.text(), /^the token of admin\.tokenFile is needed/)
    t.equal((await ask(path, 'GET', { authorization: 'Bearer wrong' })).status, 401)
  }
  for (const authorization of [basic, `Bearer ${secret}`])
    t.equal((await ask('/api/status', 'GET', { authorization })).status, 200)
})

t.test('a token can be changed while it runs', async (t) => {
  const { server, ask } = await serve(t, {}, 'the-former-token')
  server.reconfigure({ host: '127.0.0.1', token: 'the-latter-token' })
  const statusWith = async (secret: string): Promise<number> =>
    (await ask('/api/status', 'GET', { authorization: `Bearer ${secret}` })).status
  t.equal(await statusWith('the-former-token'), 401)
  t.equal(await statusWith('the-latter-token'), 200)
})

t.test('who listens with a token of before has to ask again', async (t) => {
  const { server, ask } = await serve(t, {}, 'the-former-token')
  const authorization = 'Bearer the-former-token'
  const renewed = (token: string): void => {
    server.reconfigure({ host: '127.0.0.1', token })
  }
  const events = await ask('/api/events', 'GET', { authorization })
  renewed('the-former-token')
  const reader = events.body?.getReader()
  t.match(await reader?.read(), { done: false }, 'not where the token is the same')
  renewed('the-latter-token')
  const cutOff = { done: true }
  while ((await reader?.read().catch(() => cutOff))?.done === false);
  t.equal((await ask('/api/events', 'GET', { authorization })).status, 401)
})

t.test('a name that somebody else pointed here is not served', async (t) => {
  const { server } = await serve(t)
  const statusFor = async (host: string, path = '/api/status'): Promise<string> => {
    const socket = connect(server.address.port, '127.0.0.1')
    socket.write(`GET ${path} HTTP/1.1\r\nhost: ${host}\r\nconnection: close\r\n\r\n`)
    let text = ''
    for await (const chunk of socket) text += String(chunk)
    return text.slice('HTTP/1.1 '.length, 'HTTP/1.1 200'.length)
  }
  t.equal(await statusFor('attacker.example'), '421')
  t.equal(await statusFor('attacker.example', '/'), '421')
  t.equal(await statusFor('localhost:9195'), '200')
  t.equal(await statusFor('attacker.example', '/healthz'), '200')
})

t.test('a query does not change the page', async (t) => {
  const { ask } = await serve(t)
  t.equal((await ask('/healthz?verbose')).status, 200)
})

t.test('HEAD is GET without the body', async (t) => {
  const { ask } = await serve(t)
  for (const path of ['/healthz', '/readyz', '/metrics', '/', '/api/status', '/api/events']) {
    const response = await ask(path, 'HEAD')
    t.equal(response.status, 200)
    t.equal(await response.text(), '')
  }
})

t.test('what is not there is 404', async (t) => {
  const { ask } = await serve(t)
  for (const path of ['/nowhere', '/healthz/', '/%00', '/../healthz/x', '//healthz']) {
    const response = await ask(path)
    t.equal(response.status, 404)
    t.equal(await response.text(), 'not found\n')
  }
})

t.test('nothing can be changed: other methods are 405', async (t) => {
  const { ask } = await serve(t)
  for (const method of ['POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS'])
    for (const path of ['/healthz', '/metrics', '/nowhere']) {
      const response = await ask(path, method)
      t.equal(response.status, 405)
      t.equal(response.headers.get('allow'), 'GET, HEAD')
    }
})

const order = '/api/routes/my%20app/overrule'
const orderly = { 'content-type': 'application/json', 'x-requested-by': 'test' }

/** A server with one action, and the arguments with which it ran. */
async function serveAction(
  t: Test,
  token?: string,
): Promise<{ server: AdminServer; ask: Ask; ran: unknown[] }> {
  const ran: unknown[] = []
  const run = (args: readonly string[]): { status: 200; body: object } => {
    ran.push(...args)
    return { status: 200, body: { done: true } }
  }
  const actions = [{ path: /^\/api\/routes\/([^/]+)\/overrule$/, run }]
  return { ...(await serve(t, { actions }, token)), ran }
}

t.test('an action is a POST, and no other method', async (t) => {
  const { ask, ran } = await serveAction(t)
  const done = await ask(order, 'POST', orderly)
  t.equal(done.status, 200)
  t.strictSame(await done.json(), { done: true })
  t.strictSame(ran, ['my%20app'])
  for (const method of ['GET', 'HEAD', 'PUT', 'DELETE', 'PATCH', 'OPTIONS']) {
    const response = await ask(order, method, orderly)
    t.equal(response.status, 405)
    t.equal(response.headers.get('allow'), 'POST')
    t.equal(response.headers.get('access-control-allow-origin'), null)
    t.equal(response.headers.get('access-control-allow-headers'), null)
  }
  t.equal(ran.length, 1)
})

t.test('an action needs the token, if there is one', async (t) => {
  const secret = 'a-token-of-some-length'
  const { ask, ran } = await serveAction(t, secret)
  t.equal((await ask(order, 'POST', orderly)).status, 401)
  t.equal((await ask(order, 'POST', { ...orderly, authorization: 'Bearer wrong' })).status, 401)
  t.strictSame(ran, [])
  const authorization = `Bearer ${secret}`
  t.equal((await ask(order, 'POST', { ...orderly, authorization })).status, 200)
  t.equal((await ask(order, 'POST', { authorization })).status, 403, 'a browser may send the token')
})

/** The status of a POST with these header lines; `fetch` does not send all of them. */
async function statusOfPost(server: AdminServer, lines: Record<string, string>): Promise<string> {
  const socket = connect(server.address.port, '127.0.0.1')
  const headers = { host: 'localhost:9195', connection: 'close', ...orderly, ...lines }
  const text = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  socket.write(`POST ${order} HTTP/1.1\r\n${text.join('')}\r\n`)
  let answer = ''
  for await (const chunk of socket) answer += String(chunk)
  return answer.slice('HTTP/1.1 '.length, 'HTTP/1.1 200'.length)
}

t.test('another web page in the browser of the operator can order nothing', async (t) => {
  const { server, ask, ran } = await serveAction(t)
  const form = 'application/x-www-form-urlencoded'
  for (const [lines, status] of [
    [{ 'sec-fetch-site': 'cross-site' }, '403'],
    [{ 'sec-fetch-site': 'same-site', origin: 'http://localhost:9195' }, '403'],
    [{ 'sec-fetch-site': 'none' }, '403'],
    [{ origin: 'http://attacker.example' }, '403'],
    [{ origin: 'http://localhost:3000' }, '403'],
    [{ origin: 'null' }, '403'],
    [{ host: 'attacker.example', origin: 'http://attacker.example' }, '421'],
    [{ 'content-type': 'text/plain' }, '415'],
    [{ 'content-type': form }, '415'],
    [{ 'content-length': '1025' }, '413'],
    [{ 'transfer-encoding': 'chunked' }, '413'],
  ] as const)
    t.equal(await statusOfPost(server, lines), status, JSON.stringify(lines))
  t.equal((await ask(order, 'POST', { 'content-type': 'application/json' })).status, 403)
  t.strictSame(ran, [])
  for (const lines of [
    { 'sec-fetch-site': 'same-origin', origin: 'https://proxy.example' },
    { origin: 'http://localhost:9195' },
    {},
  ])
    t.equal(await statusOfPost(server, lines), '200', JSON.stringify(lines))
  t.equal(ran.length, 3)
})

t.test('an action that fails is 500, without the reason', async (t) => {
  const run = (): never => {
    throw new Error('a secret')
  }
  const { ask } = await serve(t, { actions: [{ path: /^\/api\/fail$/, run }] })
  const response = await ask('/api/fail', 'POST', orderly)
  t.equal(response.status, 500)
  t.equal(await response.text(), 'failed\n')
})

t.test('a page that fails is 500, without the reason, and the next one is served', async (t) => {
  const metrics = new Registry()
  metrics.metrics = () => Promise.reject(new Error('a secret'))
  const status = (): never => {
    throw new Error('a secret')
  }
  const { ask } = await serve(t, { metrics, status })
  for (const path of ['/metrics', '/api/status', '/api/events']) {
    const response = await ask(path)
    t.equal(response.status, 500)
    t.equal(await response.text(), 'failed\n')
  }
  t.equal((await ask('/healthz')).status, 200)
})

t.test('what is not HTTP is cut off, and the next request is served', async (t) => {
  const { server, ask } = await serve(t)
  const socket = connect(server.address.port, '127.0.0.1')
  socket.on('error', () => undefined)
  socket.write('\x16\x03\x01 this is TLS\r\n\r\n')
  await once(socket, 'close')
  t.equal((await ask('/healthz')).status, 200)
})

t.test('closes with whoever is connected, and more than once', async (t) => {
  const { server } = await serve(t)
  const socket = connect(server.address.port, '127.0.0.1')
  socket.on('error', () => undefined)
  await once(socket, 'connect')
  await server.close()
  if (!socket.closed) await once(socket, 'close')
  await server.close()
  t.throws(() => server.address, { message: 'not listening' })
})

t.test('an address that is taken is the system’s error', async (t) => {
  const { server } = await serve(t)
  const { port } = server.address
  await t.rejects(AdminServer.open({ ...loopback, port }, adminSources()), { code: 'EADDRINUSE' })
})

/** Asks /readyz until it has this status. */
async function untilReadiness(port: number, status: number): Promise<unknown> {
  for (;;) {
    const response = await ask(port, '/readyz')
    const body: unknown = await response.json()
    if (response.status === status) return body
  }
}

t.test('a proxy is ready while the provider API can be reached, alive all the time', async (t) => {
  const { adminPort, simulator } = await setStage(t)
  t.strictSame(await untilReadiness(adminPort, 200), {
    ready: true,
    routes: { app: true },
    store: 'reachable',
    degraded: false,
    problems: [],
  })
  await simulator.stop()
  t.match(await untilReadiness(adminPort, 503), {
    ready: false,
    routes: { app: false },
    store: 'reachable',
  })
  t.equal((await ask(adminPort, '/healthz')).status, 200)
})

t.test('a proxy that never reached the provider API is not ready', async (t) => {
  const unreachable = 'https://127.0.0.1:1'
  const providerApi = { production: unreachable, sandbox: unreachable }
  const { adminPort, log } = await setStage(t, { file: { providerApi } })
  await log.find('session.closed')
  const response = await ask(adminPort, '/readyz')
  t.equal(response.status, 503)
  t.match(await response.json(), {
    ready: false,
    routes: { app: false },
    store: 'reachable',
  })
})

t.test('a proxy counts what it received, by command, and what became of it', async (t) => {
  const { adminPort, ...stage } = await setStage(t, {
    simulator: { answers: [{ tokenPrefix: 'bad', reason: 'BadDeviceToken' }] },
  })
  const sender = await RawSender.open(t, { ...stage, port: stage.port })
  sender.end(`
    00 0020 ${token} 0002 7b7d
    00 0020 bad0${token.slice(4)} 0002 7b7d
    01 00000001 00000000 0020 ${token} 0003 7b7d20
    02 0000002f 01 0020 ${token} 02 0002 7b7d 03 0004 00000002
  `)
  await sender.saw('close')
  const text = await (await ask(adminPort, '/metrics')).text()
  const counts = text.split('\n').filter((line) => line.includes('_notifications_'))
  const total = (name: string, label: string): string | undefined =>
    counts
      .find((line) =>
        line.startsWith(`apns_legacy_proxy_notifications_${name}{route="app",${label}}`),
      )
      ?.split(' ')[1]
  t.equal(total('received_total', 'command="0"'), '2')
  t.equal(total('received_total', 'command="1"'), '1')
  t.equal(total('received_total', 'command="2"'), '1')
  t.equal(total('settled_total', 'outcome="delivered"'), '3')
  t.equal(total('settled_total', 'outcome="untold"'), '1')
  t.equal(total('settled_total', 'outcome="rejected"'), '0')
})
