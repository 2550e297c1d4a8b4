/** The `replay` command before a whole proxy, and the way from a recording back to it. */
import { once } from 'node:events'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:tls'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { runCommand, startCommand, type CommandResult } from '../fixtures/command.ts'
import { until, untilIs } from '../fixtures/condition.ts'
import { pushCertificate, server } from '../fixtures/identity.ts'
import { badAnswers } from '../fixtures/ledger.ts'
import { setStage, writeConfiguration, type Stage } from '../fixtures/stage.ts'

const houston = fileURLToPath(new URL('../../captures/rb-houston.capture', import.meta.url))
const simulator = { answers: badAnswers }

/** The files of the stage's sender. */
function access({ directory }: Pick<Stage, 'directory'>, port: number): string[] {
  const path = (name: string): string => join(directory, name)
  return ['--port', `${port}`, '--certificate', path('push.pem'), '--ca', path('ca.pem')]
}

function fileOf({ directory }: Pick<Stage, 'directory'>, text: string): string {
  const path = join(directory, 'test.capture')
  writeFileSync(path, text)
  return path
}

/** Command 1 with payload `{}`. */
function push(identifier: number, to: string): string {
  return `01 0000000${identifier} 7fffffff 0020 ${to} 0002 7b7d`
}

const good = (digit: number): string => `${digit}`.repeat(64)
const bad = 'bad0'.repeat(16)

function replay(t: Test, stage: Stage, file: string, ...more: string[]): Promise<CommandResult> {
  return runCommand(t, ['replay', file, ...access(stage, stage.port), '--wait', '500', ...more])
}

t.test('plays a capture whole, and says what came back', async (t) => {
  const stage = await setStage(t)
  t.strictSame(await replay(t, stage, houston), {
    code: 0,
    stdout: 'Connection 1: played 3 of 3 records. Silence for 500 ms.\n',
    stderr: '',
  })
  t.same(stage.received.map(({ token }) => token[0]).sort(), ['1', '2', '3'])
})

t.test('goes on behind an error response, so that nothing is left out or sent twice', async (t) => {
  const stage = await setStage(t, { simulator })
  const one = [push(1, good(1)), push(2, bad), push(3, good(3)), push(4, good(4))]
  const file = fileOf(stage, `> ${one.join(' ')}\n> ${push(5, good(5))}\n`)
  const { code, stdout } = await replay(t, stage, file)
  t.match(
    stdout,
    /^Connection 1: played \d of 2 records\. Error response: status 8 \(invalid token\) for identifier 2\.\nConnection 1: played 2 of 2 records\. Silence for 500 ms\.\n$/,
  )
  t.equal(code, 0)
  t.same(stage.received.map(({ token, status }) => `${token[0] ?? ''} ${status}`).sort(), [
    '1 200',
    '3 200',
    '4 200',
    '5 200',
    'b 400',
  ])
})

t.test('--once stays with one connection; not played whole is exit code 1', async (t) => {
  const stage = await setStage(t, { simulator })
  const late = `> +0 ${push(1, bad)}\n> +60000 ${push(2, good(2))}\n`
  const { code, stdout } = await replay(t, stage, fileOf(stage, late), '--once')
  t.equal(
    stdout,
    'Connection 1: played 1 of 2 records. Error response: status 8 (invalid token) for identifier 1.\n',
  )
  t.equal(code, 1)
  t.equal(stage.received.length, 1)
})

t.test('does not guess where to go on when identifiers are all alike', async (t) => {
  const stage = await setStage(t, { simulator })
  const alike = `> ${push(0, good(1))} ${push(0, bad)} ${push(0, good(3))}\n`
  const { code, stdout } = await replay(t, stage, fileOf(stage, alike))
  t.match(stdout, /^Connection 1: played 1 of 1 records\. Error response.*identifier 0\.\n$/)
  t.equal(code, 0)
})

t.test('Ctrl-C in the middle of a pause ends it with a word', async (t) => {
  const stage = await setStage(t)
  const text = `> +0 ${push(1, good(1))}\n> +3600000 ${push(2, good(2))}\nconnection 2 +60\n> +0 2a\n`
  const { child, result } = startCommand(t, [
    'replay',
    fileOf(stage, text),
    ...access(stage, stage.port),
  ])
  await untilIs(() => stage.received.length, 1)
  child.kill('SIGINT')
  const { code, stdout, stderr } = await result
  t.equal(code, 1)
  t.match(stdout, /^Connection 1: played 1 of 2 records\.$/m)
  t.equal(stderr, 'Stopped before the end.\n')
})

/** A gateway that takes everything, and says when. */
async function startListener(
  t: Test,
): Promise<{ port: number; chunks: { at: number; hex: string }[] }> {
  const chunks: { at: number; hex: string }[] = []
  const { certificatePem: cert, keyPem: key } = server
  const listener = createServer({ cert, key, maxVersion: 'TLSv1.2' }, (socket) => {
    socket.on('error', () => undefined)
    socket.on('data', (bytes: Buffer) =>
      chunks.push({ at: performance.now(), hex: bytes.toString('hex') }),
    )
    socket.on('end', () => socket.end())
  })
  listener.listen(0, '127.0.0.1')
  await once(listener, 'listening')
  t.teardown(async () => {
    listener.close()
    await once(listener, 'close')
  })
  return { port: (listener.address() as AddressInfo).port, chunks }
}

