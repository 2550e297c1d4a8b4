/** The commands `reload` and `stop`, with the built command as the proxy that they speak to. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import {
  event,
  runCommand,
  startCommand,
  type CommandResult,
  type RunningCommand,
} from '../fixtures/command.ts'
import { untilIs } from '../fixtures/condition.ts'
import { pushCertificate } from '../fixtures/identity.ts'
import { freePort } from '../fixtures/port.ts'
import { noRedis } from '../fixtures/redis-server.ts'
import { pushes } from '../fixtures/ledger.ts'
import { lines, owned, send, setScene, untilMetric } from '../fixtures/several.ts'
import { writeConfiguration } from '../fixtures/stage.ts'

const app = await pushCertificate('com.example.app')
const token = 'a-token-of-some-length'

interface Served extends RunningCommand {
  readonly config: string
  readonly admin: string
  readonly order: (...args: string[]) => Promise<CommandResult>
}

async function serve(t: Test): Promise<Served> {
  const directory = mkdtempSync(join(tmpdir(), 'apns-legacy-proxy-'))
  t.teardown(() => {
    rmSync(directory, { recursive: true, force: true })
  })
  writeFileSync(join(directory, 'admin.token'), token, { mode: 0o600 })
  const port = await freePort()
  const file = { admin: { port, tokenFile: 'admin.token' } }
  const config = writeConfiguration(directory, app, 'https://127.0.0.1:9', { file })
  const command = startCommand(t, ['serve', '--config', config])
  await event(command.output, 'proxy.ready')
  const order = (...args: string[]): Promise<CommandResult> =>
    runCommand(t, [...args, '--config', config])
  return { ...command, config, admin: `http://127.0.0.1:${port}`, order }
}

t.test('reload: says what is applied, or all that is wrong, as check does', async (t) => {
  const { config, order, result } = await serve(t)
  t.match(await order('reload'), {
    code: 0,
    stdout: 'The proxy has applied the configuration. Its routes are: app.\n',
  })
  const text = readFileSync(config, 'utf8')
  writeFileSync(config, `${text}\ndataDirectory: elsewhere\n`.replace(/^dataDirectory: data$/m, ''))
  const restart = await order('reload')
  t.match(restart, { code: 78, stdout: /dataDirectory.*restart.*keeps its old configuration/s })
  writeFileSync(config, `${text}\nretires: 3\nnonsense: 1\n`)
  const [wrong, check] = [await order('reload'), await order('check', '--offline')]
  t.match(wrong, { code: 78, stdout: /retires/ })
  for (const line of wrong.stdout.split('\n').filter((line) => line.includes('retires')))
    t.ok(check.stdout.includes(line), line)
  writeFileSync(config, 'routes: [\n')
  t.match(await order('reload'), { code: 78, stdout: /YAML/ })
  writeFileSync(config, text)
  t.match(await order('stop', '--yes'), { code: 0, stdout: /All notifications are settled/ })
  t.equal((await result).code, 0)
})

t.test('stop: asks first, and needs the token', async (t) => {
  const { admin, order, result } = await serve(t)
  t.match(await order('stop'), { code: 64, stderr: /This stops the proxy at .*add --yes/s })
  for (const words of [['reload'], ['stop', '--yes']])
    t.match(await runCommand(t, [...words, '--admin', admin]), {
      code: 1,
      stderr: /requires its token; name the configuration with admin\.tokenFile/,
    })
  t.match(await order('stop', '--yes', '--no-wait'), {
    code: 0,
    stdout: 'The proxy is stopping.\n',
  })
  t.equal((await result).code, 0)
})

t.test('without a proxy, both say what to do', async (t) => {
  const admin = `http://127.0.0.1:${await freePort()}`
  for (const words of [['reload'], ['stop', '--yes']])
    t.match(await runCommand(t, [...words, '--admin', admin]), {
      code: 1,
      stderr: `No proxy answers at ${admin}; start it, or correct --config or --admin`,
    })
})

t.test(
  'several workers: both reach all, and what is left is told',
  { skip: noRedis },
  async (t) => {
    const port = 20_000 + Math.floor(Math.random() * 10_000)
    const scene = await setScene(t, { admin: { port }, drainSeconds: 1 })
    const running = await scene.start()
    t.match(await runCommand(t, ['reload', '--config', scene.config]), { code: 0 })
    await untilIs(() => lines(running, 'configuration.reloaded').length, 2)
    await scene.simulator.stop()
    await send(running, pushes(2), pushes(1))
    await untilMetric(running, owned, (value) => value === 3)
    t.match(await runCommand(t, ['stop', '--yes', '--config', scene.config]), {
      code: 75,
      stdout: /Not settled: 3\. They are in the journal/,
    })
    t.equal((await running.result).code, 75)
    t.equal(lines(running, 'proxy.stopped').length, 2)
  },
)
