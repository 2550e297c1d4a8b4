/** What `npm pack` makes is what users get: installed globally, it serves. */
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { builtCommand, event } from '../fixtures/command.ts'
import { until } from '../fixtures/condition.ts'
import { folder } from '../fixtures/folder.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))
const noRegistry = /code (ENOTCACHED|ENOTFOUND|EAI_AGAIN|ECONN\w+|ETIMEDOUT)/

t.test('packed, installed globally, it tells its version, serves and stops', async (t) => {
  t.equal(builtCommand.length, 2, 'it is built')
  const directory = folder(t)
  execFileSync('npm', ['pack', '--ignore-scripts', '--silent', '--pack-destination', directory], {
    cwd: root,
    stdio: 'ignore',
  })
  const [archive = ''] = readdirSync(directory)
  const options = ['--prefer-offline', '--no-audit', '--no-fund', '--fetch-retries', '0']
  const install = spawnSync(
    'npm',
    ['install', '--global', '--prefix', directory, ...options, join(directory, archive)],
    { encoding: 'utf8' },
  )
  const [missing] = noRegistry.exec(install.stderr) ?? []
  if (missing !== undefined) {
    t.pass('installs', { skip: `dependencies neither cached nor to be had: ${missing}` })
    return
  }
  t.equal(install.status, 0, install.stderr)

  const installed = join(directory, 'lib/node_modules/apns-legacy-proxy')
  const expected = ['README.md', 'SECURITY.md', 'dist', 'docs', 'package.json']
  t.same(
    readdirSync(installed).filter((name) => name !== 'node_modules'),
    expected,
  )
  const files = readdirSync(join(installed, 'dist'), { recursive: true, encoding: 'utf8' })
  t.same(
    files.filter((name) => name.endsWith('.map')),
    [],
    'no map to sources that are not there',
  )
  t.ok(existsSync(join(installed, 'docs/systemd/apns-legacy-proxy.service')))

  const command = join(directory, 'bin/apns-legacy-proxy')
  t.match(spawnSync(command, ['--version'], { encoding: 'utf8' }).stdout, /^\d+\.\d+\.\d+\n$/)
  t.match(spawnSync(command, ['--help'], { encoding: 'utf8' }).stdout, /serve/)
  const elsewhere = join(directory, 'elsewhere')
  mkdirSync(elsewhere)
  const child = spawn(command, ['serve'], { cwd: elsewhere, stdio: ['ignore', 'pipe', 'pipe'] })
  const closed = once(child, 'close')
  t.teardown(async () => {
    child.kill('SIGKILL')
    await closed
  })
  const output = { stdout: '', stderr: '' }
  child.stdout.on('data', (text: Buffer) => (output.stdout += text.toString()))
  child.stderr.on('data', (text: Buffer) => (output.stderr += text.toString()))
  t.match(await event(output, 'proxy.ready'), { listeners: [{ kind: 'gateway' }] })
  await until(() => output.stderr.includes('Ctrl-C stops'))
  child.kill('SIGTERM')
  t.same(await closed, [0, null])
})
