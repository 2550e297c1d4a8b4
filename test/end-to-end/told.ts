/** What `told` lists: the tokens that senders have read as invalid or gone, and no others. */
import { createHash, X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { join } from 'node:path'
import { connect } from 'node:tls'
import t, { type Test } from 'tap'
import { systemClock } from '../../src/timing/clock.ts'
import { startSimulator } from '../../src/simulator/provider-api.ts'
import { AcceleratedClock } from '../fixtures/accelerated-clock.ts'
import { runCommand } from '../fixtures/command.ts'
import { until, untilIs } from '../fixtures/condition.ts'
import { folder } from '../fixtures/folder.ts'
import { authority, pushCertificate, server } from '../fixtures/identity.ts'
import { badAnswers, pushes, settled, tallies } from '../fixtures/ledger.ts'
import { startProxyApart } from '../fixtures/proxy-apart.ts'
import { dial, enhanced, type Push } from '../fixtures/resender.ts'
import { setStage, writeConfiguration, type Stage } from '../fixtures/stage.ts'

const listeners = [
  { kind: 'gateway', host: '127.0.0.1', port: 0 },
  { kind: 'feedback', host: '127.0.0.1', port: 0 },
]

type Row = Readonly<Record<string, unknown>>

async function rowsOf(t: Test, directory: string): Promise<readonly Row[]> {
  const config = join(directory, 'proxy.yaml')
  const { code, stdout, stderr } = await runCommand(t, [
    ...['told', '--config', config, '--format', 'jsonl'],
  ])
  t.same([code, stderr], [0, ''])
  const lines = stdout.split('\n').filter((line) => line !== '')
  return lines.map((line) => JSON.parse(line) as Row)
}

/** The rows, once there are so many: they are written a moment after the sender was told. */
async function rows(t: Test, { directory }: Stage, count: number): Promise<readonly Row[]> {
  let found: readonly Row[] = []
  await until(async () => (found = await rowsOf(t, directory)).length >= count)
  t.equal(found.length, count)
  return found
}

/** Sends on a connection of its own. Returns what was heard, up to now. */
async function send(stage: Stage, push: Push, identifier: number): Promise<() => Buffer> {
  const { received } = tallies(stage)
  const socket = await dial(stage, { deaf: true })
  const heard: Buffer[] = []
  socket.on('data', (chunk: Buffer) => heard.push(chunk))
  socket.write(enhanced(identifier, push))
  await untilIs(() => tallies(stage).received, received + 1)
  return () => Buffer.concat(heard)
}

function senderKey({ sender }: Pick<Stage, 'sender'>): string {
  const key = new X509Certificate(sender.certificatePem).publicKey
  return createHash('sha256')
    .update(key.export({ type: 'spki', format: 'der' }))
    .digest('hex')
}

async function outsideText({ adminPort, log }: Stage): Promise<string> {
  const pages = ['/metrics', '/api/status', '/api/report'].map(async (path) =>
    (await fetch(`http://127.0.0.1:${adminPort}${path}`)).text(),
  )
  return [JSON.stringify(log.lines), ...(await Promise.all(pages))].join('\n')
}

t.test('of 25 wrong tokens of an unproven route, the two that were told', async (t) => {
  const stage = await setStage(t, {
    clock: new AcceleratedClock(20),
    file: { requestTimeoutMs: 200_000 },
    simulator: { answers: [{ tokenPrefix: '', reason: 'BadDeviceToken' }] },
  })
  const sent = pushes(25)
  const heard: (() => Buffer)[] = []
  for (const [index, push] of sent.entries()) heard.push(await send(stage, push, index))
  await stage.log.find('route.suspected')
  await untilIs(() => Buffer.concat(heard.map((one) => one())).length, 12)
  const responses = heard.map((one) => one()).filter(({ length }) => length === 6)
  const tokens = responses.map((response) => sent[response.readUInt32BE(2)]?.token)
  const found = await rows(t, stage, 2)
  t.same(found.map(({ token }) => token).sort(), tokens.sort())
  for (const row of found)
    t.match(row, {
      time: /^\d{4}-\d\d-\d\dT/,
      kind: 'error-response',
      route: 'app',
      sender: senderKey(stage),
      address: '127.0.0.1',
      reason: 'BadDeviceToken',
      apnsId: /^[0-9a-f-]{36}$/,
      identifier: sent.findIndex(({ token }) => token === row['token']),
    })
  const outside = await outsideText(stage)
  for (const { token } of sent) t.notOk(outside.includes(token))
})

t.test('a remembered bad token each time, and no other status', async (t) => {
  const answers = [...badAnswers, { tokenPrefix: 'ee', reason: 'PayloadTooLarge' }]
  const stage = await setStage(t, { route: { holdUntilProven: false }, simulator: { answers } })
  const [push] = pushes(1, () => true)
  if (push === undefined) throw new TypeError('one push')
  for (const [index, one] of [push, push, { ...push, token: 'ee'.repeat(32) }].entries()) {
    const heard = await send(stage, one, index)
    await untilIs(() => heard().length, 6)
  }
  t.equal(stage.received.filter(({ token }) => token === push.token).length, 1)
  const found = await rows(t, stage, 2)
  t.same(
    found.map(({ token, identifier }) => [token, identifier]),
    [
      [push.token, 0],
      [push.token, 1],
    ],
  )
})

t.test('tuples of the feedback service, also of a reader that broke off', async (t) => {
  const stage = await setStage(t, {
    file: { listeners, holdUntilProven: false },
    simulator: { answers: [{ tokenPrefix: '1234', reason: 'Unregistered' }] },
  })
  const sent = pushes(3)
  const socket = await dial(stage)
  socket.write(Buffer.concat(sent.map((push, index) => enhanced(index, push))))
  await settled(stage, 3)
  socket.destroy()
  const { sender, feedbackPort: port } = stage
  const reader = connect({
    port,
    cert: sender.certificatePem,
    key: sender.keyPem,
    ca: authority.certificatePem,
    checkServerIdentity: () => undefined,
  })
  reader.on('error', () => undefined)
  const [bytes] = (await once(reader, 'data')) as [Buffer]
  reader.destroy()
  const told = [0, 1, 2].map((index) => bytes.subarray(index * 38, (index + 1) * 38))
  const found = await rows(t, stage, 3)
  t.same(
    found.map(({ kind, token, timestamp }) => [kind, token, timestamp]),
    told.map((tuple) => ['feedback', tuple.toString('hex', 6), tuple.readUInt32BE(0)]),
  )
  t.match(found[0], { route: 'app', sender: senderKey(stage), reason: 'Unregistered' })
  const outside = await outsideText(stage)
  for (const { token } of sent) t.notOk(outside.includes(token))
})

t.test('after kill -9, what was told before', async (t) => {
  const simulator = await startSimulator(
    { tls: server, answers: badAnswers },
    { clock: systemClock },
  )
  t.teardown(() => simulator.stop())
  const directory = folder(t)
  const sender = await pushCertificate('com.example.app')
  const route = { holdUntilProven: false }
  const config = writeConfiguration(directory, sender, simulator.origin, { route })
  const proxy = await startProxyApart(config)
  t.teardown(() => proxy.end('SIGKILL'))
  const [push] = pushes(1, () => true)
  if (push === undefined) throw new TypeError('one push')
  const socket = await dial({ port: proxy.port, sender })
  socket.write(enhanced(7, push))
  await once(socket, 'data')
  await until(async () => (await rowsOf(t, directory)).length === 1)
  await proxy.end('SIGKILL')
  t.match(await rowsOf(t, directory), [{ token: push.token, identifier: 7 }])
  socket.destroy()
})
