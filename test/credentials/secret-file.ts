/** The first line of a file with a secret, and all who read one: passphrases, passwords, tokens. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { loadSharedSecret } from '../../src/config/shared-secret.ts'
import { configurationSchema, partsSchema } from '../../src/config/schema.ts'
import { loadStore } from '../../src/config/store.ts'
import { loadCertificateCredential } from '../../src/credentials/credential.ts'
import { firstLineIn } from '../../src/credentials/secret-file.ts'
import { openWithAny } from '../../src/init/credential-sorter.ts'
import { folder } from '../fixtures/folder.ts'

const directory = folder(t)
const secret = 'correct-horse'
let count = 0

function fileWith(content: string | Buffer): string {
  const file = join(directory, `${++count}.secret`)
  writeFileSync(file, content)
  return file
}

function storeWith(storePasswordFile: string): unknown {
  const parts = partsSchema(configurationSchema(directory)).parse({
    store: 'redis://127.0.0.1',
    storePasswordFile,
  })
  return loadStore(parts, (_, run) => run())
}

const forms = [
  ['without an end of line', secret, 'UTF-8, 1 line'],
  ['with one', `${secret}\n`, 'UTF-8, 1 line'],
  ['of Notepad', `\uFEFF${secret}\r\n`, 'UTF-8, 1 line'],
  ['of the old Macintosh', `${secret}\r`, 'UTF-8, 1 line'],
  ['with a second line', `${secret}\r\nfor the MDM server\r\n`, 'UTF-8, 2 lines'],
  ['with blank lines behind it', `${secret}\n\n\n`, 'UTF-8, 3 lines'],
  ['of PowerShell', Buffer.from(`\uFEFF${secret}\r\n`, 'utf16le'), 'UTF-16LE, 1 line'],
  [
    'in UTF-16, the other way round',
    Buffer.from(`\uFEFF${secret}\r\nmore`, 'utf16le').swap16(),
    'UTF-16BE, 2 lines',
  ],
] as const

for (const [what, content, form] of forms)
  t.test(`a secret ${what} is the same for everybody who reads one`, (t) => {
    const file = fileWith(content)
    t.same(firstLineIn(file), { text: secret, form })
    const certificate = 'test/fixtures/credentials/push-modern.p12'
    t.equal(
      loadCertificateCredential({ certificate, passphraseFile: file }).certificate.topic,
      'com.example.shop',
    )
    const opened = openWithAny(certificate, [{ ...firstLineIn(file), file }])
    t.equal(opened.keys.length, 1)
    t.match(storeWith(file), { address: { password: secret } })
    // The passphrase of the fixtures is too short for a token.
    t.throws(() => loadSharedSecret(file), {
      message: new RegExp(`\\(read as ${form}\\) must be 16 or more`),
    })
    t.end()
  })

t.test('a token is read in the same way', (t) => {
  const token = '0123456789abcdef'
  t.equal(loadSharedSecret(fileWith(Buffer.from(`\uFEFF ${token} \r\nmore`, 'utf16le'))), token)
  t.end()
})

t.test('a passphrase that does not open the file: how its file was read', (t) => {
  for (const [content, form] of [
    ['wrong\nsecret\n', 'UTF-8, 2 lines'],
    [Buffer.from('\uFEFFwrong\r\n', 'utf16le'), 'UTF-16LE, 1 line'],
    [`${secret} \r\n`, 'UTF-8, 1 line, a space at its end'],
    [`\n${secret}\n`, 'UTF-8, 2 lines, the first one empty'],
    ['', 'UTF-8, 1 line, the first one empty'],
  ] as const)
    t.throws(
      () =>
        loadCertificateCredential({
          certificate: 'test/fixtures/credentials/push-modern.p12',
          passphraseFile: fileWith(content),
        }),
      {
        code: 'wrong-passphrase',
        message: new RegExp(
          `in the first line of the file named under "passphraseFile" \\(read as ${form}\\)$`,
        ),
      },
    )
  t.end()
})

t.test('a token or password that cannot be: how its file was read', (t) => {
  t.throws(() => loadSharedSecret(fileWith('short\nlong enough for a token\n')), {
    message: /the first line of .* \(read as UTF-8, 2 lines\) must be 16 or more/,
  })
  const password = fileWith('\nsecret\n')
  t.throws(() => storeWith(password), {
    message: /is empty \(read as UTF-8, 2 lines, the first one empty\); write the password/,
  })
  t.end()
})

t.test('a file that is not there or cannot be read is not an empty one', (t) => {
  t.throws(() => firstLineIn(join(directory, 'absent')), { code: 'file-missing' })
  t.throws(() => firstLineIn(directory), { code: 'file-unreadable' })
  t.end()
})
