/** The provider API behind a SOCKS5 proxy: through it, refused by it, and without it. */
import t from 'tap'
import { AcceleratedClock } from '../fixtures/accelerated-clock.ts'
import { untilAtLeast } from '../fixtures/condition.ts'
import { lostAndDoubled, none, pushes, settled } from '../fixtures/ledger.ts'
import { startMicrosocks, withoutMicrosocks } from '../fixtures/microsocks.ts'
import { freePort } from '../fixtures/port.ts'
import { dial, enhanced } from '../fixtures/resender.ts'
import { playProxy } from '../fixtures/scripted-proxy.ts'
import { setStage } from '../fixtures/stage.ts'

t.test('microsocks', { skip: withoutMicrosocks }, (t) => {
  for (const [scheme, login] of [
    ['socks5h', undefined],
    ['socks5', undefined],
    ['socks5h', 'push:s%65cret%40'],
  ] as const)
    t.test(`${scheme} ${login === undefined ? 'without' : 'with'} credentials`, async (t) => {
      const port = await freePort()
      await startMicrosocks(t, port, login && decodeURIComponent(login))
      const upstreamProxy = `${scheme}://${login === undefined ? '' : `${login}@`}127.0.0.1:${port}`
      const stage = await setStage(t, { upstreamProxy })
      const sent = pushes(500)
      const socket = await dial(stage)
      socket.write(Buffer.concat(sent.map((push, index) => enhanced(index, push))))
      await settled(stage, 500)
      t.same(lostAndDoubled(stage, sent), none)
      t.match(await stage.log.find('proxy.ready'), {
        routes: [{ through: `${scheme}://127.0.0.1:${port}` }],
      })
    })

  t.test('with wrong credentials, and with none', async (t) => {
    const port = await freePort()
    await startMicrosocks(t, port, 'push:secret')
    for (const login of ['push:wrong@', '']) {
      const stage = await setStage(t, { upstreamProxy: `socks5h://${login}127.0.0.1:${port}` })
      const { cause } = await stage.log.find('session.closed')
      t.match(cause, /^the proxy asks for credentials, or rejects them; set socks5h:.*providerApi/)
      t.notMatch(JSON.stringify(stage.log.lines), 'wrong')
    }
  })

  t.test('which cannot reach the provider API', async (t) => {
    const port = await freePort()
    await startMicrosocks(t, port)
    const upstreamProxy = `socks5h://127.0.0.1:${port}`
    const stage = await setStage(t, { upstreamProxy, production: 'https://127.0.0.1:1' })
    const { cause } = await stage.log.find('session.closed')
    t.match(cause, /^the proxy cannot reach the provider API itself; .*ConnectionRefused/)
  })
  t.end()
})

const welcome = [5, 0]
const name = 'push.invalid'

t.test('socks5h: the proxy gets the name; socks5: this machine resolves it', async (t) => {
  const { port, heard } = await playProxy(t, welcome, [5, 2, 0, 1, 0, 0, 0, 0, 0, 0])
  const at = (scheme: string): string => `${scheme}://127.0.0.1:${port}`
  const production = `https://${name}:2197`
  const remote = await setStage(t, { upstreamProxy: at('socks5h'), production })
  const { cause } = await remote.log.find('session.closed')
  t.match(cause, /^the proxy does not allow it; let it pass .*NotAllowed/)
  t.same(heard[1], Buffer.from([5, 1, 0, 3, name.length, ...Buffer.from(name), 8, 149]))
  const local = await setStage(t, { upstreamProxy: at('socks5'), production })
  t.match(await local.log.find('session.closed'), {
    cause: /^the proxy needs an address \(getaddrinfo .*\); use socks5h:\/\/ instead/,
  })
  t.equal(heard.length, 2)
})

for (const [what, answer, cause] of [
  ['speaks something else', 'SSH-2.0-OpenSSH_9.2\r\n', /^the proxy does not speak SOCKS5; correct/],
  ['closes', '', /^the proxy: Socket closed$/],
] as const)
  t.test(`a proxy that ${what}`, async (t) => {
    const { port } = await playProxy(t, answer)
    const stage = await setStage(t, { upstreamProxy: `socks5h://127.0.0.1:${port}` })
    t.match(await stage.log.find('session.closed'), { cause })
  })

t.test('a proxy that is not there', async (t) => {
  const stage = await setStage(t, { upstreamProxy: `socks5h://127.0.0.1:${await freePort()}` })
  t.match(await stage.log.find('session.closed'), { cause: /^the proxy: connect ECONNREFUSED/ })
})

t.test('a proxy that never answers is given up, and asked again', async (t) => {
  const { port, heard } = await playProxy(t)
  const clock = new AcceleratedClock(50)
  const stage = await setStage(t, { clock, upstreamProxy: `socks5h://127.0.0.1:${port}` })
  t.match(await stage.log.find('session.closed'), { cause: 'no answer while connecting' })
  await untilAtLeast(() => heard.length, 2)
  t.equal(await stage.proxy.stop(), true, 'and it does not hold up a stop')
})
