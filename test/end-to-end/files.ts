/** Files as people have them: through `init` and `check`, and then a notification through the proxy. */
import { cpSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { parse } from 'yaml'
import yargs from 'yargs'
import { checkConfiguration } from '../../src/check/check.ts'
import { report, type Finding } from '../../src/check/finding.ts'
import { commands } from '../../src/commands/command-line.ts'
import { issuePushCertificate, type Issued } from '../../src/credentials/authority.ts'
import type { Environment } from '../../src/credentials/certificate.ts'
import { startSimulator, type ReceivedNotification } from '../../src/simulator/provider-api.ts'
import { systemClock } from '../../src/timing/clock.ts'
import { untilAtLeast } from '../fixtures/condition.ts'
import { folder } from '../fixtures/folder.ts'
import { authority, server } from '../fixtures/identity.ts'
import { exportOf } from '../fixtures/pkcs12-writer.ts'
import { dial, enhanced } from '../fixtures/resender.ts'
import { setStage } from '../fixtures/stage.ts'

const passphrase = 'correct-horse'
const both = ['production', 'sandbox'] as const

function issue(topic: string, environments: readonly Environment[] = both): Promise<Issued> {
  return issuePushCertificate(authority, { topic, environments }, new Date())
}

const app = await issue('com.example.app')
const other = await issue('com.example.other')
const production = await issue('com.example.app', ['production'])
const sandbox = await issue('com.example.app', ['sandbox'])
const distribution = await issue('TEAM123456', [])
const whole = ({ certificatePem, keyPem }: Issued): string => certificatePem + keyPem
const signingKey = readFileSync('test/fixtures/credentials/AuthKey_ABC123DEFG.p8', 'utf8')

interface Scene {
  readonly directory: string
  readonly init: () => Promise<string>
  readonly check: () => Promise<readonly Finding[]>
}

/** A folder with the files of a test, and the commands run there. */
function scene(t: Test, files: Readonly<Record<string, string | Buffer>>): Scene {
  const directory = folder(t)
  const write = (name: string, content: string | Buffer): string => {
    writeFileSync(join(directory, name), content, { mode: 0o600 })
    return join(directory, name)
  }
  const ca = write('authority.pem', authority.certificatePem)
  write('authority.key', authority.keyPem)
  const paths = Object.entries(files).map(([name, content]) => write(name, content))
  const passes = paths.filter((path) => path.endsWith('.pass'))
  const given = paths.filter((path) => !passes.includes(path))
  return {
    directory,
    init: async () => {
      const said = t.capture(console, 'log')
      const options = ['--directory', directory, '--ca', ca, '--key-type', 'ecdsa']
      const secrets = passes.flatMap((path) => ['--passphrase-file', path])
      const args = ['init', ...given, ...options, ...secrets, '--team-id', 'DEF123GHIJ']
      await commands
        .init(yargs(args))
        .exitProcess(false)
        .fail((message: string | undefined, error: Error | undefined) => {
          throw error ?? new Error(message)
        })
        .parseAsync()
      const [line] = said.args()
      return String(line)
    },
    check: () =>
      checkConfiguration(
        join(directory, 'proxy.yaml'),
        { offline: true, live: false, version: '0.0.0' },
        systemClock,
      ),
  }
}

interface Routes {
  readonly routes: readonly { readonly name: string; readonly environment: string }[]
}

/** Sends one notification from each sender through a proxy with the routes that `init` wrote. */
async function serve(t: Test, directory: string, senders: readonly Issued[]): Promise<string[]> {
  const { routes } = parse(readFileSync(join(directory, 'proxy.yaml'), 'utf8')) as Routes
  const received: string[] = []
  const onNotification = ({ topic, status }: ReceivedNotification): void => {
    received.push(`${topic} ${status}`)
  }
  const apns = await startSimulator({ tls: server, onNotification }, { clock: systemClock })
  t.teardown(() => apns.stop())
  const stage = await setStage(t, {
    production: apns.origin,
    simulator: { environment: 'sandbox', onNotification },
    prepare: (place) => {
      cpSync(directory, place, { recursive: true })
    },
    file: { routes },
  })
  for (const [index, sender] of senders.entries()) {
    const token = String(index).repeat(64)
    const socket = await dial({ ...stage, sender })
    socket.end(enhanced(index, { token, payload: '{"aps":{"alert":"hello"}}' }))
    await untilAtLeast(() => received.length, index + 1)
  }
  return received
}

const inOneLine = (text: string): string => text.replaceAll('\n', ' ')

/** What is in the folder, the senders, and the routes as topic and environment. */
const accepted: readonly (readonly [
  what: string,
  files: Readonly<Record<string, string | Buffer>>,
  senders: readonly Issued[],
  routes: readonly string[],
])[] = [
  [
    'a .p12 with the certificates of two apps',
    { 'all.p12': exportOf([app, other], passphrase), 'all.pass': passphrase },
    [app, other],
    ['com.example.app production', 'com.example.other production'],
  ],
  [
    'a .p12 with production and sandbox',
    { 'all.p12': exportOf([sandbox, production], passphrase), 'all.pass': passphrase },
    [production, sandbox],
    ['com.example.app production', 'com.example.app sandbox'],
  ],
  [
    'a .p12 with a certificate for both and one for the sandbox alone',
    { 'all.p12': exportOf([sandbox, app], passphrase), 'all.pass': passphrase },
    [app, sandbox],
    ['com.example.app production', 'com.example.app sandbox'],
  ],
  [
    'a .p12 with a certificate for pushes and one that signs apps',
    { 'all.p12': exportOf([distribution, app], passphrase), 'all.pass': passphrase },
    [app],
    ['com.example.app production'],
  ],
  [
    'a passphrase file of PowerShell, with a second line',
    {
      'app.p12': exportOf([app], passphrase),
      'app.pass': Buffer.from(`\uFEFF${passphrase}\r\nsecond\r\n`, 'utf16le'),
    },
    [app],
    ['com.example.app production'],
  ],
  [
    'a .p12 as base64 text',
    { 'app.p12': exportOf([app], passphrase).toString('base64'), 'app.pass': passphrase },
    [app],
    ['com.example.app production'],
  ],
  [
    'a .p12 with line ends behind it',
    {
      'app.p12': Buffer.concat([exportOf([app], passphrase), Buffer.from('\r\n\n')]),
      'app.pass': passphrase,
    },
    [app],
    ['com.example.app production'],
  ],
  [
    'a PEM in UTF-16',
    { 'app.pem': Buffer.from(`\uFEFF${whole(app)}`, 'utf16le') },
    [app],
    ['com.example.app production'],
  ],
  [
    'a PEM in one line',
    { 'app.pem': inOneLine(whole(app)) },
    [app],
    ['com.example.app production'],
  ],
  [
    'a signing key in one line',
    { 'AuthKey_ABC123DEFG.p8': inOneLine(signingKey), 'sender.pem': app.certificatePem },
    [],
    ['com.example.app production'],
  ],
  [
    'a signing key in base64 of base64',
    {
      'AuthKey_ABC123DEFG.p8': Buffer.from(signingKey).toString('base64'),
      'sender.pem': app.certificatePem,
    },
    [],
    ['com.example.app production'],
  ],
]

for (const [what, files, senders, routes] of accepted)
  t.test(`${what}: set up, checked, and served`, async (t) => {
    const { directory, init, check } = scene(t, files)
    const said = await init()
    for (const route of routes)
      t.ok(said.replaceAll('\n   ', '').includes(`: ${route}`), `${route}\n${said}`)
    t.match(report(await check()), /no error: ready\.\n$/)
    const { routes: written } = parse(readFileSync(join(directory, 'proxy.yaml'), 'utf8')) as Routes
    t.equal(written.length, routes.length)
    const topics = routes.map((route) => `${route.split(' ')[0] ?? ''} 200`)
    if (senders.length > 0) t.same(await serve(t, directory, senders), topics)
  })

t.test('check lists what else is in the file', async (t) => {
  const all = exportOf([app, other, distribution], passphrase)
  const { init, check } = scene(t, { 'all.p12': all, 'all.pass': passphrase })
  await init()
  const text = report(await check()).replaceAll(/\s+/g, ' ')
  t.match(
    text,
    /the file also has com\.example\.other \(production, sandbox, until [\d-]+\), which/,
  )
  t.match(text, /the file also has UID=TEAM123456, .* \(no push certificate, until [\d-]+\), which/)
})

t.test('two certificates of one topic with keys of their own are one route', async (t) => {
  const renewed = exportOf([production, app], passphrase)
  const { directory, init, check } = scene(t, { 'all.p12': renewed, 'all.pass': passphrase })
  await init()
  t.match(report(await check()), /no error: ready\.\n$/)
  t.same(
    await serve(t, directory, [app, production]),
    ['com.example.app 200', 'com.example.app 200'],
    'and the sender may have either',
  )
})

t.test('a certificate that signs apps is not taken for one that sends', async (t) => {
  const { directory, init, check } = scene(t, { 'app.pem': whole(distribution) })
  await t.rejects(init(), {
    message:
      /app\.pem: is no push certificate \(.*\): its UID is a team, not a topic; give the push/,
  })
  const route = { name: 'app', certificate: 'app.pem' }
  writeFileSync(join(directory, 'proxy.yaml'), JSON.stringify({ routes: [route] }))
  t.match(
    (await check()).filter(({ subject }) => subject === 'routes[0].certificate'),
    [{ severity: 'error', finding: /^is no push certificate: its UID is a team/ }, {}, {}],
  )
})

t.test('two topics with one key: said, since the proxy tells senders apart by keys', async (t) => {
  const fixture = (name: string): string =>
    readFileSync(`test/fixtures/credentials/${name}`, 'utf8')
  const pem = fixture('mdm.pem') + fixture('old-voip.pem') + fixture('mdm.key')
  const { init } = scene(t, { 'all.pem': pem })
  await t.rejects(init(), {
    message:
      /the certificates for com\.apple\.mgmt\..* and com\.example\.phone\.voip have the same key/,
  })
})

for (const [what, content, message] of [
  ['the public half of a key', 'PUBLIC KEY', /only the public half of a key; give the private one/],
  ['a certificate request', 'CERTIFICATE REQUEST', /request, not a certificate; give the cert/],
] as const)
  t.test(`${what} beside a certificate: named by init, and by check`, async (t) => {
    const file = `-----BEGIN ${content}-----\nMFkw\n-----END ${content}-----\n`
    const files = { 'AuthKey_ABC123DEFG.p8': file, 'app.pem': app.certificatePem }
    const { directory, init, check } = scene(t, files)
    await t.rejects(init(), { message })
    const route = {
      ...{ name: 'app', signingKey: 'AuthKey_ABC123DEFG.p8', keyId: 'ABC123DEFG' },
      ...{ teamId: 'DEF123GHIJ', topic: 'com.example.app', senderCertificates: ['app.pem'] },
    }
    writeFileSync(join(directory, 'proxy.yaml'), JSON.stringify({ routes: [route] }))
    const found = (await check()).find(({ subject }) => subject === 'routes[0].signingKey')
    t.match(`${found?.finding}; ${found?.cure}`, message)
  })
