/** The command line as a newcomer meets it: help, first steps, and what goes wrong. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { issuePushCertificate } from '../../src/credentials/authority.ts'
import { until } from '../fixtures/condition.ts'
import { runCommand, startCommand } from '../fixtures/command.ts'
import { authority, pushCertificate } from '../fixtures/identity.ts'
import { writeConfiguration } from '../fixtures/stage.ts'

const sender = await pushCertificate('com.example.app')
const noStack = /\n\s+at .*:\d+/

function folder(t: Test): string {
  const directory = mkdtempSync(join(tmpdir(), 'apns-legacy-proxy-'))
  t.teardown(() => {
    rmSync(directory, { recursive: true, force: true })
  })
  return directory
}

/** The JSON line of an event, once it is on standard output. */
async function event(
  output: { readonly stdout: string },
  name: string,
): Promise<Record<string, unknown>> {
  const find = (): string | undefined =>
    output.stdout.split('\n').find((line) => line.includes(`"event":"${name}"`))
  await until(() => find() !== undefined)
  return JSON.parse(find() ?? '') as Record<string, unknown>
}

for (const command of [
  [],
  ['init'],
  ['check'],
  ['serve'],
  ['send'],
  ['feedback'],
  ['decode'],
  ['replay'],
  ['simulate'],
])
  t.test(`${command.join('')} --help fits 80 columns`, async (t) => {
    const { code, stdout } = await runCommand(t, [...command, '--help'])
    t.equal(code, 0)
    t.ok(stdout.length > 100)
    t.same(
      stdout.split('\n').filter((line) => line.length > 80),
      [],
    )
  })

t.test('--version is the version of the package', async (t) => {
  const { stdout } = await runCommand(t, ['--version'])
  t.match(stdout, /^\d+\.\d+\.\d+\n$/)
})

t.test('an unknown command is named, and where to look', async (t) => {
  const { code, stderr } = await runCommand(t, ['serv'])
  t.equal(code, 1)
  t.match(stderr, /serv\b.*--help/s)
  t.notMatch(stderr, noStack)
})

t.test('a configuration with many faults: all told, exit 78, before any port opens', async (t) => {
  const directory = folder(t)
  const path = join(directory, 'proxy.yaml')
  writeFileSync(
    path,
    'listeners: [{ kind: gateway, prot: 2195 }]\ntls: { certificate: no.pem, key: no.key }\nroutes: [{ name: a }]\nretires: 3\n',
  )
  const { code, stdout, stderr } = await runCommand(t, ['serve', '--config', path])
  t.equal(code, 78)
  t.equal(stdout, '')
  for (const part of [
    'listeners[0].prot',
    'did you mean port?',
    'tls.certificate',
    'tls.key',
    'routes[0]',
    'retires',
  ])
    t.ok(stderr.includes(part), part)
  t.notMatch(stderr, noStack)
})

t.test('a configuration that is not there: exit 78, and how to name it', async (t) => {
  const { code, stderr } = await runCommand(t, ['serve', '--config', join(folder(t), 'no.yaml')])
  t.equal(code, 78)
  t.match(stderr, /no\.yaml/)
  t.match(stderr, /--config/)
  t.notMatch(stderr, noStack)
})

/** A port that is taken; undefined where it cannot be, since another program has it already. */
async function occupy(t: Test, port: number): Promise<number | undefined> {
  const occupant = createServer((socket) => socket.on('error', () => undefined))
  occupant.listen(port, '127.0.0.1')
  try {
    await once(occupant, 'listening')
  } catch {
    return undefined
  }
  t.teardown(() => occupant.close())
  const address = occupant.address()
  return typeof address === 'object' ? address?.port : undefined
}

t.test('a port in use: exit 1, the key that asks for it, and what to do', async (t) => {
  const port = await occupy(t, 0)
  const config = writeConfiguration(folder(t), sender, 'https://127.0.0.1:1', {
    file: { listeners: [{ kind: 'gateway', host: '127.0.0.1', port }] },
  })
  const { code, stderr } = await runCommand(t, ['serve', '--config', config])
  t.equal(code, 1)
  t.match(stderr, /^listeners\[0\]\.port: .*EADDRINUSE.*another program listens there/)
  t.notMatch(stderr, noStack)
})

t.test('serve tells its ports in one line, refuses a twin, and ends with 0', async (t) => {
  const directory = folder(t)
  const config = writeConfiguration(directory, sender, 'https://127.0.0.1:1', {})
  const { child, output, result } = startCommand(t, ['serve', '--config', config])
  const ready = await event(output, 'proxy.ready')
  t.match(ready, { listeners: [{ kind: 'gateway', host: '127.0.0.1', port: Number }] })
  const twin = await runCommand(t, ['serve', '--config', config])
  t.equal(twin.code, 1)
  t.match(twin.stderr, /in use/)
  t.notMatch(twin.stderr, noStack)
  child.kill('SIGTERM')
  t.equal((await result).code, 0)
})

