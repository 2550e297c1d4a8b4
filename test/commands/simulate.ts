import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createPrivateKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { SignJWT } from 'jose'
import t, { type Test } from 'tap'
import yargs from 'yargs'
import { systemClock } from '../../src/timing/clock.ts'
import { simulate, type SimulateArguments } from '../../src/commands/simulate.ts'
import { startSimulation } from '../../src/handlers/simulate.ts'
import { createLog } from '../../src/log/log.ts'
import { builtCommand } from '../fixtures/command.ts'
import { PushClient, pushCertificate } from '../fixtures/simulator-client.ts'

const certificate = await pushCertificate()
const [node = '', ...program] = builtCommand
const signingKey = fileURLToPath(
  new URL('../fixtures/credentials/AuthKey_ABC123DEFG.p8', import.meta.url),
)
const badToken = `bad0${'5a'.repeat(30)}`

/** What yargs makes of a command line, without running the command. */
async function argumentsOf(line: string): Promise<SimulateArguments> {
  let parsed: SimulateArguments | undefined
  await yargs(line.split(' '))
    .command({
      ...simulate,
      handler: (args) => {
        parsed = args
      },
    })
    .strict()
    .exitProcess(false)
    .fail((message, error) => {
      throw (error as Error | undefined) ?? new Error(message)
    })
    .parseAsync()
  if (parsed === undefined) throw new Error('the command did not run')
  return parsed
}

interface Started {
  readonly origin: string
  readonly lines: Record<string, unknown>[]
  readonly text: () => string
  readonly directory: string
  readonly stop: () => Promise<void>
  readonly client: () => Promise<PushClient>
}

async function start(t: Test, line = '', directory = t.testdir()): Promise<Started> {
  const lines: Record<string, unknown>[] = []
  let text = ''
  const write = (chunk: string): void => {
    text += chunk
    lines.push(JSON.parse(chunk) as Record<string, unknown>)
  }
  const args = await argumentsOf(`simulate --port 0 --data-directory ${directory} ${line}`.trim())
  const running = await startSimulation(args, {
    clock: systemClock,
    log: createLog('info', { write }),
  })
  t.teardown(running.stop)
  const client = async (): Promise<PushClient> => {
    const ca = await readFile(String(lines[0]?.['certificateAuthority']))
    const made = new PushClient(running.origin, certificate, ca.toString())
    t.teardown(() => made.close())
    return made
  }
  return { ...running, lines, text: () => text, directory, client }
}

t.test('logs where it is and what it received, without token and payload', async (t) => {
  const { origin, lines, text, directory, client } = await start(t)
  t.match(lines[0], {
    event: 'simulator.ready',
    origin,
    certificateAuthority: join(directory, 'simulator', 'ca.pem'),
  })
  const pushing = await client()
  const headers = { ':path': `/3/device/${badToken}`, 'apns-priority': '5' }
  t.equal((await pushing.push(headers, '{"aps":{"alert":"secret"}}')).status, 400)
  t.match(lines[1], {
    event: 'simulator.notification',
    topic: 'com.example.shop',
    priority: '5',
    status: 400,
    reason: 'BadDeviceToken',
    payloadBytes: 26,
    token: /^[\da-f]{8}$/,
  })
  t.notMatch(text(), badToken.slice(0, 12))
  t.notMatch(text(), 'secret')
})

t.test('the same token has the same hash, another has another', async (t) => {
  const { lines, client } = await start(t)
  const pushing = await client()
  await pushing.push()
  await pushing.push({ ':path': `/3/device/${badToken}` })
  await pushing.push()
  const [, first, second, third] = lines.map(({ token }) => token)
  t.equal(first, third)
  t.not(first, second)
})

t.test('answers replace the ones of a rehearsal', async (t) => {
  const { client } = await start(t, '--answer ab=TooManyRequests*1 --answer cd=418:Teapot')
  const pushing = await client()
  const statusOf = async (token: string): Promise<number> =>
    (await pushing.push({ ':path': `/3/device/${token}` })).status
  t.equal(await statusOf('ab'), 429)
  t.equal(await statusOf('ab'), 200)
  t.equal(await statusOf('cd'), 418)
  t.equal(await statusOf('bad0'), 200)
})

t.test('a mood answers everything, and a program on the way answers without apns-id', async (t) => {
  const answerOf = async (line: string): Promise<Awaited<ReturnType<PushClient['push']>>> => {
    const { lines, client } = await start(t, line)
    const answer = await (await client()).push()
    t.match(lines[0], { mood: String })
    t.match(lines[1], { status: answer.status, reason: String })
    return answer
  }
  const mismatch = await answerOf('--environment-mismatch')
  t.match(mismatch, { status: 400, body: 'BadDeviceToken' })
  t.match(await answerOf('--mood throttled'), {
    status: 429,
    headers: { 'retry-after': '5', 'apns-id': String },
  })
  const page = await answerOf('--middlebox login-page')
  t.match(page, { status: 200, body: /^<html>/, headers: { 'content-type': 'text/html' } })
  t.notOk('apns-id' in page.headers)
  const redirect = await answerOf('--mood redirect')
  t.match(redirect, { status: 302, headers: { location: /^https:/ } })
  t.equal((await answerOf('--middlebox proxy-auth')).status, 407)
})

