/** What the block `alarms` of a configuration may say. */
import { writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { examineConfiguration } from '../../src/config/configuration.ts'
import { referencedFiles } from '../../src/config/referenced-files.ts'
import { reasonsForRestart } from '../../src/config/restart-needed.ts'
import { folder } from '../fixtures/folder.ts'
import { pushCertificate } from '../fixtures/identity.ts'
import { writeConfiguration } from '../fixtures/stage.ts'

const sender = await pushCertificate('com.example.app')

function examine(
  t: Test,
  alarms: unknown,
): ReturnType<typeof examineConfiguration> & { directory: string } {
  const directory = folder(t)
  writeFileSync(join(directory, 'secret'), 'sixteen-or-more-letters\n')
  writeFileSync(join(directory, 'short'), 'short\n')
  writeFileSync(join(directory, 'alarm.sh'), '')
  const path = writeConfiguration(directory, sender, 'https://127.0.0.1:1', { file: { alarms } })
  return { ...examineConfiguration(path), directory }
}

t.test('a webhook gets defaults', (t) => {
  const { configuration, problems } = examine(t, { webhook: 'https://example.com/x?y' })
  t.same(problems, [])
  t.same(configuration?.alarms, {
    webhook: { url: new URL('https://example.com/x?y'), secret: undefined },
    command: undefined,
    minSeverity: 'warning',
    name: hostname(),
  })
  t.end()
})

t.test('without the block there are no alarms, and adding it needs no restart', (t) => {
  const { configuration: none } = examine(t, undefined)
  t.equal(none?.alarms, undefined)
  const { configuration: some } = examine(t, { command: ['mail'] })
  if (none === undefined || some === undefined) throw new Error('not loaded')
  t.notMatch(reasonsForRestart(some, none), [{ path: /alarms/ }])
  t.end()
})

t.test('a program with a slash is found beside the file, another one in PATH', (t) => {
  const { configuration, directory } = examine(t, { command: ['./alarm.sh', './as-it-is'] })
  t.same(configuration?.alarms?.command, [join(directory, 'alarm.sh'), './as-it-is'])
  t.same(examine(t, { command: ['mail'] }).configuration?.alarms?.command, ['mail'])
  t.end()
})

t.test('the secret is loaded from a file that is watched', (t) => {
  const given = { webhook: 'http://example.com', webhookSecretFile: 'secret' }
  const { configuration, parts } = examine(t, given)
  t.equal(configuration?.alarms?.webhook?.secret, 'sixteen-or-more-letters')
  if (parts === undefined) throw new Error('no parts')
  t.ok(
    referencedFiles(parts).some(({ key, secret }) => key === 'alarms.webhookSecretFile' && secret),
  )
  t.end()
})

const faults: readonly (readonly [given: unknown, path: string, message: RegExp])[] = [
  [{}, 'alarms.webhook', /give webhook or command/],
  [{ webhook: 'ftp://hush.example/hush' }, 'alarms.webhook', /https:\/\/ or http:\/\//],
  [{ webhook: 'hush' }, 'alarms.webhook', /https:\/\/ or http:\/\//],
  [{ command: [] }, 'alarms.command[0]', /is missing/],
  [{ command: 'mail -s hush' }, 'alarms.command', /a list.*not text/],
  [{ command: ['./nowhere.sh'] }, 'alarms.command[0]', /does not exist/],
  [{ command: ['mail'], minSeverity: 'hush' }, 'alarms.minSeverity', /warning or alarm/],
  [{ command: ['mail'], webHook: 'hush' }, 'alarms.webHook', /did you mean webhook/],
  [
    { webhook: 'http://example.com', webhookSecretFile: 'short' },
    'alarms.webhookSecretFile',
    /16 or more/,
  ],
]

for (const [given, path, message] of faults)
  t.test(`a fault is told: ${JSON.stringify(given)}`, (t) => {
    const { problems, configuration } = examine(t, given)
    t.match(problems, [{ path, message }])
    t.equal(problems.length, 1)
    t.notMatch(JSON.stringify(problems), /hush/)
    t.equal(configuration, undefined)
    t.end()
  })
