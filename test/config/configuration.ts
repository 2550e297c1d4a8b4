/** What a configuration file may say, and how every fault in it is told at once. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { stringify } from 'yaml'
import { ConfigError, type ConfigProblem } from '../../src/config/config-error.ts'
import { loadConfiguration, type Configuration } from '../../src/config/configuration.ts'
import { pushCertificate, server } from '../fixtures/identity.ts'

const app = await pushCertificate('com.example.app')
const other = await pushCertificate('com.example.other')
const mdm = await pushCertificate('com.apple.mgmt.External.1')
const fixtures = fileURLToPath(new URL('../fixtures/credentials/', import.meta.url))

/** A folder with certificates and, as `proxy.yaml`, what is given. */
function configFile(t: Test, text: string, name = 'proxy.yaml'): string {
  const directory = mkdtempSync(join(tmpdir(), 'apns-legacy-proxy-'))
  t.teardown(() => {
    rmSync(directory, { recursive: true })
  })
  const write = (file: string, content: string): void => {
    writeFileSync(join(directory, file), content)
  }
  write('server.pem', server.certificatePem)
  write('server.key', server.keyPem)
  write('app.pem', app.certificatePem + app.keyPem)
  write('app.key', app.keyPem)
  write('other.pem', other.certificatePem + other.keyPem)
  write('other-cert.pem', other.certificatePem)
  write('mdm.pem', mdm.certificatePem + mdm.keyPem)
  write('empty.pem', '')
  write(name, text)
  return join(directory, name)
}

const good = {
  listeners: [{ kind: 'gateway' }],
  tls: { certificate: 'server.pem', key: 'server.key' },
  routes: [{ name: 'app', certificate: 'app.pem' }],
}

function load(t: Test, value: object): Configuration {
  return loadConfiguration(configFile(t, stringify(value)))
}

function problemsOf(path: string): readonly ConfigProblem[] {
  try {
    loadConfiguration(path)
  } catch (error) {
    if (error instanceof ConfigError) return error.problems
    throw error
  }
  throw new Error('no problem found')
}

t.test('a short file gets the defaults', (t) => {
  const { listeners, admin, limits, journal, routes, providerApi } = load(t, good)
  t.match(listeners, [{ kind: 'gateway', host: '0.0.0.0', port: 2195, minVersion: 'TLSv1.2' }])
  t.same(admin, { host: '127.0.0.1', port: 9195, token: undefined })
  t.match(limits, { maxConnections: 1000, drainSeconds: 20 })
  t.match(journal, { enabled: true, maxEntries: 100_000 })
  t.equal(providerApi.origins.production, 'https://api.push.apple.com')
  t.match(routes, [
    {
      name: 'app',
      environment: 'production',
      topic: 'com.example.app',
      unregistered: 'feedback',
      retryForSeconds: 86_400,
      errorDeadlineMs: 500,
      resendWindowSeconds: 10,
    },
  ])
  t.end()
})

t.test('resends of MDM pushes are not held back, unless a route says so', (t) => {
  const route = { name: 'mdm', certificate: 'mdm.pem' }
  t.equal(load(t, { ...good, routes: [route] }).routes[0]?.resendWindowSeconds, 0)
  const routes = [{ ...route, resendWindowSeconds: 5 }]
  t.equal(load(t, { ...good, routes }).routes[0]?.resendWindowSeconds, 5)
  t.end()
})

t.test('an MDM push without expiration lives for a week, unless a route says otherwise', (t) => {
  const route = { name: 'mdm', certificate: 'mdm.pem' }
  const expirationOf = (entry: object): unknown =>
    load(t, { ...good, routes: [{ ...route, ...entry }] }).routes[0]?.expiration
  t.same(expirationOf({}), { default: 604_800 })
  t.same(expirationOf({ expiration: {} }), {})
  t.same(expirationOf({ expiration: { minimum: 60 } }), { minimum: 60 })
  t.equal(load(t, good).routes[0]?.expiration, undefined)
  t.end()
})