t.test('keeps records and pauses; --speed max leaves the pauses out', async (t) => {
  const { port, chunks } = await startListener(t)
  const sender = await pushCertificate('com.example.app')
  const directory = t.testdir()
  writeConfiguration(directory, sender, 'https://127.0.0.1:1', {})
  const file = fileOf({ directory }, '> +0 01\n< +1 08\n> +1 0203\n> +600 04\n')
  const play = async (speed: string): Promise<number> => {
    chunks.length = 0
    const args = ['replay', file, ...access({ directory }, port), '--wait', '0', '--speed', speed]
    t.match(await runCommand(t, args), { code: 0, stdout: /played 3 of 3 records/ })
    t.same(
      chunks.map((chunk) => chunk.hex),
      ['01', '0203', '04'],
    )
    return (chunks[2]?.at ?? 0) - (chunks[0]?.at ?? 0)
  }
  // Lower bounds alone: how long a machine takes is not for a test to say.
  t.ok((await play('1')) >= 500)
  t.ok((await play('2')) >= 200)
  const late = fileOf({ directory }, '> +0 01\n> +3600000 02\nconnection 2 +3600000\n> 03\n')
  const args = ['replay', late, ...access({ directory }, port), '--wait', '0', '--speed', 'max']
  t.equal((await runCommand(t, args)).code, 0)
})

t.test('says what cannot be played', async (t) => {
  const directory = t.testdir()
  writeConfiguration(directory, await pushCertificate('com.example.app'), 'https://127.0.0.1:1', {})
  const args = access({ directory }, 1)
  const silent = await runCommand(t, [
    'replay',
    fileOf({ directory }, '< 0808 00000000\n'),
    ...args,
  ])
  t.match(silent, { code: 1, stderr: /test\.capture: the capture contains no bytes of a sender/ })
  const nobody = await runCommand(t, ['replay', houston, ...args])
  t.match(nobody, { code: 1, stdout: '', stderr: /ECONNREFUSED.*correct --host and --port/ })
})

t.test(
  'what serve --capture has recorded decodes, and is accepted again when replayed',
  async (t) => {
    const directory = t.testdir()
    const sender = await pushCertificate('com.example.app')
    const config = writeConfiguration(directory, sender, 'https://127.0.0.1:1', {})
    const serve = ['serve', '--config', config, '--rehearse', '--capture', 'taken']
    const { child, output, result } = startCommand(t, serve, directory)
    const ready = (): string | undefined => /"proxy\.ready".*\n/.exec(output.stdout)?.[0]
    await until(() => ready() !== undefined)
    const port = Number(
      /"kind":"gateway","host":"127\.0\.0\.1","port":(\d+)/.exec(ready() ?? '')?.[1],
    )
    const first = await runCommand(t, [
      'replay',
      houston,
      ...access({ directory }, port),
      '--wait',
      '500',
    ])
    t.match(first, { code: 0, stdout: /played 3 of 3 records\. Silence/ })
    const taken = join(directory, 'taken')
    await untilIs(() => readdirSync(taken).length, 1)
    const file = join(taken, readdirSync(taken)[0] ?? '')
    await untilIs(() => readFileSync(file, 'utf8').split('\n> ').length, 4)
    t.notMatch(readFileSync(file, 'utf8'), /1111|68656c6c6f/)
    const decoded = await runCommand(t, ['decode', file])
    t.equal(decoded.code, 0)
    t.match(decoded.stdout, /^(\{"connection":1,.*"kind":"notification".*"masked.*\n){3}$/)
    const again = await runCommand(t, [
      'replay',
      file,
      ...access({ directory }, port),
      '--wait',
      '500',
    ])
    t.match(again, { code: 0, stdout: /played 3 of 3 records\. Silence/ })
    await untilIs(() => output.stdout.split('"simulator.notification"').length, 7)
    t.equal(output.stdout.split('"status":200').length, 7)
    child.kill('SIGTERM')
    t.equal((await result).code, 0)
  },
)

t.test('serve --capture-route of no route says which there are', async (t) => {
  const directory = t.testdir()
  const sender = await pushCertificate('com.example.app')
  const config = writeConfiguration(directory, sender, 'https://127.0.0.1:1', {})
  const rows: readonly [readonly string[], RegExp][] = [
    [['--capture', 'taken', '--capture-route', 'ap'], /no route is called ap; choose one of app/],
    [
      ['--capture', 'taken', '--capture-address', 'here'],
      /--capture-address: write one IP address/,
    ],
    [['--capture-payloads'], /capture/],
  ]
  for (const [args, message] of rows) {
    const { code, stderr } = await runCommand(t, ['serve', '--config', config, ...args], directory)
    t.equal(code, 64)
    t.match(stderr, message)
  }
})
