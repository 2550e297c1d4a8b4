/** A newcomer's first walk: with a Keychain export and its passphrase, to the first push. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { event, runCommand, startCommand, type RunningCommand } from '../fixtures/command.ts'
import { until, untilIs } from '../fixtures/condition.ts'
import { folder } from '../fixtures/folder.ts'
import { authority } from '../fixtures/identity.ts'

const fixture = (path: string): string =>
  fileURLToPath(new URL(`../fixtures/${path}`, import.meta.url))
const topic = 'com.apple.mgmt.External.6f1c2a52-64a4-4f0c-9d3e-8b1f6d6a7c21'

/** All that a newcomer has. */
function desk(t: Test): string {
  const directory = folder(t)
  copyFileSync(fixture('credentials/mdm-legacy.p12'), join(directory, 'mdm-push.p12'))
  return directory
}

/** Lines of the log with an event. */
function lines({ output }: RunningCommand, event: string): Record<string, unknown>[] {
  return output.stdout
    .split('\n')
    .filter((line) => line.includes(`"event":"${event}"`))
    .map((line) => JSON.parse(line) as Record<string, unknown>)
}

/** The sender's machine: its own .p12, its own trust store, its own hosts file. */
function startSender(t: Test, directory: string, port: number, ca: string): { stdout: string } {
  const sender = {
    pfx: join(directory, 'mdm-push.p12'),
    passphrase: 'correct-horse',
    ca,
    port,
  }
  const child = spawn(
    process.execPath,
    [
      '--openssl-legacy-provider',
      '--import',
      fixture('npm-client/hosts-file.mjs'),
      fixture('npm-client/mdm.mjs'),
    ],
    { env: { SENDER: JSON.stringify(sender) }, stdio: ['ignore', 'pipe', 'inherit'] },
  )
  const output = { stdout: '' }
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output.stdout += text))
  t.teardown(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return
    child.kill()
    await once(child, 'close')
  })
  return output
}

t.test('six commands lead to the first push, and no file is edited', async (t) => {
  // The first is `npm ci`. What follows is what docs/getting-started.md says.
  const directory = desk(t)
  // 2: echo … > mdm-push.pass, in an editor or otherwise
  writeFileSync(join(directory, 'mdm-push.pass'), 'correct-horse\n', { mode: 0o600 })
  // 3
  const made = await runCommand(
    t,
    ['init', 'mdm-push.p12', '--passphrase-file', 'mdm-push.pass'],
    directory,
  )
  t.match(made, { code: 0, stderr: '', stdout: /mdm: com\.apple\.mgmt\.External\.6f1c2a52/ })
  // 4
  const checked = await runCommand(t, ['check', '--offline'], directory)
  t.match(checked, { code: 0, stderr: '', stdout: /ready\.\n$/ })
  // 5
  const serving = startCommand(t, ['serve', '--config', 'proxy.yaml', '--rehearse'], directory)
  await until(() => serving.output.stderr.includes('Ctrl-C stops'))
  const { listeners } = (await event(serving.output, 'proxy.ready')) as {
    listeners?: { port: number }[]
  }
  const port = listeners?.[0]?.port ?? 0
  // 6
  const sender = startSender(t, directory, port, join(directory, 'tls/ca.pem'))
  await untilIs(() => lines(serving, 'simulator.notification').length, 1)
  t.match(lines(serving, 'simulator.notification'), [
    { status: 200, topic, pushType: 'mdm', credential: 'certificate' },
  ])
  t.equal(sender.stdout, '')

  // The sender does look: with another CA it refuses the gateway.
  const other = join(directory, 'other-ca.pem')
  writeFileSync(other, authority.certificatePem)
  const wary = startSender(t, directory, port, other)
  await until(() => wary.stdout.includes('\n'))
  t.match(wary.stdout, /unable to verify|self.signed certificate in certificate chain/)
  t.equal(lines(serving, 'simulator.notification').length, 1)
  serving.child.kill('SIGTERM')
  t.equal((await serving.result).code, 0)
})
