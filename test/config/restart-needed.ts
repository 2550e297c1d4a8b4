import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { loadConfiguration, type Configuration } from '../../src/config/configuration.ts'
import { reasonsForRestart } from '../../src/config/restart-needed.ts'
import type { Issued } from '../../src/credentials/authority.ts'
import { pushCertificate } from '../fixtures/identity.ts'
import { writeConfiguration } from '../fixtures/stage.ts'

const app = await pushCertificate('com.example.app')
const renewed = await pushCertificate('com.example.app')
const other = await pushCertificate('com.example.other')
const directory = mkdtempSync(join(tmpdir(), 'apns-legacy-proxy-'))
t.teardown(() => {
  rmSync(directory, { recursive: true })
})

function configuration(sender: Issued, file: Record<string, unknown> = {}): Configuration {
  return loadConfiguration(writeConfiguration(directory, sender, 'https://127.0.0.1:1', { file }))
}

const running = configuration(app)

t.test('what is read again from the same files stands against nothing', (t) => {
  t.same(reasonsForRestart(configuration(app), running), [])
  t.same(reasonsForRestart(configuration(renewed, { window: 7, maxSessions: 2 }), running), [])
  t.end()
})

const fixed = {
  listeners: [{ kind: 'gateway', host: '127.0.0.1', port: 2195 }],
  admin: { port: 9 },
  store: 'redis://127.0.0.1',
  told: { keepDays: 1 },
  dataDirectory: 'elsewhere',
  journal: { enabled: false },
  handshakeTimeoutMs: 5000,
}

for (const [key, value] of Object.entries(fixed))
  t.test(`${key} is told to need a restart`, (t) => {
    const [problem, ...more] = reasonsForRestart(configuration(app, { [key]: value }), running)
    t.match(problem, { path: new RegExp(`^${key}`), message: /restart/ })
    t.same(more, [])
    t.end()
  })

t.test('everything at once', (t) => {
  const paths = reasonsForRestart(configuration(other, fixed), running).map(({ path }) => path)
  t.same(paths, [
    'listeners',
    'admin',
    'store',
    'told',
    'dataDirectory',
    'journal.enabled',
    'handshakeTimeoutMs',
    'routes[0].certificate',
  ])
  t.end()
})

t.test('a certificate of another app is no renewal, and it says what to do instead', (t) => {
  const [problem] = reasonsForRestart(configuration(other), running)
  t.equal(problem?.path, 'routes[0].certificate')
  t.match(problem?.message, /com\.example\.other.*com\.example\.app.*Renew the old certificate/)
  t.end()
})

t.test('a route of another name may have any', (t) => {
  const routes = [{ name: 'another', certificate: 'push.pem' }]
  t.same(reasonsForRestart(configuration(other, { routes }), running), [])
  t.end()
})
