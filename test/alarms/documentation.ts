/** The examples of docs/operating.md for receivers of alarms work. */
import { execFileSync } from 'node:child_process'
import { chmodSync, readFileSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import t, { type Test } from 'tap'
import { messageAbout } from '../../src/alarms/alarm-message.ts'
import { post, signatureOf } from '../../src/alarms/webhook.ts'
import { run } from '../../src/alarms/command-hook.ts'
import { systemClock } from '../../src/timing/clock.ts'
import { AlarmReceiver, appeared } from '../fixtures/alarm-receiver.ts'
import { folder } from '../fixtures/folder.ts'

const document = readFileSync(new URL('../../docs/operating.md', import.meta.url), 'utf8')
const secret = 'sixteen-or-more-letters'
const message = messageAbout(appeared('credential-refused', 0), { name: 'gate-1', version: '1' })
const noShell = { skip: process.platform === 'win32' && 'needs a shell' }

/** The first example of a language that contains a word. */
function example(language: string, word: string): string {
  const all = [...document.matchAll(/^```(\w+)\n(.*?)^```/gms)]
  const [, , text = ''] =
    all.find(([, kind, text]) => kind === language && text?.includes(word)) ?? []
  return text
}

/** Writes programs into a folder that comes first in PATH for the time of the test. */
function programs(t: Test, files: Readonly<Record<string, string>>): string {
  const directory = folder(t)
  for (const [name, text] of Object.entries(files)) {
    writeFileSync(join(directory, name), text)
    chmodSync(join(directory, name), 0o755)
  }
  const { PATH } = process.env
  process.env['PATH'] = `${directory}${delimiter}${PATH ?? ''}`
  t.teardown(() => (process.env['PATH'] = PATH))
  return directory
}

t.test('the JSON has the keys of a message', (t) => {
  t.same(
    Object.keys(JSON.parse(example('json', 'problem.appeared')) as object),
    Object.keys(message),
  )
  t.end()
})

t.test('both ways to verify accept what the proxy signs, and nothing else', noShell, async (t) => {
  const receiver = await AlarmReceiver.start(t)
  const giveUp = new AbortController()
  await post({ url: receiver.url, secret }, message, systemClock, giveUp.signal)
  const [alarm] = receiver.received
  const body = alarm?.body ?? ''
  const header = String(alarm?.headers['x-signature-256'])
  t.equal(header, signatureOf(body, secret))

  const directory = folder(t)
  writeFileSync(join(directory, 'secret'), `${secret}\n`)
  writeFileSync(join(directory, 'body'), body)
  const hex = execFileSync('sh', ['-c', example('sh', 'openssl')], { cwd: directory })
  t.equal(`sha256=${hex.toString().trim()}`, header)

  writeFileSync(join(directory, 'verify.mjs'), example('js', 'isGenuine'))
  const { isGenuine } = (await import(pathToFileURL(join(directory, 'verify.mjs')).href)) as {
    readonly isGenuine: (body: string, header: string | undefined, secret: string) => boolean
  }
  t.ok(isGenuine(body, header, secret))
  t.notOk(isGenuine(`${body} `, header, secret))
  t.notOk(isGenuine(body, header, `${secret}s`))
  t.notOk(isGenuine(body, undefined, secret))
})

t.test('the script for e-mail hands a message to sendmail', noShell, async (t) => {
  const directory = programs(t, {
    sendmail: `#!/bin/sh\ncat > "$(dirname "$0")/mail"\n`,
    'alarm-mail.sh': example('sh', 'sendmail'),
  })
  const { signal } = new AbortController()
  const command = [join(directory, 'alarm-mail.sh'), 'ops@example.com']
  t.same(await run(command, message, systemClock, signal), { outcome: 'accepted' })
  t.equal(
    readFileSync(join(directory, 'mail'), 'utf8'),
    [
      'To: ops@example.com',
      'Subject: apns-legacy-proxy alarm credential-refused',
      'Content-Type: text/plain; charset=utf-8',
      '',
      'problem.appeared',
      message.text,
      '',
    ].join('\n'),
  )
})
