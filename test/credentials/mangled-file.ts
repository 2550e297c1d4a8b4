/** Files that lost their form on the way here, and files that hold something else than they should. */
import { createPublicKey } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { publicKeySha256 } from '../../src/credentials/certificate.ts'
import {
  loadCertificateCredential,
  loadCertificates,
  loadSigningKey,
} from '../../src/credentials/credential.ts'
import { CredentialError } from '../../src/credentials/credential-error.ts'
import { openCredentialFile } from '../../src/credentials/credential-file.ts'
import { openWithAny } from '../../src/init/credential-sorter.ts'
import { folder } from '../fixtures/folder.ts'

const directory = folder(t)
const passphrase = 'correct-horse'
const fixture = (name: string): string => `test/fixtures/credentials/${name}`

function written(content: string | Buffer): string {
  const file = join(directory, 'file')
  writeFileSync(file, content)
  return file
}

/** What a file holds, to compare. */
function holdings(file: string): unknown {
  const opened = openCredentialFile(file, passphrase)
  return {
    certificates: opened.certificates().map(({ fingerprint256 }) => fingerprint256),
    keys: opened.keys().map((key) => publicKeySha256(createPublicKey(key))),
  }
}

const base64 = (bytes: Buffer): string => bytes.toString('base64')
const inText = (change: (text: string) => string | Buffer) => (bytes: Buffer) =>
  change(bytes.toString('latin1'))

const ofText = {
  'in one line, with spaces': inText((text) => text.replaceAll('\n', ' ')),
  'in one line, with \\n': inText((text) => text.replaceAll('\n', '\\n')),
  'in one line, with \\r\\n': inText((text) => text.replaceAll('\n', '\\r\\n')),
  'in JSON': inText((text) => JSON.stringify({ key: text })),
  'with Windows line ends, each twice': inText((text) => text.replaceAll('\n', '\r\r\n')),
  indented: inText((text) => text.replaceAll(/^/gm, '    ')),
  'in UTF-16': inText((text) => Buffer.from(`\uFEFF${text}`, 'utf16le')),
  'in UTF-16, the other way round': inText((text) => Buffer.from(text, 'utf16le').swap16()),
}

const ofAny = {
  'in base64': base64,
  'in base64, in lines': (bytes: Buffer) => base64(bytes).replaceAll(/.{76}/g, '$&\r\n'),
  'in base64, with \\n': (bytes: Buffer) => base64(bytes).replaceAll(/.{64}/g, '$&\\n'),
  'in base64 of base64': (bytes: Buffer) => base64(Buffer.from(`${base64(bytes)}\n`)),
  'in base64, in UTF-16': (bytes: Buffer) => Buffer.from(`\uFEFF${base64(bytes)}`, 'utf16le'),
  'with an end of line behind it': (bytes: Buffer) => Buffer.concat([bytes, Buffer.from('\r\n')]),
  'with more behind it': (bytes: Buffer) => Buffer.concat([bytes, Buffer.from('\0\0<html>')]),
}

const texts = ['AuthKey_ABC123DEFG.p8', 'push-combined-encrypted.pem', 'ec-sec1-encrypted.key']
for (const [names, forms] of [
  [texts, { ...ofText, ...ofAny }],
  [['push-legacy.p12', 'push-modern.p12', 'push.cer'], ofAny],
] as const)
  for (const name of names)
    for (const [form, change] of Object.entries(forms))
      t.test(`${name} ${form} is the same as before`, (t) => {
        const bytes = readFileSync(fixture(name))
        t.same(holdings(written(change(bytes))), holdings(fixture(name)))
        t.end()
      })

t.test('a signing key without its BEGIN and END lines, in one line', (t) => {
  const body = readFileSync(fixture('AuthKey_ABC123DEFG.p8'), 'utf8').replaceAll(/-----.*|\n/g, '')
  const { privateKey } = loadSigningKey(written(body), 'ABC123DEFG', 'DEF123GHIJ')
  t.equal(privateKey.asymmetricKeyDetails?.namedCurve, 'prime256v1')
  t.end()
})

t.test('a certificate of a sender, in one line', (t) => {
  const file = written(readFileSync(fixture('push.pem'), 'utf8').replaceAll('\n', ' '))
  t.match(loadCertificates(file), [{ topic: 'com.example.shop' }])
  t.end()
})

const request = '-----BEGIN CERTIFICATE REQUEST-----\nMIIB\n-----END CERTIFICATE REQUEST-----\n'
const publicKey = createPublicKey(readFileSync(fixture('AuthKey_ABC123DEFG.p8')))
  .export({ type: 'spki', format: 'pem' })
  .toString()
const cut = readFileSync(fixture('AuthKey_ABC123DEFG.p8'), 'utf8').slice(0, 120)

const routes = {
  certificate: (file: string): unknown => loadCertificateCredential({ certificate: file }),
  key: (file: string): unknown =>
    loadCertificateCredential({ certificate: fixture('push.pem'), key: file }),
  signingKey: (file: string): unknown => loadSigningKey(file, 'ABC123DEFG', 'DEF123GHIJ'),
  init: (file: string): unknown => openWithAny(file, []),
}

for (const [what, content, code] of [
  ['the public half of a key', publicKey, 'public-key'],
  ['the public half of a key, in base64', base64(Buffer.from(publicKey)), 'public-key'],
  ['a certificate request', request, 'certificate-request'],
  ['a key that was cut off', cut, 'pem-incomplete'],
  ['a key that was cut off, in UTF-16', Buffer.from(cut, 'utf16le'), 'pem-incomplete'],
  ['a blank file in UTF-16', Buffer.from('\uFEFF\r\n', 'utf16le'), 'file-empty'],
] as const)
  for (const [place, load] of Object.entries(routes))
    t.test(`${what} is named as such: ${place}`, (t) => {
      const file = written(content)
      t.throws(() => load(file), { name: 'CredentialError', code, file })
      t.end()
    })

t.test('text that only looks like base64 is no credential', (t) => {
  for (const text of ['A'.repeat(100), 'letters'.repeat(20), base64(Buffer.from('0'.repeat(90)))]) {
    const file = written(text)
    t.throws(() => openWithAny(file, []), new CredentialError('not-a-certificate', file))
  }
  t.end()
})