t.test('keys of earlier versions are taken, and named', (t) => {
  const [route] = good.routes
  const routes = [route, { ...route, name: 'other', certificate: 'mdm.pem', window: 5 }]
  t.same(load(t, { ...good, window: 100, routes }).ignored, ['window', 'routes[1].window'])
  t.same(load(t, good).ignored, [])
  t.end()
})

t.test('JSON is as good as YAML', (t) => {
  const path = configFile(t, JSON.stringify(good), 'proxy.json')
  t.equal(loadConfiguration(path).routes.length, 1)
  t.end()
})

t.test('unknown keys, missing files and wrong values are told at once', (t) => {
  const path = configFile(
    t,
    stringify({
      listeners: [{ kind: 'gateway', port: 70_000, prot: 1 }],
      tls: { certificate: 'server.pem', key: 'gone.key' },
      providerApi: { production: 'http://api.push.apple.com' },
      routes: [{ name: 'app', certificate: 'app.pem', topik: 'x', window: 0 }],
      retires: 3,
    }),
  )
  const paths = problemsOf(path).map((problem) => problem.path)
  t.same(paths.sort(), [
    'listeners[0].port',
    'listeners[0].prot',
    'providerApi.production',
    'retires',
    'routes[0].topik',
    'routes[0].window',
    'tls.key',
  ])
  t.end()
})

t.test('a text that is not YAML is told with its line', (t) => {
  const [problem] = problemsOf(configFile(t, 'listeners:\n  - {kind: gateway\nroutes: [}\n'))
  t.match(problem, { path: /^line [23], column \d+$/, message: /is not YAML/ })
  t.end()
})

t.test('what is not a block of keys is told as such', (t) => {
  t.match(problemsOf(configFile(t, '- 1\n'))[0]?.message, /must be a block of keys and values/)
  t.match(problemsOf(configFile(t, 'proxy'))[0]?.message, /must be a block .*, not text/)
  t.match(
    problemsOf(configFile(t, '# all of it\n'))[0]?.message,
    /has no value; it must be a block/,
  )
  t.match(problemsOf(configFile(t, ' \n'))[0]?.message, /is empty; start from an example/)
  t.end()
})

t.test('an alias without an anchor, a key twice and a folder are no configuration', (t) => {
  t.match(problemsOf(configFile(t, 'tls: *server\n')), [
    { message: /is not YAML: Unresolved alias/ },
  ])
  t.match(problemsOf(configFile(t, 'tls: 1\ntls: 2\n')), [{ path: 'line 2, column 1' }])
  const folder = dirname(configFile(t, ''))
  t.match(problemsOf(folder), [
    { path: folder, message: /this is a folder, not a file; name a file/ },
  ])
  const missing = join(folder, 'missing.yaml')
  t.match(problemsOf(missing), [{ path: missing, message: /there is no such file; .*--config/ }])
  t.end()
})

t.test('a mistake in one part does not hide those in another', (t) => {
  const path = configFile(
    t,
    stringify({
      listeners: [{ kind: 'gateway', port: 'all' }],
      tls: { certificate: 'server.pem', key: 'app.key' },
      providerApi: { certificateAuthority: 'empty.pem' },
      routes: [
        { name: 5, certificate: 'gone.p12', keyId: 7 },
        { name: 'a', certificate: 'app.pem', topic: 'com.example.shop' },
        { name: 'b', certificate: 'other.pem' },
        { name: 'b', certificate: 'other.pem' },
        { name: 'c', keyId: false },
        { name: 'd', certificate: 'other-cert.pem', key: 'app.key', topik: 'x' },
      ],
    }),
  )
  t.same(
    problemsOf(path).map((problem) => problem.path),
    [
      'listeners[0].port',
      'routes[0].name',
      'routes[0].certificate',
      'routes[0].keyId',
      'routes[4].keyId',
      'routes[4].certificate',
      'routes[5].topik',
      'routes[1].topic',
      'routes[5].key',
      'routes[3].name',
      'routes[3].senderCertificates',
      'tls.key',
      'providerApi.certificateAuthority',
    ],
  )
  t.end()
})

