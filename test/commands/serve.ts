/** `serve` as a process: its ports, its twin, its warnings, and the rehearsal that it prints. */
import { chmodSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { createServer } from 'node:net'
import { once } from 'node:events'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { issuePushCertificate } from '../../src/credentials/authority.ts'
import { until } from '../fixtures/condition.ts'
import {
  checkout,
  event,
  runCommand,
  runLine,
  startCommand,
  type CommandResult,
} from '../fixtures/command.ts'
import { authority, pushCertificate } from '../fixtures/identity.ts'
import { folder } from '../fixtures/folder.ts'
import { writeConfiguration } from '../fixtures/stage.ts'

const sender = await pushCertificate('com.example.app')
const noStack = /\n\s+at .*:\d+/

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

function modificationTimes(directory: string): Map<string, number> {
  const files = readdirSync(directory, { recursive: true, encoding: 'utf8' })
  return new Map(files.map((file) => [file, statSync(join(directory, file)).mtimeMs]))
}

t.test('the commands that a rehearsal prints do what it says', async (t) => {
  const directory = checkout(t)
  const built = modificationTimes(join(directory, 'dist'))
  const { child, output, result } = startCommand(t, ['serve'], directory, 'dist/cli.js')
  await event(output, 'proxy.ready')
  await until(() => output.stderr.includes('Ctrl-C stops'))
  const printed = [...output.stderr.matchAll(/^ +(node dist\/cli\.js .*)$/gm)].map(
    ([, line = '']) => line,
  )
  const [good = '', bad = '', dead = '', feedback = '', ...more] = printed
  t.same(more, [])
  const run = (line: string): Promise<CommandResult> => runLine(line, directory)
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
  t.same(modificationTimes(join(directory, 'dist')), built, 'nothing was built')
  child.kill('SIGINT')
  t.equal((await result).code, 0)
})

t.test('a rehearsal on other ports says why', async (t) => {
  await occupy(t, 2195)
  const { child, output, result } = startCommand(t, ['serve'], folder(t))
  await until(() => output.stderr.includes('Ctrl-C stops'))
  t.match(
    output.stderr,
    /^\s*WARNING: port 2195 is taken by another program.*\nIt listens on other ports: gateway on /,
  )
  const { listeners } = (await event(output, 'proxy.ready')) as { listeners?: { port: number }[] }
  for (const { port } of listeners ?? []) t.ok(output.stderr.includes(`--port ${port} `))
  child.kill('SIGTERM')
  t.equal((await result).code, 0)
})

t.test('a rehearsal names the route that will fail, and promises no delivery', async (t) => {
  const push = { topic: 'com.example.app', environments: [] }
  const unmarked = await issuePushCertificate(authority, push, new Date())
  const config = writeConfiguration(folder(t), unmarked, 'https://127.0.0.1:1', {})
  const { output } = startCommand(t, ['serve', '--rehearse', '--config', config])
  await until(() => output.stderr.includes('Ctrl-C stops'))
  t.match(
    output.stderr,
    /WARNING: route app delivers nothing in this rehearsal\..*BadCertificateEnv/,
  )
  t.match(output.stderr, /lacks Apple's mark for production/)
  t.notMatch(output.stderr, /that is delivered/)
  t.match(await event(output, 'proxy.ready'), { apns: 'simulator' })
})

t.test('a mood without a rehearsal is refused: the pushes would go to Apple', async (t) => {
  const config = writeConfiguration(folder(t), sender, 'https://127.0.0.1:1', {})
  const refused = await runCommand(t, ['serve', '--config', config, '--mood', 'outage'])
  t.match(refused, { code: 64, stderr: /needs --rehearse: without it, pushes go to Apple/ })
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

t.test('a start with a key that everybody can read says so in the log', async (t) => {
  const directory = folder(t)
  const config = writeConfiguration(directory, sender, 'https://127.0.0.1:1', {})
  chmodSync(join(directory, 'push.pem'), 0o644)
  const { output } = startCommand(t, ['serve', '--config', config])
  await event(output, 'proxy.ready')
  t.match(await event(output, 'configuration.warning'), {
    subject: 'routes[0].certificate',
    finding: /every user of this machine can read .*push\.pem/,
    cure: /^chmod 600 /,
  })
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
