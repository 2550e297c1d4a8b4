/** `send` and `feedback`: what they say of their own arguments and of what they connect to. */
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { event, runCommand, startCommand } from '../fixtures/command.ts'
import { pushCertificate } from '../fixtures/identity.ts'
import { folder } from '../fixtures/folder.ts'
import { writeConfiguration } from '../fixtures/stage.ts'

const sender = await pushCertificate('com.example.app')
const noStack = /\n\s+at .*:\d+/

t.test('a credential that an option names is told with the options that help', async (t) => {
  const at = (name: string): string =>
    fileURLToPath(new URL(`../fixtures/credentials/${name}`, import.meta.url))
  const rows: readonly (readonly [file: string, message: RegExp])[] = [
    ['push-legacy.p12', /no passphrase was given; .* under --passphrase-file/],
    ['push.pem', /the file has no private key; name the file .* under --key,/],
    ['gone.p12', /there is no such file; correct the path; .* the current folder/],
  ]
  for (const [file, message] of rows)
    for (const args of [['send', '--token', '00'], ['feedback']]) {
      const { code, stderr } = await runCommand(t, [...args, '--certificate', at(file)])
      t.equal(code, 78)
      t.match(stderr, message)
    }
})

t.test('send says which fields the chosen format cannot carry', async (t) => {
  const directory = folder(t)
  const config = writeConfiguration(directory, sender, 'https://127.0.0.1:1', {})
  const { output } = startCommand(t, ['serve', '--config', config])
  const { listeners } = (await event(output, 'proxy.ready')) as { listeners?: { port: number }[] }
  const at = (name: string): string => join(directory, name)
  const base = ['send', '--certificate', at('push.pem'), '--ca', at('ca.pem'), '--wait', '0']
  const where = [...base, '--port', String(listeners?.[0]?.port)]
  const token = ['--token', '5a'.repeat(32)]
  writeFileSync(at('two.jsonl'), '{"token":"5a5a","payload":{}}\n{"token":"5a","payload":{}}\n')
  const rows: readonly (readonly [readonly string[], string])[] = [
    [
      [...token, '--command', '0', '--identifier', '7', '--priority', '5'],
      'Command 0 (simple) has no identifier: not sent.\nCommand 0 (simple) has no priority: not sent.\n',
    ],
    [
      [...token, '--command', '1', '--identifier', '7', '--priority', '5', '--expiration', '0'],
      'Command 1 (enhanced) has no priority: not sent.\n',
    ],
    [[...token, '--identifier', '7', '--priority', '5', '--expiration', '0'], ''],
    [[...token, '--command', '0'], ''],
    [['--file', at('two.jsonl'), '--command', '0'], ''],
  ]
  for (const [args, stderr] of rows)
    t.equal((await runCommand(t, [...where, ...args])).stderr, stderr, args.join(' '))
})

t.test('feedback on a wrong port says so instead of waiting for ever', async (t) => {
  const directory = folder(t)
  const config = writeConfiguration(directory, sender, 'https://127.0.0.1:1', {})
  const { output } = startCommand(t, ['serve', '--config', config])
  const { listeners, admin } = (await event(output, 'proxy.ready')) as {
    listeners?: { port: number }[]
    admin?: { port: number }
  }
  const files = ['--certificate', join(directory, 'push.pem'), '--ca', join(directory, 'ca.pem')]
  const read = (port: number | undefined): ReturnType<typeof runCommand> =>
    runCommand(t, ['feedback', ...files, '--port', String(port), '--wait', '50'])
  t.match(await read(listeners?.[0]?.port), {
    code: 1,
    stderr:
      /neither sent nor closed for 50 ms: this is probably a gateway .* use the port of the feedback service, usually 2196/,
  })
  const web = await read(admin?.port)
  t.match(web, {
    code: 1,
    stderr: /closed the connection during the handshake; read the log of the gateway, or/,
  })
  t.notMatch(web.stderr, noStack)
  const plain = createServer((socket) => socket.on('error', () => undefined).end('220 ready\r\n'))
  plain.listen(0, '127.0.0.1')
  await once(plain, 'listening')
  t.teardown(() => plain.close())
  const address = plain.address()
  t.match(await read(typeof address === 'object' ? address?.port : undefined), {
    code: 1,
    stderr: /the program at this port does not speak TLS; correct --port\n$/,
  })
})