t.test('each problem names its place, what must stand there, and no value', (t) => {
  const path = configFile(
    t,
    stringify({
      listeners: [{ kind: 'gatway' }, { port: 2196 }],
      admin: { port: '9195' },
      tls: { certificate: 'server.pem', key: 'server.key', passphrase: 'hunter2' },
      window: 1.5,
      journal: { enabled: 'no', maxEntries: 0 },
      store: 'redis',
      routes: [
        { name: '', certificate: '.', senderCertificates: 'app.pem', priority: 7 },
        { name: 'b', certificate: 'app.pem', senderCertificates: ['sha256:AB', null] },
      ],
    }),
  )
  const folder = dirname(path)
  t.same(
    new Map(problemsOf(path).map((problem) => [problem.path, problem.message])),
    new Map([
      ['listeners[0].kind', 'must be gateway or feedback'],
      ['listeners[1].kind', 'must be gateway or feedback'],
      ['admin.port', 'must be a number, not text; write digits only, without quotes and unit'],
      ['tls.passphrase', 'is not a known key; correct its spelling or remove it'],
      ['store', 'must be lmdb, or the URL of Redis, for example redis://host:6379'],
      ['journal.enabled', 'must be true or false, not text; remove the quotes'],
      ['journal.maxEntries', 'must be 1 or more'],
      ['window', 'must be a whole number, not a fraction'],
      ['routes[0].name', 'must be given: it is empty'],
      ['routes[0].certificate', `${folder} is a folder; name a file in it`],
      ['routes[0].senderCertificates', 'must be a list, each entry after "- ", not text'],
      ['routes[0].priority', 'must be 5 or 10'],
      [
        'routes[1].senderCertificates[0]',
        'must be sha256: and 64 digits of 0–9 and a–f, as in the log line about a refused sender',
      ],
      ['routes[1].senderCertificates[1]', 'has no value; it must be text'],
    ]),
  )
  t.end()
})

t.test('a token is asked of who looks from elsewhere, and never told', (t) => {
  const withAdmin = (admin: object, token?: string): string => {
    const path = configFile(t, stringify({ ...good, admin }))
    if (token !== undefined) writeFileSync(join(dirname(path), 'admin.token'), token)
    return path
  }
  const tokenFile = 'admin.token'
  const given = withAdmin({ host: '0.0.0.0', tokenFile }, 'correct-horse-battery\nsecond line\n')
  t.equal(loadConfiguration(given).admin.token, 'correct-horse-battery')
  for (const host of ['127.0.0.1', '127.8.9.1', '::1', 'localhost'])
    t.equal(loadConfiguration(withAdmin({ host })).admin.token, undefined)
  for (const host of ['0.0.0.0', '::', '10.0.0.1', '127.example', 'proxy.example'])
    t.match(problemsOf(withAdmin({ host })), [
      { path: 'admin.tokenFile', message: /^is needed if host is not loopback/ },
    ])
  for (const token of [
    '',
    'short',
    'fifteen-of-them',
    'with spaces in the middle',
    '\nsecond-line-only',
  ])
    t.match(problemsOf(withAdmin({ tokenFile }, token)), [
      { path: 'admin.tokenFile', message: /16 or more .* openssl rand/ },
    ])
  t.match(problemsOf(withAdmin({ tokenFile })), [
    { path: 'admin.tokenFile', message: /does not exist/ },
  ])
  t.end()
})

t.test('relative paths begin at the folder of the file', (t) => {
  const path = configFile(t, stringify({ ...good, dataDirectory: 'kept' }))
  t.equal(loadConfiguration(path).dataDirectory, join(dirname(path), 'kept'))
  t.equal(loadConfiguration(relative('', path)).dataDirectory, join(dirname(path), 'kept'))
  t.end()
})

t.test('an encrypted key of the proxy itself takes a passphrase', (t) => {
  const tls = { certificate: `${fixtures}push.pem`, key: `${fixtures}push-pkcs8-encrypted.key` }
  const needed = problemsOf(configFile(t, stringify({ ...good, tls })))
  t.match(needed, [{ path: 'tls.key', message: /under "passphraseFile"/ }])
  const path = configFile(t, stringify({ ...good, tls: { ...tls, passphraseFile: 'server.pass' } }))
  writeFileSync(join(dirname(path), 'server.pass'), 'correct-horse\n')
  t.match(loadConfiguration(path).tls, { keyPem: /BEGIN PRIVATE KEY/ })
  t.end()
})

