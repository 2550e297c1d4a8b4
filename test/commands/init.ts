/** The command `init`: every kind of file that an administrator may have. */
import { X509Certificate } from 'node:crypto'
import { copyFileSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import yargs from 'yargs'
import { checkConfiguration } from '../../src/check/check.ts'
import { systemClock } from '../../src/timing/clock.ts'
import { commands } from '../../src/commands/command-line.ts'
import { loadConfiguration } from '../../src/config/configuration.ts'
import { issuePushCertificate, type Issued } from '../../src/credentials/authority.ts'
import { CredentialError } from '../../src/credentials/credential-error.ts'
import type { CommandResult } from '../fixtures/command.ts'
import { authority } from '../fixtures/identity.ts'

const fixtures = fileURLToPath(new URL('../fixtures/credentials/', import.meta.url))
const noStack = /\n\s+at .*:\d+/
const yearMs = 365 * 86_400_000

interface Desk {
  readonly directory: string
  readonly init: (...args: string[]) => Promise<CommandResult>
  readonly write: (name: string, text: string) => void
}

/** A folder with fixtures in it, and `init` run there. */
function desk(t: Test, ...files: string[]): Desk {
  const directory = t.testdir()
  const write = (name: string, text: string): void => {
    writeFileSync(join(directory, name), text, { mode: 0o600 })
  }
  for (const file of files) copyFileSync(join(fixtures, file), join(directory, file))
  write('pass', 'correct-horse\n')
  write('wrong', 'battery-staple\n')
  return { directory, write, init: (...args) => run(t, args, directory) }
}

/** In this process, since starting one for each row would take minutes. */
async function run(t: Test, args: readonly string[], directory: string): Promise<CommandResult> {
  const before = process.cwd()
  process.chdir(directory)
  const captured = t.capture(console, 'log')
  const said = (): string =>
    captured()
      .map(({ args: [text] }) => `${String(text)}\n`)
      .join('')
  try {
    await commands
      .init(yargs(['init', ...args]))
      .strict()
      .exitProcess(false)
      .fail((message: string | undefined, error: Error | undefined) => {
        throw error ?? new Error(message)
      })
      .parseAsync()
    return { code: 0, stdout: said(), stderr: '' }
  } catch (error) {
    const { message } = error as Error
    const told = error instanceof CredentialError ? error.messageForOptions : message
    return { code: 1, stdout: said(), stderr: `${told}\n` }
  } finally {
    captured.restore()
    process.chdir(before)
  }
}

function push(topic: string, issuedAt = new Date()): Promise<Issued> {
  return issuePushCertificate(authority, { topic, environments: ['production'] }, issuedAt)
}

const expiredAt = new Date(Date.now() - 3 * yearMs)

/** The configuration that was written must be fit for use as it is. */
async function configured(
  t: Test,
  { directory }: Desk,
): Promise<ReturnType<typeof loadConfiguration>> {
  const path = join(directory, 'proxy.yaml')
  const findings = await checkConfiguration(
    path,
    { offline: true, live: false, version: '1.2.3' },
    systemClock,
  )
  t.same(
    findings.filter(({ severity }) => severity === 'error'),
    [],
  )
  return loadConfiguration(join(directory, 'proxy.yaml'))
}

t.test('a .p12 of Keychain Access with its passphrase in a file', async (t) => {
  const it = desk(t, 'mdm-legacy.p12')
  const { code, stdout, stderr } = await it.init('mdm-legacy.p12', '--passphrase-file', 'pass')
  t.match({ code, stderr }, { code: 0, stderr: '' })
  t.same(readdirSync(it.directory).sort(), ['mdm-legacy.p12', 'pass', 'proxy.yaml', 'tls', 'wrong'])
  t.same(readdirSync(join(it.directory, 'tls')).sort(), [
    'ca.key',
    'ca.pem',
    'server.key',
    'server.pem',
  ])
  for (const name of ['ca.key', 'server.key'])
    t.equal(statSync(join(it.directory, 'tls', name)).mode & 0o777, 0o600, name)
  t.match((await configured(t, it)).routes, [
    { name: 'mdm', environment: 'production', topic: /^com\.apple\.mgmt\.External\.6f1c2a52/ },
  ])
  const steps = [
    '\n1. Let the sender trust tls/ca.pem',
    '\n2. Point these names',
    '\n3. Check, then run',
  ]
  for (const step of steps) t.ok(stdout.includes(step), step)
  t.match(stdout, /^ +(\S+) gateway\.push\.apple\.com\n +\1 feedback\.push\.apple\.com$/m)
  t.notMatch(stdout, /sandbox/)
  t.notMatch(stdout, /correct-horse/)
  t.ok(stdout.split('\n').every((line) => line.length <= 80))
})

t.test(
  'the server certificate: the four names, further hosts, RSA unless told otherwise',
  async (t) => {
    const it = desk(t, 'push-combined.pem')
    const hosts = ['--host', 'push.example.com', '--host', '10.1.2.3']
    const { code, stdout } = await it.init('push-combined.pem', ...hosts, '--key-type', 'ecdsa')
    t.equal(code, 0)
    t.match(stdout, /^ +10\.1\.2\.3 gateway\.push\.apple\.com$/m)
    const read = (name: string): X509Certificate =>
      new X509Certificate(readFileSync(join(it.directory, 'tls', name)))
    const server = read('server.pem')
    t.equal(
      server.subjectAltName,
      'DNS:gateway.push.apple.com, DNS:feedback.push.apple.com, DNS:gateway.sandbox.push.apple.com, ' +
        'DNS:feedback.sandbox.push.apple.com, DNS:push.example.com, IP Address:10.1.2.3',
    )
    t.equal(server.publicKey.asymmetricKeyType, 'ec')
    t.ok(server.verify(read('ca.pem').publicKey))
  },
)

t.test('certificate and key in two files, in any order, are put together', async (t) => {
  for (const files of [
    ['mdm.pem', 'mdm.key'],
    ['mdm.key', 'mdm.pem'],
  ]) {
    const it = desk(t, 'mdm.pem', 'mdm.key')
    t.match(await it.init(...files), { code: 0 })
    const text = readFileSync(join(it.directory, 'proxy.yaml'), 'utf8')
    t.match(text, /certificate: mdm\.pem\n +key: mdm\.key\n/)
    t.match((await configured(t, it)).routes, [{ name: 'mdm' }])
  }
})

t.test('several credentials become several routes, each opened with its passphrase', async (t) => {
  const it = desk(t, 'mdm-legacy.p12', 'push-modern.p12')
  const other = await push('com.other.shop')
  it.write('a name: with #.pem', other.certificatePem + other.keyPem)
  const files = ['mdm-legacy.p12', 'push-modern.p12', 'a name: with #.pem']
  const { code } = await it.init(
    ...files,
    '--passphrase-file',
    'wrong',
    '--passphrase-file',
    'pass',
  )
  t.equal(code, 0)
  t.match((await configured(t, it)).routes, [
    { name: 'mdm' },
    { name: 'shop', topic: 'com.example.shop' },
    { name: 'shop-2', topic: 'com.other.shop' },
  ])
})

t.test('a passphrase from the environment is kept in a file of its own', async (t) => {
  const it = desk(t, 'mdm-legacy.p12')
  process.env['APNS_LEGACY_PROXY_PASSPHRASE'] = 'correct-horse'
  t.teardown(() => delete process.env['APNS_LEGACY_PROXY_PASSPHRASE'])
  t.match(await it.init('mdm-legacy.p12'), { code: 0 })
  t.equal(readFileSync(join(it.directory, 'push.pass'), 'utf8'), 'correct-horse\n')
  t.equal(statSync(join(it.directory, 'push.pass')).mode & 0o777, 0o600)
  t.match((await configured(t, it)).routes, [{ name: 'mdm' }])
})

t.test(
  'a signing key: topic, team and sender from the certificate, key ID from its name',
  async (t) => {
    const it = desk(t, 'AuthKey_ABC123DEFG.p8', 'push.pem')
    t.match(await it.init('AuthKey_ABC123DEFG.p8', 'push.pem'), { code: 0 })
    const [route] = (await configured(t, it)).routes
    t.match(route, {
      name: 'shop',
      topic: 'com.example.shop',
      credential: { kind: 'signing-key', keyId: 'ABC123DEFG', teamId: 'DEF123GHIJ' },
      senderKeys: ['adcec1db12b6c04ec9c47034d9271ebb86f18a46d2ad61a34c3cdee15e705c4e'],
    })
  },
)

t.test('beside a signing key, an expired certificate still tells who the sender is', async (t) => {
  const it = desk(t, 'AuthKey_ABC123DEFG.p8')
  const old = await push('com.example.old', expiredAt)
  it.write('old.pem', old.certificatePem + old.keyPem)
  const args = ['AuthKey_ABC123DEFG.p8', 'old.pem', '--team-id', 'DEF123GHIJ']
  t.match(await it.init(...args), { code: 0 })
  t.match((await configured(t, it)).routes, [
    { topic: 'com.example.old', credential: { kind: 'signing-key' } },
  ])
})

t.test('a further certificate of the same topic is a sender beside the own one', async (t) => {
  const it = desk(t)
  const [current, older] = [await push('com.example.app'), await push('com.example.app', expiredAt)]
  it.write('push.pem', current.certificatePem + current.keyPem)
  it.write('older.pem', older.certificatePem)
  t.match(await it.init('push.pem', 'older.pem'), { code: 0 })
  const { routes } = await configured(t, it)
  t.equal(routes[0]?.senderKeys.length, 2)
})

t.test('a CA signs for the hosts alone for which it was made', async (t) => {
  const it = desk(t, 'push-combined.pem')
  const again = (...hosts: string[]): Promise<CommandResult> =>
    it.init(
      'push-combined.pem',
      '--ca',
      'tls/ca.pem',
      '-d',
      hosts.join(),
      ...hosts.flatMap((host) => ['--host', host]),
    )
  await it.init('push-combined.pem', '--host', 'proxy.example.com', '--host', '10.0.0.1')
  t.equal((await again('proxy.example.com', '10.0.0.1')).code, 0)
  t.match(await again('10.0.0.1', '10.0.0.2', '::1', 'other.example.com'), {
    code: 1,
    stderr: /^--ca tls\/ca\.pem: .*do not permit 10\.0\.0\.2, ::1, other\.example\.com\. Omit --ca/,
  })
})

t.test('a CA without constraints signs for every host', async (t) => {
  const it = desk(t, 'push-combined.pem')
  it.write('old.pem', authority.certificatePem)
  it.write('old.key', authority.keyPem)
  const args = ['--ca', 'old.pem', '--host', 'other.example.com', '--host', '10.0.0.2']
  t.equal((await it.init('push-combined.pem', ...args)).code, 0)
})

t.test('an existing CA signs a renewed certificate, and its key stays where it is', async (t) => {
  const it = desk(t, 'push-combined.pem')
  await it.init('push-combined.pem')
  const { code, stdout } = await it.init('push-combined.pem', '--ca', 'tls/ca.pem', '-d', 'renewed')
  t.equal(code, 0)
  t.match(
    stdout,
    /^To renew a server certificate, move these two.*\n.*\n +renewed\/tls\/server\.pem$/m,
  )
  const read = (name: string): string => readFileSync(join(it.directory, name), 'utf8')
  t.same(readdirSync(join(it.directory, 'renewed/tls')).sort(), [
    'ca.pem',
    'server.key',
    'server.pem',
  ])
  t.equal(read('renewed/tls/ca.pem'), read('tls/ca.pem'))
  const ca = new X509Certificate(read('tls/ca.pem'))
  t.ok(new X509Certificate(read('renewed/tls/server.pem')).verify(ca.publicKey))
  t.not(read('renewed/tls/server.pem'), read('tls/server.pem'))
})

const app = await push('com.example.app')
const expired = await push('com.example.app', expiredAt)
const expiredMdm = await push('com.apple.mgmt.External.1', expiredAt)
const whole = ({ certificatePem, keyPem }: Issued): string => certificatePem + keyPem

/** Files of the test's own, arguments, and what is said. */
const refusals: readonly (readonly [string, Record<string, string>, readonly string[], RegExp])[] =
  [
    ['no file', {}, [], /^Name your credentials: a push certificate with its key/],
    [
      'no such file',
      {},
      ['gone.p12'],
      /gone\.p12: there is no such file; correct the path; .* the current folder/,
    ],
    [
      'an encrypted file without a passphrase',
      {},
      ['mdm-legacy.p12'],
      /is encrypted, and no passphrase was given\. .*--passphrase-file\. .*APNS_LEGACY_PROXY_PASSPHRASE\. There is no option for the passphrase itself/,
    ],
    [
      'an encrypted file with another passphrase',
      {},
      ['mdm-legacy.p12', '--passphrase-file', 'wrong'],
      /is encrypted, and no given passphrase decrypts it \(first line of .*wrong: UTF-8, 1 line\)\. /,
    ],
    [
      'a certificate alone',
      {},
      ['mdm.pem'],
      /mdm\.pem: a certificate without its key, but APNs needs both/,
    ],
    [
      'a certificate with the key of another',
      { 'app.pem': app.certificatePem + expired.keyPem },
      ['app.pem'],
      /app\.pem: the private key does not belong to the certificate; give the key from/,
    ],
    ['a key alone', {}, ['mdm.key'], /mdm\.key: the key matches none of the given certificates/],
    [
      'a signing key alone',
      {},
      ['AuthKey_ABC123DEFG.p8'],
      /It does not identify the sender: .* lists its senders under senderCertificates\. Give the certificate of the sender/,
    ],
    [
      'a signing key and a certificate that tell too little',
      {
        'key.p8': readFileSync(join(fixtures, 'AuthKey_ABC123DEFG.p8'), 'utf8'),
        'app.pem': app.certificatePem,
      },
      ['key.p8', 'app.pem'],
      /does not contain the key ID, .*--key-id\n.*app\.pem: does not contain the team ID; give it with --team-id/s,
    ],
    [
      'a signing key for MDM',
      {},
      ['AuthKey_ABC123DEFG.p8', 'mdm.pem', '--team-id', 'DEF123GHIJ'],
      /MDM topics need a push certificate/,
    ],
    [
      'an expired certificate',
      { 'app.pem': whole(expired) },
      ['app.pem'],
      /expired on \d{4}-\d\d-\d\d, so APNs rejects it\. Renew it in the Apple developer account, or give a signing key/,
    ],
    [
      'an expired MDM certificate',
      { 'app.pem': whole(expiredMdm) },
      ['app.pem'],
      /Renew it at identity\.apple\.com .*"Renew", never "Create": the topic must stay/,
    ],
    [
      'the same key twice',
      { 'a.pem': whole(app), 'b.pem': whole(app) },
      ['a.pem', 'b.pem'],
      /b\.pem: has the same key as .*a\.pem; give only the one that expires last/,
    ],
    [
      'no push certificate',
      {},
      ['ca-with-key.pem'],
      /ca-with-key\.pem: names no topic \(no UID in its subject\)/,
    ],
    [
      'a host with a port',
      {},
      ['mdm.pem', 'mdm.key', '--host', 'https://a:1'],
      /--host https:\/\/a:1: write a name or an address alone/,
    ],
  ]

for (const [name, files, args, message] of refusals)
  t.test(`${name}: said, and nothing is written`, async (t) => {
    const it = desk(t, 'mdm-legacy.p12', 'mdm.pem', 'mdm.key', 'AuthKey_ABC123DEFG.p8')
    it.write('ca-with-key.pem', whole(authority))
    for (const [file, text] of Object.entries(files)) it.write(file, text)
    const before = readdirSync(it.directory)
    const { code, stdout, stderr } = await it.init(...args)
    t.not(code, 0)
    t.equal(stdout, '')
    t.match(stderr, message)
    t.notMatch(stderr, noStack)
    t.same(readdirSync(it.directory), before)
  })

t.test('nothing is overwritten', async (t) => {
  const it = desk(t, 'push-combined.pem')
  it.write('proxy.yaml', 'mine')
  const { code, stderr } = await it.init('push-combined.pem')
  t.equal(code, 1)
  t.equal(
    stderr,
    'proxy.yaml exists already, and init does not overwrite files; name an empty folder with --directory\n',
  )
  t.equal(readFileSync(join(it.directory, 'proxy.yaml'), 'utf8'), 'mine')
  t.notOk(readdirSync(it.directory).includes('tls'))
})
