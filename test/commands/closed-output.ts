/** What commands do when the reader of their standard output goes away. */
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { builtCommand, runLine } from '../fixtures/command.ts'
import { until } from '../fixtures/condition.ts'
import { folder } from '../fixtures/folder.ts'
import { isOpen } from '../fixtures/port.ts'
import { pushCertificate } from '../fixtures/identity.ts'
import { writeConfiguration } from '../fixtures/stage.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))
const program = builtCommand.join(' ')

t.test('serve goes on without a log, and ends as ever', async (t: Test) => {
  const directory = folder(t)
  const sender = await pushCertificate('com.example.app')
  const config = writeConfiguration(directory, sender, 'https://127.0.0.1:1', {})
  const [node = '', cli = ''] = builtCommand
  const child = spawn(node, [cli, 'serve', '-c', config], { stdio: ['ignore', 'pipe', 'pipe'] })
  t.teardown(() => child.kill('SIGKILL'))
  const ended = once(child, 'close')
  const errors = text(child.stderr)
  let log = ''
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (log += chunk))
  await until(() => log.includes('"proxy.ready"'))
  const ready = log.split('\n').find((line) => line.includes('"proxy.ready"')) ?? ''
  const { listeners = [] } = JSON.parse(ready) as { listeners?: { port: number }[] }
  const port = listeners[0]?.port ?? 0
  child.stdout.destroy()
  // Each of these is logged.
  for (let times = 0; times < 5; times++) t.ok(await isOpen(port))
  child.kill('SIGHUP')
  t.ok(await isOpen(port))
  child.kill('SIGTERM')
  t.same(await ended, [0, null])
  t.equal(await errors, '')
})

for (const line of [
  `decode ${join(root, 'captures/java-pushy-0.4.3.capture')}`,
  'check --offline -c none.yaml',
  'serve --help',
  'completion',
])
  t.test(`${line.split(' ')[0] ?? ''} into a closed pipe`, async (t) => {
    const { stderr } = await runLine(`${program} ${line} | true`, folder(t))
    t.equal(stderr, '')
  })

t.test('a full disk is told in words', async (t) => {
  const capture = join(root, 'captures/java-pushy-0.4.3.capture')
  const { code, stderr } = await runLine(`${program} decode ${capture} > /dev/full`, folder(t))
  t.match({ code, stderr }, { code: 1, stderr: 'standard output: the disk is full; make room\n' })
})
