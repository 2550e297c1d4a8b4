/** A running proxy and the files that it was started with. */
import { EventEmitter } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { loadConfiguration } from '../../src/config/configuration.ts'
import type { Issued } from '../../src/credentials/authority.ts'
import { Reloading } from '../../src/handlers/reload.ts'
import { createLog } from '../../src/log/log.ts'
import type { Proxy } from '../../src/proxy/proxy.ts'
import { event, startCommand, type RunningCommand } from '../fixtures/command.ts'
import { until } from '../fixtures/condition.ts'
import { folder } from '../fixtures/folder.ts'
import { pushCertificate } from '../fixtures/identity.ts'
import { writeConfiguration } from '../fixtures/stage.ts'

/** A port on which nobody listens. */
const nowhere = 'https://127.0.0.1:9'
const app = await pushCertificate('com.example.app')

interface Served extends RunningCommand {
  readonly directory: string
  /** Rewrites the configuration and all that it names. */
  readonly write: (sender: Issued, file?: Record<string, unknown>) => void
}

async function serve(t: Test): Promise<Served> {
  const directory = mkdtempSync(join(tmpdir(), 'apns-legacy-proxy-'))
  t.teardown(() => {
    rmSync(directory, { recursive: true, force: true })
  })
  const write = (sender: Issued, file: Record<string, unknown> = {}): string =>
    writeConfiguration(directory, sender, nowhere, { file })
  const command = startCommand(t, ['serve', '--config', write(app)])
  await event(command.output, 'proxy.ready')
  return { ...command, directory, write }
}

t.test('SIGHUP: a changed configuration is taken up, and said so', async (t) => {
  const { child, output, write, directory } = await serve(t)
  const other = await pushCertificate('com.example.other')
  writeFileSync(join(directory, 'other.pem'), other.certificatePem + other.keyPem)
  const routes = ['push', 'other'].map((name) => ({ name, certificate: `${name}.pem` }))
  write(app, { routes })
  child.kill('SIGHUP')
  t.same((await event(output, 'configuration.reloaded'))['routes'], ['push', 'other'])
})

t.test('SIGHUP: another level of the log counts at once, for routes as well', async (t) => {
  const { child, output, write } = await serve(t)
  write(app, { log: { level: 'debug' } })
  t.notMatch(output.stdout, '"level":"debug"')
  child.kill('SIGHUP')
  await event(output, 'configuration.reloaded')
  t.equal((await event(output, 'session.opening'))['route'], 'app')
})

t.test('SIGHUP: one that cannot be used is told in full, and changes nothing', async (t) => {
  const { child, output, write, result } = await serve(t)
  write(app, { retires: 3, tls: { certificate: 'no.pem', key: 'server.key' } })
  child.kill('SIGHUP')
  const { problems } = await event(output, 'configuration.refused')
  t.match(problems, [{ path: 'tls.certificate' }, { path: 'retires' }])
  t.notMatch(output.stdout, 'configuration.reloaded')
  child.kill('SIGTERM')
  t.equal((await result).code, 0, 'it was still there')
})

t.test('SIGHUP: what needs a restart, and a certificate of another app, is refused', async (t) => {
  const { child, output, write } = await serve(t)
  write(await pushCertificate('com.example.other'), { dataDirectory: 'elsewhere' })
  child.kill('SIGHUP')
  const { problems } = await event(output, 'configuration.refused')
  t.match(problems, [
    { path: 'dataDirectory', message: /restart/ },
    { path: 'routes[0].certificate', message: /com\.example\.other.*com\.example\.app/ },
  ])
})

t.test('a configuration that is saved is applied without a signal', async (t) => {
  const { output, write, directory } = await serve(t)
  const other = await pushCertificate('com.example.other')
  writeFileSync(join(directory, 'other.pem'), other.certificatePem + other.keyPem)
  write(app, { routes: ['push', 'other'].map((name) => ({ name, certificate: `${name}.pem` })) })
  t.same((await event(output, 'configuration.reloaded'))['routes'], ['push', 'other'])
})

t.test('a configuration that is saved with a mistake is refused without a signal', async (t) => {
  const { output, directory } = await serve(t)
  writeFileSync(join(directory, 'proxy.yaml'), 'routes: [\n')
  t.match((await event(output, 'configuration.refused'))['problems'], [{ message: /YAML/ }])
})

t.test('200 SIGHUPs during a reload are one more reload', async (t) => {
  const directory = folder(t)
  const path = writeConfiguration(directory, app, nowhere, {})
  const configuration = loadConfiguration(path)
  const ends: (() => void)[] = []
  const proxy = {
    configuration,
    reload: () => new Promise<void>((resolve) => ends.push(resolve)),
  } as unknown as Proxy
  const signals = new EventEmitter()
  const log = createLog('info', { write: () => undefined })
  const deps = { path, proxy, started: Promise.resolve(), log, signals, worker: undefined }
  const reloading = new Reloading(deps)
  t.teardown(() => reloading.stop())
  signals.emit('SIGHUP')
  await until(() => ends.length === 1)
  for (let signal = 0; signal < 200; signal++) signals.emit('SIGHUP')
  ends[0]?.()
  await until(() => ends.length === 2)
  ends[1]?.()
  signals.emit('SIGHUP')
  await until(() => ends.length === 3)
  t.equal(ends.length, 3, 'one for the first, one for the 200, one for the last')
  ends[2]?.()
})

t.test('a renewed certificate is taken up by itself', async (t) => {
  const { output, write } = await serve(t)
  write(await pushCertificate('com.example.app'))
  t.same((await event(output, 'configuration.reloaded'))['routes'], ['app'])
})