const wrongRoutes: readonly [name: string, route: object, path: string, message: RegExp][] = [
  ['nothing to send with', {}, 'routes[0].certificate', /signingKey/],
  ['a file that is not there', { certificate: 'no.p12' }, 'routes[0].certificate', /not exist/],
  ['an empty file', { certificate: 'empty.pem' }, 'routes[0].certificate', /empty/],
  ['a certificate without key', { certificate: 'other-cert.pem' }, 'routes[0].certificate', /key/],
  [
    'a key of another certificate',
    { certificate: 'other-cert.pem', key: 'app.key' },
    'routes[0].key',
    /belong/,
  ],
  [
    'a wrong passphrase',
    { certificate: `${fixtures}push-legacy.p12`, passphraseFile: 'app.key' },
    'routes[0].certificate',
    /passphrase/,
  ],
  [
    'a signing key that is none',
    {
      signingKey: 'app.key',
      keyId: 'ABC123DEFG',
      teamId: 'DEF123GHIJ',
      topic: 'a.b',
      senderCertificates: ['app.pem'],
    },
    'routes[0].signingKey',
    /P-256|\.p8/,
  ],
  ['a signing key alone', { signingKey: 'app.key' }, 'routes[0].keyId', /needed with signingKey/],
  [
    'a signing key for MDM',
    {
      signingKey: 'app.key',
      keyId: 'ABC123DEFG',
      teamId: 'DEF123GHIJ',
      topic: 'com.apple.mgmt.External.1',
      senderCertificates: ['app.pem'],
    },
    'routes[0].signingKey',
    /MDM topics need a push certificate/,
  ],
  [
    'certificate and signing key',
    { certificate: 'app.pem', signingKey: 'app.key' },
    'routes[0].signingKey',
    /not both/,
  ],
  [
    'an environment that its certificate is not for',
    { certificate: `${fixtures}mdm.pem`, key: `${fixtures}mdm.key`, environment: 'sandbox' },
    'routes[0].environment',
    /is for production, not for sandbox/,
  ],
  [
    'a sender that is no certificate',
    { certificate: 'app.pem', senderCertificates: ['app.key'] },
    'routes[0].senderCertificates',
    /app\.key: the file has no readable certificate/,
  ],
  [
    'a topic of somebody else',
    { certificate: 'app.pem', topic: 'com.example.shop' },
    'routes[0].topic',
    /com\.example\.app/,
  ],
]

for (const [name, route, path, message] of wrongRoutes)
  t.test(`a route with ${name}`, (t) => {
    const value = { ...good, routes: [{ name: 'app', ...route }] }
    const problems = problemsOf(configFile(t, stringify(value)))
    const found = problems.find((problem) => problem.path === path)
    t.match(found?.message, message, JSON.stringify(problems))
    t.notMatch(JSON.stringify(problems), /PRIVATE KEY/)
    t.end()
  })

t.test('one sender in two routes is a conflict, but not across pinned environments', (t) => {
  const routes = [
    { name: 'a', certificate: 'app.pem' },
    { name: 'b', certificate: 'app.pem', environment: 'sandbox' },
  ]
  const path = configFile(t, stringify({ ...good, routes }))
  t.match(problemsOf(path), [{ path: 'routes[1].senderCertificates', message: /route a/ }])
  const listeners = [
    { kind: 'gateway', environment: 'production' },
    { kind: 'gateway', port: 2295, environment: 'sandbox' },
  ]
  t.equal(load(t, { ...good, listeners, routes }).routes.length, 2)
  t.end()
})

t.test('two routes of one name are a conflict', (t) => {
  const routes = [
    { name: 'a', certificate: 'app.pem' },
    { name: 'a', certificate: 'other.pem' },
  ]
  const path = configFile(t, stringify({ ...good, routes }))
  t.match(problemsOf(path), [{ path: 'routes[1].name', message: /another route is called a too/ }])
  t.end()
})
