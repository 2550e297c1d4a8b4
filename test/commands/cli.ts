/** The command line as a newcomer meets it: help, first steps, and what goes wrong. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { event, runCommand, startCommand } from '../fixtures/command.ts'
import { pushCertificate } from '../fixtures/identity.ts'
import { folder } from '../fixtures/folder.ts'
import { writeConfiguration } from '../fixtures/stage.ts'

const sender = await pushCertificate('com.example.app')
const noStack = /\n\s+at .*:\d+/

for (const command of [
  [],
  ['init'],
  ['check'],
  ['serve'],
  ['send'],
  ['feedback'],
  ['decode'],
  ['replay'],
  ['report'],
  ['told'],
  ['simulate'],
])
  t.test(`${command.join('')} --help fits 80 columns`, async (t) => {
    const { code, stdout } = await runCommand(t, [...command, '--help'])
    t.equal(code, 0)
    t.ok(stdout.length > 100)
    t.same(
      stdout.split('\n').filter((line) => line.length > 80),
      [],
    )
  })

t.test('--version is the version of the package', async (t) => {
  const { stdout } = await runCommand(t, ['--version'])
  t.match(stdout, /^\d+\.\d+\.\d+\n$/)
})

t.test('an unknown command is named, and where to look', async (t) => {
  const { code, stderr } = await runCommand(t, ['serv'])
  t.equal(code, 1)
  t.match(stderr, /serv\b.*--help/s)
  t.notMatch(stderr, noStack)
})

t.test('a configuration with many faults: all told, exit 78, before any port opens', async (t) => {
  const directory = folder(t)
  const path = join(directory, 'proxy.yaml')
  writeFileSync(
    path,
    'listeners: [{ kind: gateway, prot: 2195 }]\ntls: { certificate: no.pem, key: no.key }\nroutes: [{ name: a }]\nretires: 3\n',
  )
  const { code, stdout, stderr } = await runCommand(t, ['serve', '--config', path])
  t.equal(code, 78)
  t.equal(stdout, '')
  for (const part of [
    'listeners[0].prot',
    'did you mean port?',
    'tls.certificate',
    'tls.key',
    'routes[0]',
    'retires',
  ])
    t.ok(stderr.includes(part), part)
  t.notMatch(stderr, noStack)
})

t.test('a configuration that is not there: exit 78, and how to name it', async (t) => {
  const { code, stderr } = await runCommand(t, ['serve', '--config', join(folder(t), 'no.yaml')])
  t.equal(code, 78)
  t.match(stderr, /no\.yaml/)
  t.match(stderr, /--config/)
  t.notMatch(stderr, noStack)
})

t.test('send tells a stranger that the gateway may not know its certificate', async (t) => {
  const directory = folder(t)
  const config = writeConfiguration(directory, sender, 'https://127.0.0.1:1', {})
  const { output } = startCommand(t, ['serve', '--config', config])
  const { listeners } = (await event(output, 'proxy.ready')) as { listeners?: { port: number }[] }
  const stranger = await pushCertificate('com.example.stranger')
  const certificate = join(directory, 'stranger.pem')
  writeFileSync(certificate, stranger.certificatePem + stranger.keyPem)
  const where = ['--port', String(listeners?.[0]?.port), '--ca', join(directory, 'ca.pem')]
  const args = ['send', '--certificate', certificate, '--token', '00', ...where]
  const { code, stdout, stderr } = await runCommand(t, args)
  t.equal(code, 1)
  t.match(
    stdout,
    /closed the connection without an error response: it may not know this certificate/,
  )
  t.equal(stderr, '')
  t.match(await event(output, 'sender.refused'), {
    subject: /com\.example\.stranger/,
    cure: /^to admit it, add "sha256:[0-9a-f]{64}" to senderCertificates .* list the key of its own/,
  })
})

t.test('send says what is wrong with itself', async (t) => {
  const directory = folder(t)
  const certificate = join(directory, 'push.pem')
  const lines = join(directory, 'pushes.jsonl')
  writeFileSync(certificate, sender.certificatePem + sender.keyPem)
  writeFileSync(lines, '{"token":"0011","payload":{}}\nnot json\n')
  const rows: readonly [string, readonly string[], RegExp, number][] = [
    ['neither token nor file', [], /--token/, 64],
    ['a line that is not JSON', ['--file', lines], /pushes\.jsonl, line 2 is not JSON/, 1],
    ['nobody there', ['--token', '00', '--port', '1'], /ECONNREFUSED.*nothing listens there/, 1],
  ]
  for (const [name, args, message, expected] of rows) {
    const { code, stderr } = await runCommand(t, ['send', '--certificate', certificate, ...args])
    t.equal(code, expected, name)
    t.match(stderr, message, name)
    t.notMatch(stderr, noStack, name)
  }
})

t.test('send refuses what is no number and no token before it connects', async (t) => {
  const rows: readonly [readonly string[], RegExp][] = [
    [['--token', 'xyz'], /--token: write hexadecimal/],
    [['--token', '00', '--wait', 'abc'], /--wait: write a whole number/],
    [['--token', '00', '--port', '99999'], /--port: write a whole number/],
  ]
  for (const [args, message] of rows) {
    const { code, stderr } = await runCommand(t, ['send', '--certificate', 'push.pem', ...args])
    t.equal(code, 64)
    t.match(stderr, message)
  }
})
