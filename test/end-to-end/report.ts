/** The migration report of real senders: from the running proxy, and from what it leaves behind. */
import { spawn } from 'node:child_process'
import { createPrivateKey } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { connect } from 'node:tls'
import { fileURLToPath } from 'node:url'
import { pino } from 'pino'
import t, { type Test } from 'tap'
import type { Report, SenderReport } from '../../src/statistics/migration-report.ts'
import { systemClock } from '../../src/timing/clock.ts'
import { loadConfiguration } from '../../src/config/configuration.ts'
import { Proxy as PushProxy } from '../../src/proxy/proxy.ts'
import { runCommand, type CommandResult } from '../fixtures/command.ts'
import { until } from '../fixtures/condition.ts'
import { folder } from '../fixtures/folder.ts'
import { authority, pushCertificate } from '../fixtures/identity.ts'
import { settled } from '../fixtures/ledger.ts'
import { startClient } from '../fixtures/npm-client/client.ts'
import { RawSender } from '../fixtures/raw-sender.ts'
import { setStage, writeConfiguration, type Stage } from '../fixtures/stage.ts'
import { without } from '../fixtures/tool.ts'

const listeners = [
  { kind: 'gateway', host: '127.0.0.1', port: 0, minVersion: 'TLSv1' },
  { kind: 'feedback', host: '127.0.0.1', port: 0 },
]

const simulator = {
  answers: [
    { tokenPrefix: 'bad', reason: 'BadDeviceToken' },
    { tokenPrefix: 'dead', reason: 'Unregistered' },
  ],
}

const tokens = Array.from({ length: 60 }, (_, index) => {
  const prefix = { 30: 'bad0', 40: 'dead' }[index] ?? '1234'
  return `${prefix}${String(index).padStart(60, '0')}`
})

const document = readFileSync(new URL('../../docs/retiring.md', import.meta.url), 'utf8')

function exampleIn(text: string): string {
  return /```text\n(.*?)```/s.exec(text)?.[1] ?? ''
}

/** Without what differs from run to run. */
function shapeOf(text: string): string {
  return text.replaceAll(/[0-9a-f]{64}|\d+/g, '0')
}

function report(
  t: Test,
  { adminPort }: Pick<Stage, 'adminPort'>,
  ...args: string[]
): Promise<CommandResult> {
  return runCommand(t, ['report', '--admin', `http://127.0.0.1:${adminPort}`, ...args])
}

/** What the report has of the only sender. */
async function onlySender(result: Promise<CommandResult>): Promise<SenderReport> {
  const { senders } = JSON.parse((await result).stdout) as Report
  const [sender, ...others] = senders
  if (sender === undefined || others.length > 0) throw new TypeError(`${senders.length} senders`)
  return sender
}

t.test('of apn@1.7.8: alive, when the proxy has gone, and when it has come again', async (t) => {
  const stage = await setStage(t, { simulator, file: { listeners } })
  const errors = startClient(t, 'apn', stage, tokens)
  await until(() => errors.length === 1 && stage.received.length === tokens.length)
  const { stdout } = await report(t, stage)
  t.equal(shapeOf(stdout), shapeOf(exampleIn(document)))
  t.match(stdout, /\*\*Can move to HTTP\/2; 2 things go wrong already today\.\*\*/)
  t.match(stdout, /POST https:\/\/api\.push\.apple\.com.* with apns-topic: com\.example\.app\./)
  t.match(stdout, /Clean its list of tokens: one push .*\(BadDeviceToken 1\)/)
  t.match(stdout, /Delete a token that is answered 410: it never reads the feedback service/)
  t.match(stdout, /it sent \d+ pushes again/)
  for (const token of tokens) if (stdout.includes(token)) t.fail('a token is in the report')

  const live = await onlySender(report(t, stage, '--json'))
  t.match(live, {
    verdict: 'put-right',
    route: { name: 'app', topic: 'com.example.app', credential: 'certificate' },
    facts: {
      addresses: ['127.0.0.1'],
      commands: { 0: 0, 1: 0 },
      rejections: { BadDeviceToken: 1 },
      untold: 0,
      unregistered: 1,
      feedbackReads: 0,
      tlsVersions: { 'TLSv1.2': live.facts.connections },
    },
  })
  t.equal(live.notifications, tokens.length + live.facts.resent)
  t.same(live.facts.pushTypes, { alert: live.notifications })
  t.ok(live.facts.peakPerSecond > 0)

  t.ok(await stage.proxy.stop())
  const left = readFileSync(join(stage.directory, 'data', 'census.json'), 'utf8')
  t.notMatch(left, /0000000000|hello/)
  const config = join(stage.directory, 'proxy.yaml')
  const afterwards = await onlySender(runCommand(t, ['report', '--json', '--config', config]))
  t.same(afterwards, live)

  const next = new PushProxy(loadConfiguration(config), {
    log: pino({ enabled: false }),
    clock: systemClock,
    random: Math.random,
  })
  t.teardown(() => next.destroy())
  const { admin } = await next.start()
  t.same(await onlySender(report(t, { adminPort: admin.port }, '--json')), live)
})

