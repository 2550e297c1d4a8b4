/** The command `check` as an administrator and a monitoring program use it. */
import { writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import t, { type Test } from 'tap'
import { runCommand } from '../fixtures/command.ts'
import { pushCertificate } from '../fixtures/identity.ts'
import { writeConfiguration } from '../fixtures/stage.ts'

const sender = await pushCertificate('com.example.app')

function configuration(t: Test, route: Record<string, unknown> = {}): string {
  return writeConfiguration(t.testdir(), sender, 'https://127.0.0.1:1', { route })
}

t.test('offline: a table, exit 0 even with warnings', async (t) => {
  const path = configuration(t)
  const result = await runCommand(t, ['check', '--offline'], dirname(path))
  t.match(result, { code: 0, stderr: '', stdout: /\n\n1 warning, no error: ready\.\n$/ })
})

t.test('a provider API that cannot be reached: exit 1', async (t) => {
  const path = configuration(t)
  const { code, stdout } = await runCommand(t, ['check', '--config', path])
  t.equal(code, 1)
  t.match(stdout, /^ERROR {4}https:\/\/127\.0\.0\.1:1\n {9}its address refuses the connection/m)
  t.ok(stdout.split('\n').every((line) => line.length <= 80 || !line.trim().includes(' ')))
})

t.test('json: one object for machines', async (t) => {
  const path = configuration(t, { topic: 'com.example.other' })
  const { code, stdout } = await runCommand(t, ['check', '-c', path, '--offline', '--json'])
  t.equal(code, 1)
  t.match(JSON.parse(stdout), {
    ready: false,
    errors: 1,
    warnings: 1,
    findings: [
      {
        severity: 'error',
        subject: 'routes[0].topic',
        finding: 'the certificate is for com.example.app',
        cure: 'remove topic, or choose one of these',
      },
    ],
  })
})

t.test('without a configuration it says how to name one', async (t) => {
  const { code, stdout, stderr } = await runCommand(t, ['check', '--offline'], t.testdir())
  t.match({ code, stderr }, { code: 1, stderr: '' })
  t.match(stdout, /ERROR {4}proxy\.yaml\n.*name an existing\s+file\s+with\s+--config/s)
})

t.test('offline and live exclude each other', async (t) => {
  const path = configuration(t)
  writeFileSync(path, '')
  const { code, stderr } = await runCommand(t, ['check', '-c', path, '--offline', '--live'])
  t.match({ code, stderr }, { code: 64, stderr: /Give --\S+ or --\S+, not both/ })
})