t.test('the commands that a rehearsal prints do what it says', async (t) => {
  const directory = folder(t)
  const { child, output, result } = startCommand(t, ['serve'], directory)
  await event(output, 'proxy.ready')
  await until(() => output.stderr.includes('Ctrl-C stops'))
  const printed = [...output.stderr.matchAll(/npx apns-legacy-proxy (\w+ --.*)/g)].map(
    ([, args = '']) => args.trim().split(' '),
  )
  const [good = [], bad = [], dead = [], feedback = [], ...more] = printed
  t.same(more, [])
  const run = (args: string[]): ReturnType<typeof runCommand> => runCommand(t, args, directory)
  const accepted = /Sent 1 notification\. Silence for 1000 ms: accepted\./
  t.match(await run(good), { code: 0, stdout: accepted })
  t.match(await run(bad), {
    code: 1,
    stdout: /Error response: status 8 \(invalid token\) for identifier 1/,
  })
  t.match(await run(dead), { code: 0, stdout: accepted })
  const told = await run(feedback)
  t.match(told, { code: 0, stderr: '', stdout: /^\{"token":"(dead){16}","timestamp":\d+,.*\}\n$/ })
  t.match(await run(feedback), { code: 0, stdout: '', stderr: /^No tokens\. .*list is empty, or/ })
  t.match(await event(output, 'simulator.notification'), { status: Number, topic: String })
  const files = join(directory, 'data', 'rehearsal')
  t.equal(statSync(join(files, 'sender.pem')).mode & 0o777, 0o600)
  t.equal(statSync(join(files, 'server.pem')).mode & 0o777, 0o600)
  t.ok(readdirSync(files).includes('ca.pem'))
  t.notMatch(output.stdout, /bad0bad0|0123456789abcdef/)
  child.kill('SIGINT')
  t.equal((await result).code, 0)
})

t.test('a rehearsal on other ports says why', async (t) => {
  await occupy(t, 2195)
  const { child, output, result } = startCommand(t, ['serve'], folder(t))
  await until(() => output.stderr.includes('Ctrl-C stops'))
  t.match(output.stderr, /^Port \d+ is taken by another program, so all ports are free ones/m)
  const { listeners } = (await event(output, 'proxy.ready')) as { listeners?: { port: number }[] }
  for (const { port } of listeners ?? []) t.ok(output.stderr.includes(`--port ${port} `))
  child.kill('SIGTERM')
  t.equal((await result).code, 0)
})

t.test('a start with a certificate that is not quite right says so in the log', async (t) => {
  const unmarked = await issuePushCertificate(
    authority,
    { topic: 'com.example.app', environments: [] },
    new Date(),
  )
  const config = writeConfiguration(folder(t), unmarked, 'https://127.0.0.1:1', {})
  const { output } = startCommand(t, ['serve', '--config', config])
  await event(output, 'proxy.ready')
  const warnings = output.stdout
    .split('\n')
    .filter((line) => line.includes('configuration.warning'))
  t.match(
    warnings.map((line) => JSON.parse(line) as unknown),
    [
      { level: 'warn', subject: 'tls.certificate', finding: /is not valid for feedback\.push/ },
      { subject: 'routes[0].certificate', finding: /1\.2\.840\.113635\.100\.6\.3\.2/ },
    ],
  )
})

t.test('a rehearsal keeps its certificates for the next one', async (t) => {
  const directory = folder(t)
  const certificates = async (): Promise<string[]> => {
    const { child, output, result } = startCommand(t, ['serve'], directory)
    await event(output, 'proxy.ready')
    child.kill('SIGTERM')
    t.equal((await result).code, 0)
    const files = join(directory, 'data', 'rehearsal')
    return ['ca.pem', 'sender.pem', 'server.pem'].map((file) =>
      readFileSync(join(files, file), 'utf8'),
    )
  }
  t.strictSame(await certificates(), await certificates())
})

t.test('send tells a stranger that the gateway may not know its certificate', async (t) => {
  const directory = folder(t)
  const config = writeConfiguration(directory, sender, 'https://127.0.0.1:1', {})
  const { output } = startCommand(t, ['serve', '--config', config])
  const { listeners } = (await event(output, 'proxy.ready')) as { listeners?: { port: number }[] }
  const stranger = await pushCertificate('com.example.stranger')
  const certificate = join(directory, 'stranger.pem')
  writeFileSync(certificate, stranger.certificatePem + stranger.keyPem)
  const where = ['--port', String(listeners?.[0]?.port), '--ca', join(directory, 'ca.pem')]
  const args = ['send', '--certificate', certificate, '--token', '00', ...where]
  const { code, stdout, stderr } = await runCommand(t, args)
  t.equal(code, 1)
  t.match(stdout, /closed the connection without a word: it may not know this certificate/)
  t.equal(stderr, '')
  t.match(await event(output, 'sender.refused'), { subject: /com\.example\.stranger/ })
})