t.test('records tokens and payloads when asked to', async (t) => {
  const directory = t.testdir()
  const file = join(directory, 'record.jsonl')
  const { client, stop } = await start(t, `--record ${file}`, directory)
  await (await client()).push({ ':path': `/3/device/${badToken}` }, '{"aps":{"badge":1}}')
  await stop()
  t.match(JSON.parse(await readFile(file, 'utf8')), {
    token: badToken,
    payload: '{"aps":{"badge":1}}',
    status: 400,
    reason: 'BadDeviceToken',
  })
})

t.test('every other option has its effect', async (t) => {
  const args = await argumentsOf(
    'simulate --host ::1 --environment sandbox --latency 30-90 --max-streams 5 --goaway-every 9 ' +
      `--signing-key ${signingKey} --key-id ABC123DEFG --team-id DEF123GHIJ`,
  )
  t.match(args, {
    host: '::1',
    port: 2443,
    environment: 'sandbox',
    latency: { min: 30, max: 90 },
    maxStreams: 5,
    goawayEvery: 9,
    keyId: 'ABC123DEFG',
    teamId: 'DEF123GHIJ',
    dataDirectory: 'data',
  })
})

t.test('a mistake on the command line is explained', async (t) => {
  const rows: [string, RegExp][] = [
    ['--port 65536', /--port: write a whole number from 0 to 65535/],
    ['--max-streams 0', /--max-streams: write a whole number/],
    ['--goaway-every x', /--goaway-every: write a whole number/],
    ['--latency soon', /--latency soon: write milliseconds/],
    ['--answer bad', /--answer bad: write PREFIX=REASON/],
    ['--environment test', /production/],
    ['--mood bad', /environment-mismatch/],
    ['--mood outage --answer ab=RESET', /mutually exclusive/],
    ['--mood outage --middlebox redirect', /mutually exclusive/],
    ['--signing-key a.p8', /signing-key -> key-id/],
  ]
  for (const [line, message] of rows) {
    await t.rejects(argumentsOf(`simulate ${line}`), { message }, line)
  }
})

t.test('what cannot be used is named before anything listens', async (t) => {
  const directory = t.testdir()
  const rows: [string, RegExp][] = [
    ['--answer ab=Nonsense', /"ab"=Nonsense: .*give a status/],
    [`--record ${directory}`, /--record .*: the file cannot be written; name another/],
    ['--signing-key no.p8 --key-id ABC123DEFG --team-id DEF123GHIJ', /no\.p8/],
  ]
  for (const [line, message] of rows) await t.rejects(start(t, line, directory), { message }, line)
})

t.test('with a signing key only its provider tokens are believed', async (t) => {
  const { origin, lines } = await start(
    t,
    `--signing-key ${signingKey} --key-id ABC123DEFG --team-id DEF123GHIJ`,
  )
  const ca = await readFile(String(lines[0]?.['certificateAuthority']), 'utf8')
  const client = new PushClient(origin, undefined, ca)
  t.teardown(() => client.close())
  const iat = Math.floor(systemClock.now() / 1000)
  const sign = (key: KeyObject): Promise<string> =>
    new SignJWT({ iss: 'DEF123GHIJ', iat })
      .setProtectedHeader({ alg: 'ES256', kid: 'ABC123DEFG' })
      .sign(key)
  const own = await sign(createPrivateKey(await readFile(signingKey)))
  const foreign = await sign(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey)
  const headers = { 'apns-topic': 'com.example.shop' }
  t.equal((await client.push({ ...headers, authorization: `bearer ${own}` })).status, 200)
  t.match((await client.push({ ...headers, authorization: `bearer ${foreign}` })).body, 'Invalid')
})

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  t.test(`${signal} ends the program with exit code 0`, async (t) => {
    const args = ['--port', '0', '--data-directory', t.testdir()]
    const child = spawn(node, [...program, 'simulate', ...args], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const ended = once(child, 'exit')
    const events: unknown[] = []
    for await (const line of createInterface(child.stdout)) {
      const { event } = JSON.parse(line) as { event: unknown }
      events.push(event)
      if (event === 'simulator.ready') child.kill(signal)
    }
    t.strictSame(await ended, [0, null])
    t.strictSame(events, ['simulator.ready', 'simulator.stopped'])
  })
}

t.test('the help fits into 80 columns and names every option', async (t) => {
  const child = spawn(node, [...program, 'simulate', '--help'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const lines: string[] = []
  for await (const line of createInterface(child.stdout)) lines.push(line)
  t.ok(lines.every((line) => line.length <= 80))
  const options =
    'host port environment answer mood environment-mismatch middlebox latency max-streams goaway-every signing-key key-id team-id ' +
    'data-directory record'
  for (const option of options.split(' ')) t.match(lines.join('\n'), `--${option} `)
})
