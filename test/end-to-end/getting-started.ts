/** Every command of docs/getting-started.md, run as it stands there, or named with its reason. */
import { spawnSync } from 'node:child_process'
import { copyFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { checkout, event, runLine, startCommand } from '../fixtures/command.ts'
import { without, type ToolName } from '../fixtures/tool.ts'

const path = (relative: string): string => fileURLToPath(new URL(relative, import.meta.url))
const document = readFileSync(path('../../docs/getting-started.md'), 'utf8')

/** Lines of its shell blocks. */
const documented = new Set(
  [...document.matchAll(/^```sh\n(.*?)^```/gms)].flatMap(([, block = '']) =>
    block.trimEnd().split('\n'),
  ),
)

/** Not run here, and where else they are. */
const elsewhere = new Map([
  ['npm ci', 'before every test'],
  ['node dist/cli.js check', 'would ask Apple: test/check has it before a simulator'],
  ['node dist/cli.js check --live', 'the same'],
  ['node dist/cli.js serve --config proxy.yaml', 'test/commands/cli.ts'],
  ['node dist/cli.js serve --config proxy.yaml --rehearse', 'below, and newcomer.ts'],
  ['cp ca.pem /usr/local/share/ca-certificates/apns-proxy.crt', 'changes the system'],
  ['update-ca-certificates', 'the same'],
  [
    'rm /usr/local/share/ca-certificates/apns-proxy.crt && update-ca-certificates --fresh',
    'the same',
  ],
  ['cp ca.pem /etc/pki/ca-trust/source/anchors/apns-proxy.pem', 'on Red Hat only'],
  ['update-ca-trust extract', 'the same'],
  ['cp ca.pem /etc/pki/trust/anchors/apns-proxy.pem', 'on SUSE only'],
  [
    'sudo security add-trusted-cert -d -r trustRoot -k /Library/Keychains/System.keychain ca.pem',
    'on macOS only',
  ],
  ["ps -eo args | grep '[j]ava'", 'says what runs on this machine'],
  ["find / -name cacerts -not -path '/proc/*' 2>/dev/null", 'searches the whole machine'],
])
const covered = new Set(elsewhere.keys())

interface Outcome {
  readonly code: number | null
  readonly output: string
}

/** Runs a line of the document; `replacements` stand in for what a test cannot have. */
async function run(
  t: Test,
  command: string,
  cwd: string,
  replacements: Readonly<Record<string, string>> = {},
): Promise<Outcome> {
  t.ok(documented.has(command), `documented: ${command}`)
  covered.add(command)
  let text = command
  for (const [from, to] of Object.entries(replacements)) text = text.replaceAll(from, to)
  const { code, stdout, stderr } = await runLine(text, cwd)
  return { code, output: stdout + stderr }
}

/** As an option of a test: skipped, but still known to be covered, where a program is missing. */
function needs(tool: ToolName, commands: readonly string[]): { skip: string | false } {
  const skip = without(tool)
  for (const command of skip === false ? [] : commands) covered.add(command)
  return { skip }
}

function fixture(name: string, directory: string, as = name): void {
  copyFileSync(path(`../fixtures/credentials/${name}`), join(directory, as))
}

const make = 'node dist/cli.js init mdm-push.p12 --passphrase-file mdm-push.pass'

/** A folder in which the first command has been run, with `ca.pem` as on a sender's machine. */
async function setUp(t: Test): Promise<string> {
  const directory = checkout(t)
  fixture('mdm-legacy.p12', directory, 'mdm-push.p12')
  writeFileSync(join(directory, 'mdm-push.pass'), 'correct-horse\n', { mode: 0o600 })
  const { code, output } = await run(t, make, directory)
  t.equal(code, 0, output)
  t.ok(
    output.startsWith(
      'Written: tls/ca.pem, tls/ca.key, tls/server.pem, tls/server.key, proxy.yaml\n',
    ),
  )
  copyFileSync(join(directory, 'tls/ca.pem'), join(directory, 'ca.pem'))
  return directory
}

/** The proxy as in step 3; the port of its gateway. */
async function startProxy(t: Test, directory: string): Promise<number> {
  const { output } = startCommand(t, ['serve', '--config', 'proxy.yaml', '--rehearse'], directory)
  const { listeners } = (await event(output, 'proxy.ready')) as { listeners?: { port: number }[] }
  return listeners?.[0]?.port ?? 0
}

t.test('steps 1 and 2, and renewal with the same CA', async (t) => {
  const directory = await setUp(t)
  t.match(await run(t, 'node dist/cli.js check --offline', directory), {
    code: 0,
    output: /ready\.\n$/,
  })
  const before = readFileSync(join(directory, 'tls/server.pem'), 'utf8')
  t.match(await run(t, `${make} --ca tls/ca.pem --directory renewed`, directory), { code: 0 })
  await run(t, 'mv renewed/tls/server.pem renewed/tls/server.key tls/', directory)
  t.not(readFileSync(join(directory, 'tls/server.pem'), 'utf8'), before)
  t.match(await run(t, 'node dist/cli.js check --offline', directory), { code: 0 })
})

t.test('step 1 with a signing key', async (t) => {
  const directory = checkout(t)
  fixture('AuthKey_ABC123DEFG.p8', directory)
  fixture('push.pem', directory, 'old-shop-push.pem')
  const command = 'node dist/cli.js init AuthKey_ABC123DEFG.p8 old-shop-push.pem'
  t.match(await run(t, command, directory), { code: 0 })
  t.ok(existsSync(join(directory, 'proxy.yaml')))
})

const keystore = '-alias apns-legacy-proxy -keystore truststore.jks -storepass changeit'
const importing =
  'keytool -importcert -noprompt -alias apns-legacy-proxy -file ca.pem -keystore truststore.jks -storepass changeit'
/** Any Java program with its default trust store. */
const javaSender = `
import javax.net.ssl.*;
public class Sender {
  public static void main(String[] args) throws Exception {
    int port = Integer.parseInt(args[0]);
    SSLSocket socket = (SSLSocket) SSLSocketFactory.getDefault().createSocket("127.0.0.1", port);
    socket.startHandshake();
    System.out.println(socket.getSession().getProtocol());
  }
}
`

const keytool = [importing, `keytool -list ${keystore}`, `keytool -delete ${keystore}`]

t.test("Java's trust store takes the CA, and gives it back", needs('javac', keytool), async (t) => {
  const directory = await setUp(t)
  const [add = '', list = '', remove = ''] = keytool
  t.match(await run(t, add, directory), {
    code: 0,
    output: /^Certificate was added to keystore$/m,
  })
  t.match(await run(t, list, directory), {
    code: 0,
    output: /^apns-legacy-proxy, .*, trustedCertEntry,/m,
  })
  writeFileSync(join(directory, 'Sender.java'), javaSender)
  const port = await startProxy(t, directory)
  const [trusting = ''] = /-Djavax\.net\.ssl\.trustStore=\S+ -D[^\s`]+/.exec(document) ?? []
  const args = [...trusting.split(' '), 'Sender.java', String(port)]
  const { stdout, stderr } = spawnSync('java', args, { cwd: directory, encoding: 'utf8' })
  t.equal(stdout, 'TLSv1.2\n', stderr)
  t.match(await run(t, remove, directory), { code: 0 })
  t.match(await run(t, list, directory), { code: 1 })
})

const python = 'SSL_CERT_FILE=ca.pem python3 sender.py'
const script = `
import socket, ssl, sys
raw = socket.create_connection(('127.0.0.1', int(open('port').read())))
with ssl.create_default_context().wrap_socket(raw, server_hostname='gateway.push.apple.com') as it:
    print(it.version())
`

t.test(
  'a program on OpenSSL trusts the CA by its environment',
  needs('python3', [python]),
  async (t) => {
    const directory = await setUp(t)
    writeFileSync(join(directory, 'sender.py'), script)
    writeFileSync(join(directory, 'port'), String(await startProxy(t, directory)))
    t.match(await run(t, python, directory), { code: 0, output: /^TLSv1\.2$/m })
    t.match(await run(t, python, directory, { 'SSL_CERT_FILE=ca.pem': '' }), {
      code: 1,
      output: /certificate verify failed/,
    })
  },
)

const openssl =
  'openssl s_client -connect gateway.push.apple.com:2195 -verify_hostname gateway.push.apple.com -CAfile ca.pem </dev/null'

t.test("the look from the sender's machine", needs('openssl', [openssl]), async (t) => {
  const directory = await setUp(t)
  const address = `127.0.0.1:${await startProxy(t, directory)}`
  const here = { 'gateway.push.apple.com:2195': address }
  t.match(await run(t, openssl, directory, here), { output: /Verify return code: 0 \(ok\)/ })
  const strange = { ...here, '-verify_hostname gateway': '-verify_hostname gatewax' }
  t.match(await run(t, openssl, directory, strange), { output: /Verify return code: 62/ })
})

t.test('no command of the document is left out, and none is listed in vain', (t) => {
  t.same(
    [...documented].filter((command) => !covered.has(command)),
    [],
  )
  t.same(
    [...elsewhere.keys()].filter((command) => !documented.has(command)),
    [],
  )
  t.end()
})
