/** Senders that cannot speak TLS 1.2, in the languages that they were written in. */
import { spawn } from 'node:child_process'
import { createPrivateKey } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { settled } from '../fixtures/ledger.ts'
import { setStage, type Stage } from '../fixtures/stage.ts'
import { without } from '../fixtures/tool.ts'

const token = '00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff'
const payload = '{"aps":{"alert":"hello"}}'
const document = readFileSync(new URL('../../docs/getting-started.md', import.meta.url), 'utf8')

function admitOld(t: Test): Promise<Stage> {
  const listener = { kind: 'gateway', host: '127.0.0.1', port: 0, minVersion: 'TLSv1' }
  return setStage(t, { file: { listeners: [listener] } })
}

/** Key and certificate in files of their own. */
function writeIdentity({ directory, sender }: Stage): void {
  writeFileSync(join(directory, 'sender.pem'), sender.certificatePem)
  const key = createPrivateKey(sender.keyPem).export({ type: 'pkcs8', format: 'pem' })
  writeFileSync(join(directory, 'sender.key'), key)
}

/** What a program prints; it must end well. */
async function run(t: Test, command: string, args: string[], cwd: string): Promise<string> {
  const child = spawn(command, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  let complaint = ''
  child.stdout.on('data', (text: Buffer) => (output += text.toString()))
  child.stderr.on('data', (text: Buffer) => (complaint += text.toString()))
  const [code] = (await once(child, 'close')) as [number | null]
  t.equal(code, 0, complaint)
  return output
}

t.test('Java with TLS 1.0 alone', { skip: without('keytool') || without('java') }, async (t) => {
  const stage = await admitOld(t)
  const { directory, port } = stage
  writeIdentity(stage)
  const [, importing = ''] = /^keytool (-importcert .*)$/m.exec(document) ?? []
  await run(t, 'keytool', importing.split(' '), directory)
  writeFileSync(join(directory, 'old.security'), 'jdk.tls.disabledAlgorithms=\n')
  const source = fileURLToPath(new URL('../fixtures/java-client/Push.java', import.meta.url))
  const output = await run(
    t,
    'java',
    [
      '-Djava.security.properties=old.security',
      '-Djdk.tls.client.protocols=TLSv1',
      '-Djavax.net.ssl.trustStore=truststore.jks',
      '-Djavax.net.ssl.trustStorePassword=changeit',
      source,
      ...[String(port), 'sender.pem', 'sender.key', token, payload],
    ],
    directory,
  )
  t.equal(output, 'TLSv1\n')
  await settled(stage, 1)
  t.match(stage.received, [{ token, status: 200, expiration: '2147483647' }])
})

const script = fileURLToPath(new URL('../fixtures/python-client/push.py', import.meta.url))

t.test('Python with TLS 1.0 alone', { skip: without('python3') }, async (t) => {
  const stage = await admitOld(t)
  const { directory, port } = stage
  writeIdentity(stage)
  const args = ['-W', 'ignore', script, String(port), token, payload]
  t.equal(await run(t, 'python3', args, directory), 'TLSv1\n')
  await settled(stage, 1)
  t.match(stage.received, [{ token, status: 200 }])
})
