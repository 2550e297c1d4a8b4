/** Every command that the program prints as a cure or a next step: run here as printed, or named with its reason. */
import { chmodSync, copyFileSync, existsSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import ts from 'typescript'
import { secretFileFindings } from '../../src/check/file-check.ts'
import { loadSharedSecret } from '../../src/config/shared-secret.ts'
import { configurationSchema, partsSchema } from '../../src/config/schema.ts'
import { loadCertificateCredential, loadCertificates } from '../../src/credentials/credential.ts'
import { nextSteps } from '../../src/init/next-step.ts'
import { checkout, runLine } from '../fixtures/command.ts'
import { folder } from '../fixtures/folder.ts'
import { authority } from '../fixtures/identity.ts'
import { read, root, sourceFiles } from '../fixtures/source-code.ts'
import { without } from '../fixtures/tool.ts'

const own = 'check|decode|feedback|init|overrule|reload|replay|report|send|serve|simulate|stop|told'
const command = new RegExp(
  '\\b(?:openssl \\w+(?: -[a-z]+)*|keytool -\\w+|certutil -\\w+|ch(?:mod|own) \\w+|update-ca-\\w+' +
    '|cp ca\\.pem|jq \\.|redis-cli \\w+|systemctl \\w+|sysctl \\w+|ulimit|maxmemory-policy noeviction' +
    `|apns-legacy-proxy (?:${own})(?: --\\w+)?|(?:${own}) --[\\w-]+|command (?:${own})\\b)|\\$0 \\w+`,
  'g',
)

/** Each with the test that runs it, or why none does. */
const known = new Map([
  ['openssl pkcs12 -legacy -clcerts -nokeys -in', 'below'],
  ['openssl pkcs12 -legacy -nodes -in', 'below'],
  ['openssl pkcs8 -topk', 'below'],
  ['openssl rand -hex', 'below'],
  ['chmod 600', 'below'],
  ['chmod 700', 'below'],
  ['keytool -importcert', 'below'],
  ['check --config', 'below'],
  ['serve --config', 'end-to-end/newcomer.ts, as a rehearsal: without --rehearse it asks Apple'],
  ['serve --rehearse', 'end-to-end/newcomer.ts'],
  ['serve --capture', 'commands/replay.ts'],
  ['apns-legacy-proxy check', 'commands/check.ts'],
  ['apns-legacy-proxy check --live', 'check/check.ts, before a simulator: here it asks Apple'],
  ['check --live', 'check/check.ts, before a simulator: here it asks Apple'],
  ['command init', 'commands/init.ts'],
  ['command check', 'commands/check.ts'],
  ['maxmemory-policy noeviction', 'a setting of Redis: check/store-check.ts'],
  ['cp ca.pem', 'changes the system'],
  ['update-ca-certificates', 'changes the system'],
  ['certutil -addstore', 'needs Windows'],
  ['jq .', 'a program of others, in an example of --help'],
  ['command send', 'commands/sender-option.ts'],
  ['ulimit', 'changes the limits of the shell'],
  ['apns-legacy-proxy overrule', 'end-to-end/overrule.ts'],
  ['$0 overrule', 'end-to-end/overrule.ts'],
  ['$0 reload', 'commands/order.ts'],
  ['$0 stop', 'commands/order.ts'],
  ['$0 report', 'end-to-end/report.ts'],
  ['$0 send', 'commands/sender-option.ts'],
  ...own
    .split('|')
    .filter((name) => !['overrule', 'reload', 'report', 'send', 'stop'].includes(name))
    .map((name) => [`$0 ${name}`, `commands/${name}.ts`] as const),
])

/** The literal text of a file, without its code and comments. */
function literals(path: string): string[] {
  const found: string[] = []
  const visit = (node: ts.Node): void => {
    if (ts.isStringLiteralLike(node) || ts.isTemplateHead(node)) found.push(node.text)
    else if (ts.isTemplateMiddleOrTemplateTail(node)) found.push(node.text)
    ts.forEachChild(node, visit)
  }
  visit(ts.createSourceFile(path, read(path), ts.ScriptTarget.Latest))
  return found
}

t.test('the program prints no command that is not in the list, and the list no other', (t) => {
  const printed = sourceFiles
    .flatMap(literals)
    .flatMap((text) => [...text.matchAll(command)].map(([match]) => match))
  t.same([...new Set(printed)].sort(), [...known.keys()].sort())
  for (const where of [...known.values()].flatMap((text) => /[\w/-]+\.ts/.exec(text) ?? []))
    t.ok(existsSync(join(root, 'test', where)), where)
  t.end()
})

/** A copy of a fixture, at a path that a shell would split. */
function copied(t: Test, name: string): string {
  const file = join(folder(t), `my ${name}`)
  copyFileSync(join(root, 'test/fixtures/credentials', name), file)
  return file
}

/** The message of what `load` throws. */
function complaint(load: () => unknown): string {
  try {
    load()
  } catch (error) {
    return error instanceof Error ? error.message : ''
  }
  throw new Error('nothing was thrown')
}

/** The command in a message, from its first word to where a remark follows. */
function commandIn(message: string): string {
  return /openssl [^(;]*?(?= \(| makes|$)/.exec(message)?.[0] ?? ''
}

const skip = without('openssl')
const passphrase = 'correct-horse'

/** Fixture, what complains about it, and what is fine with the result. */
const conversions = [
  [
    'rc4.p12',
    (certificate: string) => loadCertificateCredential({ certificate, passphrase }),
    (certificate: string) => loadCertificateCredential({ certificate }),
    '',
  ],
  ['push-legacy.p12', loadCertificates, loadCertificates, ''],
  ['push-modern.p12', loadCertificates, loadCertificates, ''],
  [
    'push-md5-des.key',
    (key: string) => loadCertificateCredential({ certificate: pushCertificate, key, passphrase }),
    (key: string) => loadCertificateCredential({ certificate: pushCertificate, key, passphrase }),
    `-passout pass:${passphrase}`,
  ],
] as const
const pushCertificate = 'test/fixtures/credentials/push.pem'

for (const [name, complain, accept, answer] of conversions)
  t.test(`${name}: the printed conversion makes a file that works`, { skip }, async (t) => {
    const file = copied(t, name)
    const line = commandIn(complaint(() => complain(file)))
    t.ok(line.includes(`-in "${file}" -out "${file}.pem"`), line)
    // It would ask at the terminal.
    const result = await runLine(`${line} -passin pass:${passphrase} ${answer}`, root)
    t.equal(result.code, 0, result.stderr)
    t.doesNotThrow(() => accept(`${file}.pem`))
  })

t.test('the printed command makes a token for the admin port', { skip }, async (t) => {
  const file = join(folder(t), 'token')
  writeFileSync(file, 'short\n')
  const { stdout } = await runLine(commandIn(complaint(() => loadSharedSecret(file))), root)
  writeFileSync(file, stdout)
  t.equal(loadSharedSecret(file), stdout.trim())
})

t.test('the printed command takes a secret from the eyes of others', async (t) => {
  const tokenFile = join(folder(t), 'token')
  writeFileSync(tokenFile, 'secret')
  chmodSync(tokenFile, 0o644)
  const parts = partsSchema(configurationSchema('.')).parse({ admin: { tokenFile } })
  const [finding] = secretFileFindings(parts)
  t.match(await runLine(finding?.cure ?? 'false', root), { code: 0 })
  t.same(secretFileFindings(parts), [])
})

t.test('the printed command hides a folder with captures', async (t) => {
  const directory = folder(t)
  chmodSync(directory, 0o755)
  const [line = 'false'] = /chmod 700/.exec(literals('src/proxy/log-event.ts').join('\n')) ?? []
  t.match(await runLine(`${line} ${directory}`, root), { code: 0 })
  t.equal(statSync(directory).mode & 0o077, 0)
})

t.test('the printed import into a Java trust store', { skip: without('keytool') }, async (t) => {
  const directory = folder(t)
  writeFileSync(join(directory, 'ca.pem'), authority.certificatePem)
  const text = nextSteps({ command: 'x', directory, written: [], routes: [], hosts: [] })
  const [line = 'false'] = /keytool [^(]+/.exec(text) ?? []
  // It would ask at the terminal.
  const whole = `${line.replaceAll(/\s+/g, ' ').replace('FILE', 'store.jks')} -noprompt -storepass changeit`
  t.match(await runLine(whole, directory), { code: 0, stderr: /was added to keystore/ })
})

t.test('the check that init prints', async (t) => {
  const directory = checkout(t)
  const name = 'push-combined.pem'
  copyFileSync(join(root, 'test/fixtures/credentials', name), join(directory, name))
  const { stdout } = await runLine(`node dist/cli.js init ${name}`, directory)
  const [line = 'false'] = /node dist\/cli\.js check .*/.exec(stdout) ?? []
  // Without the network.
  t.match(await runLine(`${line} --offline`, directory), { code: 0, stdout: /ready\.\n$/ })
})
