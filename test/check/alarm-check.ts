/** What a check says of the receivers of alarms, and that they get a test. */
import { writeFileSync } from 'node:fs'
import { once } from 'node:events'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { join } from 'node:path'
import t from 'tap'
import { alarmFindings } from '../../src/check/alarm-check.ts'
import type { AlarmSettings } from '../../src/alarms/alarm-settings.ts'
import { systemClock } from '../../src/timing/clock.ts'
import type { Finding } from '../../src/check/finding.ts'
import { AlarmReceiver, type ReceivedAlarm } from '../fixtures/alarm-receiver.ts'
import { builtCommand } from '../fixtures/command.ts'
import { folder } from '../fixtures/folder.ts'
import { pushCertificate, server as identity } from '../fixtures/identity.ts'
import { writeConfiguration } from '../fixtures/stage.ts'

function findingsOf(url: URL | undefined, command?: readonly string[]): Promise<Finding[]> {
  const settings: AlarmSettings = {
    webhook: url && { url, secret: undefined },
    command,
    minSeverity: 'alarm',
    name: 'gate-1',
  }
  return alarmFindings(settings, '1.2.3', systemClock)
}

t.test('both receivers take a test, whatever the severity', async (t) => {
  const receiver = await AlarmReceiver.start(t)
  const findings = await findingsOf(receiver.url, [process.execPath, '-e', '', 'hush'])
  t.match(findings, [
    {
      severity: 'ok',
      subject: 'alarms.webhook',
      finding: `${receiver.url.origin} accepted a test`,
    },
    { severity: 'ok', subject: 'alarms.command', finding: `${process.execPath} took a test alarm` },
  ])
  t.match(receiver.messages, [
    {
      event: 'test',
      text: 'test alarm of apns-legacy-proxy on gate-1',
      proxy: { version: '1.2.3' },
    },
  ])
  t.notMatch(JSON.stringify(findings), /hush/)
})

t.test('a removed webhook and a failing program are warnings with cures', async (t) => {
  const receiver = await AlarmReceiver.start(t, [404])
  const findings = await findingsOf(receiver.url, [process.execPath, '-e', 'process.exit(2)'])
  t.match(findings, [
    { severity: 'warning', finding: /answers 404 Not Found$/, cure: /copy the URL/ },
    { severity: 'warning', finding: /ended with exit code 2$/, cure: /standard error/ },
  ])
  t.notMatch(JSON.stringify(findings), /hush/)
})

t.test('the command check sends it over HTTPS, but not offline', async (t) => {
  const directory = folder(t)
  const received: Pick<ReceivedAlarm, 'headers' | 'path'>[] = []
  const server = createServer(
    { cert: identity.certificatePem, key: identity.keyPem },
    ({ headers, url: path }, response) => {
      received.push({ headers, path })
      response.end()
    },
  )
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  writeFileSync(join(directory, 'secret'), 'sixteen-or-more-letters\n', { mode: 0o600 })
  const { port } = server.address() as AddressInfo
  const alarms = { webhook: `https://localhost:${port}/hush-hush`, webhookSecretFile: 'secret' }
  const sender = await pushCertificate('com.example.app')
  const config = writeConfiguration(directory, sender, 'https://127.0.0.1:1', { file: { alarms } })
  const check = async (...args: string[]): Promise<string> => {
    const [node = '', cli = ''] = builtCommand
    const env = { ...process.env, NODE_EXTRA_CA_CERTS: join(directory, 'ca.pem') }
    const run = promisify(execFile)(node, [cli, 'check', '-c', config, ...args], { env })
    return run.then(
      ({ stdout }) => stdout,
      (error: unknown) => (error as { readonly stdout: string }).stdout,
    )
  }
  t.notMatch(await check('--offline'), 'alarm')
  t.equal(received.length, 0)
  const said = await check()
  t.match(said, new RegExp(`^ok +alarms\\.webhook: https://localhost:${port} accepted`, 'm'))
  t.notMatch(said, 'hush')
  t.match(received, [
    { path: '/hush-hush', headers: { 'x-signature-256': /^sha256=[\da-f]{64}$/ } },
  ])
})