t.test('send says what is wrong with itself', async (t) => {
  const directory = folder(t)
  const certificate = join(directory, 'push.pem')
  const lines = join(directory, 'pushes.jsonl')
  writeFileSync(certificate, sender.certificatePem + sender.keyPem)
  writeFileSync(lines, '{"token":"0011","payload":{}}\nnot json\n')
  const rows: readonly [string, readonly string[], RegExp][] = [
    ['neither token nor file', [], /--token/],
    ['a line that is not JSON', ['--file', lines], /pushes\.jsonl, line 2 is not JSON/],
    ['nobody there', ['--token', '00', '--port', '1'], /ECONNREFUSED.*nothing listens there/],
  ]
  for (const [name, args, message] of rows) {
    const { code, stderr } = await runCommand(t, ['send', '--certificate', certificate, ...args])
    t.equal(code, 1, name)
    t.match(stderr, message, name)
    t.notMatch(stderr, noStack, name)
  }
})

t.test('send refuses what is no number and no token before it connects', async (t) => {
  const rows: readonly [readonly string[], RegExp][] = [
    [['--token', 'xyz'], /--token: write hexadecimal/],
    [['--token', '00', '--wait', 'abc'], /--wait: write a whole number/],
    [['--token', '00', '--port', '99999'], /--port: write a whole number/],
  ]
  for (const [args, message] of rows) {
    const { code, stderr } = await runCommand(t, ['send', '--certificate', 'push.pem', ...args])
    t.equal(code, 1)
    t.match(stderr, message)
  }
})

t.test('a credential that an option names is told with the options that help', async (t) => {
  const at = (name: string): string =>
    fileURLToPath(new URL(`../fixtures/credentials/${name}`, import.meta.url))
  const rows: readonly (readonly [file: string, message: RegExp])[] = [
    ['push-legacy.p12', /no passphrase was given; .* under --passphrase-file/],
    ['push.pem', /no private key is in the file; name the file .* under --key,/],
    ['gone.p12', /there is no such file; correct the path; .* the folder where you are/],
  ]
  for (const [file, message] of rows)
    for (const args of [['send', '--token', '00'], ['feedback']]) {
      const { code, stderr } = await runCommand(t, [...args, '--certificate', at(file)])
      t.equal(code, 78)
      t.match(stderr, message)
    }
})

t.test('send says which fields the chosen format cannot carry', async (t) => {
  const directory = folder(t)
  const config = writeConfiguration(directory, sender, 'https://127.0.0.1:1', {})
  const { output } = startCommand(t, ['serve', '--config', config])
  const { listeners } = (await event(output, 'proxy.ready')) as { listeners?: { port: number }[] }
  const at = (name: string): string => join(directory, name)
  const base = ['send', '--certificate', at('push.pem'), '--ca', at('ca.pem'), '--wait', '0']
  const where = [...base, '--port', String(listeners?.[0]?.port)]
  const token = ['--token', '5a'.repeat(32)]
  writeFileSync(at('two.jsonl'), '{"token":"5a5a","payload":{}}\n{"token":"5a","payload":{}}\n')
  const rows: readonly (readonly [readonly string[], string])[] = [
    [
      [...token, '--command', '0', '--identifier', '7', '--priority', '5'],
      'Command 0 (simple) has no identifier: not sent.\nCommand 0 (simple) has no priority: not sent.\n',
    ],
    [
      [...token, '--command', '1', '--identifier', '7', '--priority', '5', '--expiration', '0'],
      'Command 1 (enhanced) has no priority: not sent.\n',
    ],
    [[...token, '--identifier', '7', '--priority', '5', '--expiration', '0'], ''],
    [[...token, '--command', '0'], ''],
    [['--file', at('two.jsonl'), '--command', '0'], ''],
  ]
  for (const [args, stderr] of rows)
    t.equal((await runCommand(t, [...where, ...args])).stderr, stderr, args.join(' '))
})

t.test('feedback on a wrong port says so instead of waiting for ever', async (t) => {
  const directory = folder(t)
  const config = writeConfiguration(directory, sender, 'https://127.0.0.1:1', {})
  const { output } = startCommand(t, ['serve', '--config', config])
  const { listeners, admin } = (await event(output, 'proxy.ready')) as {
    listeners?: { port: number }[]
    admin?: { port: number }
  }
  const files = ['--certificate', join(directory, 'push.pem'), '--ca', join(directory, 'ca.pem')]
  const read = (port: number | undefined): ReturnType<typeof runCommand> =>
    runCommand(t, ['feedback', ...files, '--port', String(port), '--wait', '50'])
  t.match(await read(listeners?.[0]?.port), {
    code: 1,
    stderr:
      /neither sent nor closed for 50 ms: a gateway .* does that; the feedback service is on another port, 2196/,
  })
  const web = await read(admin?.port)
  t.match(web, {
    code: 1,
    stderr: /closed during the handshake: a gateway says why in its log, anything else/,
  })
  t.notMatch(web.stderr, noStack)
  const plain = createServer((socket) => socket.on('error', () => undefined).end('220 ready\r\n'))
  plain.listen(0, '127.0.0.1')
  await once(plain, 'listening')
  t.teardown(() => plain.close())
  const address = plain.address()
  t.match(await read(typeof address === 'object' ? address?.port : undefined), {
    code: 1,
    stderr: /what listens there does not speak TLS; correct --port\n$/,
  })
})
