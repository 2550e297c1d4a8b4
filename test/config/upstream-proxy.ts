/** Which proxy is on the way to APNs, by configuration and environment. */
import t from 'tap'
import { isProxyAddress, upstreamProxy } from '../../src/config/upstream-proxy.ts'

const production = 'https://api.push.apple.com'
const proxy = 'http://proxy.example:3128'

function urlOf(
  environment: NodeJS.ProcessEnv,
  { origin = production, configured }: { origin?: string; configured?: string } = {},
): string | undefined {
  return upstreamProxy(origin, configured, environment)?.url
}

t.test('the configuration comes before the environment, and none ignores it', (t) => {
  const environment = { HTTPS_PROXY: proxy }
  t.equal(urlOf(environment), proxy)
  t.equal(urlOf(environment, { configured: 'socks5://other:1080' }), 'socks5://other:1080')
  t.equal(urlOf(environment, { configured: 'none' }), undefined)
  t.equal(urlOf({}), undefined)
  t.equal(urlOf({ HTTPS_PROXY: '' }), undefined)
  t.end()
})

t.test('names of variables, in the order of curl; HTTP_PROXY is for other addresses', (t) => {
  t.equal(urlOf({ https_proxy: proxy, HTTPS_PROXY: 'http://other' }), proxy)
  t.equal(urlOf({ ALL_PROXY: 'socks5h://s:1080' }), 'socks5h://s:1080')
  t.equal(urlOf({ HTTP_PROXY: proxy, http_proxy: proxy }), undefined)
  t.equal(urlOf({ HTTPS_PROXY: 'proxy.example:3128' }), proxy, 'without a scheme, it is HTTP')
  t.end()
})

t.test('shows where it is set, and never the password', (t) => {
  const shown = (configured?: string): string | undefined =>
    upstreamProxy(production, configured, { https_proxy: 'me:secret@proxy.example:8080' })?.shown
  t.equal(shown(), 'http://proxy.example:8080 (https_proxy)')
  t.equal(shown('socks5://me:secret@[::1]:1080'), 'socks5://[::1]:1080')
  t.end()
})

const excluding: readonly (readonly [excluded: string, isExcluded: boolean])[] = [
  ['*', true],
  ['api.push.apple.com', true],
  ['apple.com', true],
  ['.apple.com', true],
  ['*.apple.com', true],
  ['localhost, .APPLE.com', true],
  ['localhost push.apple.com', true],
  ['apple.com:443', true],
  ['apple.com:2197', false],
  ['le.com', false],
  ['other.example', false],
  ['', false],
  [' , ', false],
]

for (const [excluded, isExcluded] of excluding)
  t.test(`NO_PROXY '${excluded}' ${isExcluded ? 'excludes' : 'does not exclude'} APNs`, (t) => {
    const expected = isExcluded ? undefined : proxy
    t.equal(urlOf({ HTTPS_PROXY: proxy, NO_PROXY: excluded }), expected)
    t.equal(urlOf({ HTTPS_PROXY: proxy, no_proxy: excluded, NO_PROXY: 'x' }), expected)
    t.end()
  })

t.test('NO_PROXY with the port of the origin, and without effect on the configuration', (t) => {
  const environment = { HTTPS_PROXY: proxy, NO_PROXY: 'apple.com:2197' }
  t.equal(urlOf(environment, { origin: `${production}:2197` }), undefined)
  t.equal(urlOf({ NO_PROXY: '*' }, { configured: proxy }), proxy)
  t.end()
})

t.test('a simulator on loopback is reached without the proxy of the environment', (t) => {
  for (const host of ['localhost', '127.0.0.1', '[::1]'])
    t.equal(urlOf({ HTTPS_PROXY: proxy }, { origin: `https://${host}:8443` }), undefined)
  t.end()
})

t.test('a variable that is no address is a mistake, which is named without its value', (t) => {
  for (const value of ['ftp://me:secret@x', 'http://', 'http://me:secret%@x', 'socks4://x:1080']) {
    const message = /^is not set, and the environment variable HTTPS_PROXY must be an http:\/\//
    t.throws(() => urlOf({ HTTPS_PROXY: value }), { message })
    t.notOk(isProxyAddress(value))
  }
  t.end()
})
