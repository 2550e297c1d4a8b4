/** The command line as a newcomer meets it: help, first steps, and what goes wrong. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { until } from '../fixtures/condition.ts'
import { runCommand, startCommand } from '../fixtures/command.ts'
import { pushCertificate } from '../fixtures/identity.ts'
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

for (const command of [[], ['serve'], ['send'], ['feedback'], ['simulate']])
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
  for (const part of ['listeners[0].prot', 'tls.certificate', 'tls.key', 'routes[0]', 'retires'])
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

t.test('a port in use: exit 1, and what to do', async (t) => {
  const occupant = createServer().listen(0, '127.0.0.1')
  await once(occupant, 'listening')
  t.teardown(() => occupant.close())
  const address = occupant.address()
  const port = typeof address === 'object' ? address?.port : 0
  const config = writeConfiguration(folder(t), sender, 'https://127.0.0.1:1', {
    file: { listeners: [{ kind: 'gateway', host: '127.0.0.1', port }] },
  })
  const { code, stderr } = await runCommand(t, ['serve', '--config', config])
  t.equal(code, 1)
  t.match(stderr, /EADDRINUSE.*another program listens there/s)
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
  const printed = [...output.stderr.matchAll(/npx apns-legacy-proxy (send .*)/g)].map(
    ([, args = '']) => args.trim().split(' '),
  )
  t.equal(printed.length, 2)
  const [good, bad] = await Promise.all(printed.map((args) => runCommand(t, args, directory)))
  t.match(good, { code: 0, stdout: /Sent 1 notification\. Silence for 1000 ms: accepted\./ })
  t.match(bad, { code: 1, stdout: /Error response: status 8 \(invalid token\) for identifier 1/ })
  t.match(await event(output, 'simulator.notification'), { status: Number, topic: String })
  const files = join(directory, 'data', 'rehearsal')
  t.equal(statSync(join(files, 'sender.pem')).mode & 0o777, 0o600)
  t.equal(statSync(join(files, 'server.pem')).mode & 0o777, 0o600)
  t.ok(readdirSync(files).includes('ca.pem'))
  t.notMatch(output.stdout, /bad0bad0|0123456789abcdef/)
  child.kill('SIGINT')
  t.equal((await result).code, 0)
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