t.test('of a sender whose route APNs refuses: nothing was delivered, and why', async (t) => {
  const answers = [{ tokenPrefix: '', reason: 'BadCertificateEnvironment' }]
  const stage = await setStage(t, { simulator: { answers }, file: { listeners } })
  const sender = await RawSender.open(t, stage)
  sender.write(`02 0000002f 01 0020 ${'ab'.repeat(32)} 02 0002 7b7d 03 0004 00000001`)
  await stage.log.find('route.down')
  t.match(await onlySender(report(t, stage, '--json')), {
    verdict: 'put-right',
    summary:
      'Its only push was not delivered: APNs refuses the push certificate of its route ' +
      '(BadCertificateEnvironment). Put that right first.',
    route: { reach: 'refused' },
    facts: { delivered: 0 },
  })
})

t.test('reading the feedback service is seen, and that a stranger was not let in', async (t) => {
  const stage = await setStage(t, { file: { listeners } })
  const knock = async (port: number, sender: Stage['sender']): Promise<void> => {
    const { certificatePem: cert, keyPem: key } = sender
    const socket = connect({ port, cert, key, ca: authority.certificatePem, host: '127.0.0.1' })
    socket.on('error', () => undefined)
    socket.resume()
    await once(socket, 'close')
  }
  await knock(stage.feedbackPort, stage.sender)
  await knock(stage.port, await pushCertificate('com.example.stranger'))
  const { stdout } = await report(t, stage)
  t.match(stdout, /Connects, and has sent nothing so far\./)
  t.match(stdout, /\| Feedback read \| 1 times?, last /)
  t.match(stdout, /`[^`]*com\.example\.stranger[^`]*` sha256:[0-9a-f]{12}… \| unknown-certificate/)
})

t.test('of Python with command 0 and TLS 1.0 alone', { skip: without('python3') }, async (t) => {
  const stage = await setStage(t, { simulator, file: { listeners } })
  const { directory, port, sender } = stage
  writeFileSync(join(directory, 'sender.pem'), sender.certificatePem)
  const key = createPrivateKey(sender.keyPem).export({ type: 'pkcs8', format: 'pem' })
  writeFileSync(join(directory, 'sender.key'), key)
  const script = fileURLToPath(new URL('../fixtures/python-client/push.py', import.meta.url))
  const args = ['-W', 'ignore', script, String(port), tokens[30] ?? '', '{"aps":{}}']
  const child = spawn('python3', args, { cwd: directory, stdio: ['ignore', 'ignore', 'inherit'] })
  t.same(await once(child, 'close'), [0, null])
  await settled(stage, 1)
  t.match(await onlySender(report(t, stage, '--json')), {
    verdict: 'replace',
    steps: [
      /it speaks TLSv1 only/,
      /apns-topic/,
      /apns-push-type: background/,
      /push certificate/,
      /command 0 alone, and cannot be told of bad tokens \(1 so far\)/,
      /Clean its list/,
    ],
    facts: { commands: { 0: 1 }, tlsVersions: { TLSv1: 1 }, untold: 1 },
  })
})

t.test('asks with the token of its configuration, and says so without', async (t) => {
  const stage = await setStage(t, {
    prepare: (directory) => {
      writeFileSync(join(directory, 'admin.token'), `${'s3cret-'.repeat(8)}\n`, { mode: 0o600 })
    },
    file: { listeners, admin: { port: 0, tokenFile: 'admin.token' } },
  })
  t.match(await report(t, stage), { code: 1, stderr: /requires its token; name the config/ })
  const config = join(stage.directory, 'proxy.yaml')
  t.match(await report(t, stage, '--config', config), { code: 0, stdout: /^# Migration report/ })
})

t.test('says what to do where nothing is known', async (t) => {
  const directory = folder(t)
  const config = writeConfiguration(
    directory,
    await pushCertificate('com.example.app'),
    'https://127.0.0.1:1',
    {},
  )
  const none = await runCommand(t, ['report', '--config', config])
  t.match(none, {
    code: 66,
    stdout: '',
    stderr: /data contains no census\.json\.\nStart the proxy\. Or name/,
  })
  const nothing = await runCommand(t, ['report', '--config', join(directory, 'none.yaml')])
  t.match(nothing, { code: 78, stderr: /none\.yaml/ })
  let answer: readonly [status: number, body: string] = [404, '']
  const other = createServer((_request, response) => {
    const [status, body] = answer
    response.writeHead(status).end(body)
  })
  other.listen(0, '127.0.0.1')
  await once(other, 'listening')
  const address = `http://127.0.0.1:${(other.address() as AddressInfo).port}`
  const stranger = await runCommand(t, ['report', '--admin', address])
  t.match(stranger, { code: 1, stderr: /answers 404; name the admin listener/ })
  for (const body of ['<html>', 'null', '{}', '{"madeAtMs":0,"sinceMs":0,"senders":[{}]}']) {
    answer = [200, body]
    const refused = await runCommand(t, ['report', '--json', '--admin', address])
    t.match(refused, { code: 1, stdout: '', stderr: /answers 200 and no report; name the admin/ })
  }
  other.close()
  const nobody = await runCommand(t, ['report', '--admin', address])
  t.match(nobody, { code: 1, stderr: /No data about senders.*no proxy answers at http:/ })
  writeFileSync(join(directory, 'census.json'), '{')
  const damaged = await runCommand(t, ['report', '--data-directory', directory])
  t.match(damaged, { code: 1, stderr: /census\.json is damaged, or of another version/ })
})
