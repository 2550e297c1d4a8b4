import { createPrivateKey, sign, X509Certificate } from 'node:crypto'
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import fc from 'fast-check'
import t from 'tap'
import {
  CredentialError,
  loadCertificateCredential,
  loadCertificates,
  loadSigningKey,
} from '../../src/credentials/credential.ts'
import { folder } from '../fixtures/folder.ts'

const fixture = (name: string): string => `test/fixtures/credentials/${name}`
const textOf = (name: string): string => readFileSync(fixture(name), 'utf8')
const passphrase = 'correct-horse'

/** By: openssl x509 -in … -pubkey -noout | openssl pkey -pubin -outform DER | sha256sum */
const publicKeySha256 = {
  rsa: 'adcec1db12b6c04ec9c47034d9271ebb86f18a46d2ad61a34c3cdee15e705c4e',
  ec: 'e891db338081e0f95973aa77f3e05c92a485d6e34e1c284e1ee4e948464770e7',
}

/** Every accepted form: what it is, its files, whose key it holds, how many certificates come out. */
const accepted = [
  ['a PEM pair', { certificate: 'push.pem', key: 'push.key' }, 'rsa', 1],
  ['a DER certificate with its key', { certificate: 'push.cer', key: 'push.key' }, 'rsa', 1],
  ['one PEM with chain and noise', { certificate: 'push-combined.pem' }, 'rsa', 2],
  ['one PEM, encrypted', { certificate: 'push-combined-encrypted.pem', passphrase }, 'rsa', 2],
  [
    'an encrypted PKCS#1 key',
    { certificate: 'push.pem', key: 'push-pkcs1-encrypted.key', passphrase },
    'rsa',
    1,
  ],
  [
    'an encrypted PKCS#8 key',
    { certificate: 'push.pem', key: 'push-pkcs8-encrypted.key', passphrase },
    'rsa',
    1,
  ],
  [
    'an encrypted SEC 1 key',
    { certificate: 'ec.pem', key: 'ec-sec1-encrypted.key', passphrase },
    'ec',
    1,
  ],
  ['an EC pair', { certificate: 'ec.pem', key: 'ec.key' }, 'ec', 1],
  ['PKCS#12 as of Keychain Access', { certificate: 'push-legacy.p12', passphrase }, 'rsa', 2],
  ['PKCS#12 as of OpenSSL 3', { certificate: 'push-modern.p12', passphrase }, 'rsa', 2],
  ['PKCS#12 without a passphrase', { certificate: 'push-empty-passphrase.p12' }, 'rsa', 1],
  ['PKCS#12 with an EC key', { certificate: 'ec.p12', passphrase }, 'ec', 2],
  ['old PKCS#12 with an EC key', { certificate: 'ec-legacy.p12', passphrase }, 'ec', 1],
  [
    'a certificate and a PKCS#12 for its key',
    { certificate: 'push.cer', key: 'push-legacy.p12', passphrase },
    'rsa',
    1,
  ],
] as const

interface Files {
  readonly certificate: string
  readonly key?: string
  readonly passphrase?: string
}

const inFixtures = (files: Files): Files => ({
  ...files,
  certificate: fixture(files.certificate),
  ...(files.key !== undefined && { key: fixture(files.key) }),
})

for (const [what, files, type, certificateCount] of accepted) {
  t.test(`loads ${what} to the same certificate and a key that signs for it`, (t) => {
    const credential = loadCertificateCredential(inFixtures(files))
    const leaf = new X509Certificate(credential.certificatePem)
    t.equal(credential.kind, 'certificate')
    t.equal(credential.certificate.publicKeySha256, publicKeySha256[type])
    t.equal(credential.certificate.topic, 'com.example.shop')
    t.equal(leaf.toString(), textOf(type === 'ec' ? 'ec.pem' : 'push.pem'))
    t.equal(credential.certificatePem.split('BEGIN CERTIFICATE').length - 1, certificateCount)
    t.match(credential.keyPem, /^-----BEGIN PRIVATE KEY-----\n/)
    t.ok(leaf.checkPrivateKey(createPrivateKey(credential.keyPem)))
    t.ok(sign('sha256', Buffer.from('a push'), credential.keyPem).length > 0)
    t.end()
  })
}

t.test('puts the leaf first and its issuer next, in whatever order they lie', (t) => {
  const parts = [textOf('mdm.pem'), textOf('push.key'), textOf('ca.pem'), textOf('push.pem')]
  const directory = t.testdir({ 'all.pem': parts.join('') })
  const { certificatePem } = loadCertificateCredential({ certificate: `${directory}/all.pem` })
  t.equal(certificatePem, textOf('push.pem') + textOf('ca.pem'), 'and leaves strangers out')
  t.end()
})

t.test('takes the certificate that expires last when several carry the key', (t) => {
  const parts = [textOf('push-older.pem'), textOf('push.pem'), textOf('push.key')]
  const directory = t.testdir({ 'all.pem': parts.join('') })
  const { certificatePem } = loadCertificateCredential({ certificate: `${directory}/all.pem` })
  t.equal(certificatePem, textOf('push.pem'))
  t.end()
})

t.test('loads every certificate of a file, in order, past keys that are encrypted', (t) => {
  const subjects = (name: string): string[] =>
    loadCertificates(fixture(name)).map(({ subject }) => subject.slice(0, 20))
  t.same(subjects('push-combined-encrypted.pem'), ['UID=com.example.shop', 'CN=Fixture Authority'])
  t.same(subjects('push.cer'), ['UID=com.example.shop'])
  t.end()
})

t.test('loads a signing key', (t) => {
  const file = fixture('AuthKey_ABC123DEFG.p8')
  const { kind, privateKey, keyId, teamId } = loadSigningKey(file, 'ABC123DEFG', 'DEF123GHIJ')
  t.same([kind, keyId, teamId], ['signing-key', 'ABC123DEFG', 'DEF123GHIJ'])
  t.equal(
    sign('sha256', Buffer.from('x'), { key: privateKey, dsaEncoding: 'ieee-p1363' }).length,
    64,
  )
  t.end()
})

const directory = folder(t)
const contents = {
  empty: '',
  text: 'a letter, not a credential',
  'cut.key': '-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----\n',
  'cut.pem': '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n',
}
for (const [name, content] of Object.entries(contents))
  writeFileSync(`${directory}/${name}`, content)
mkdirSync(`${directory}/folder`)
writeFileSync(`${directory}/cut.p12`, readFileSync(fixture('push-modern.p12')).subarray(0, 1000))

const pair = (certificate: string, key?: string, phrase?: string) => (): unknown =>
  loadCertificateCredential({
    certificate,
    ...(key !== undefined && { key }),
    ...(phrase !== undefined && { passphrase: phrase }),
  })

const signing =
  (file: string, keyId = 'ABC123DEFG', teamId = 'DEF123GHIJ') =>
  (): unknown =>
    loadSigningKey(file, keyId, teamId)

const list = (file: string) => (): unknown => loadCertificates(file)

const push = fixture('push.pem')
const signingKey = fixture('AuthKey_ABC123DEFG.p8')

/** Every failure: how it comes about, the file to be named, its code, a part of the cure. */
const failures = [
  [pair('absent.p12'), 'absent.p12', 'file-missing', 'correct the path'],
  [pair(push, 'absent.key'), 'absent.key', 'file-missing', 'correct the path'],
  [pair(`${directory}/folder`), `${directory}/folder`, 'file-unreadable', 'not a folder'],
  [pair(`${directory}/empty`), `${directory}/empty`, 'file-empty', 'copy the original'],
  [pair(`${directory}/text`), `${directory}/text`, 'not-a-certificate', '.pem, .cer or .p12'],
  [pair(`${directory}/cut.pem`), `${directory}/cut.pem`, 'not-a-certificate', '.pem, .cer or .p12'],
  [pair(fixture('push.key')), fixture('push.key'), 'not-a-certificate', '.pem, .cer or .p12'],
  [
    pair(`${directory}/cut.p12`, undefined, 'x'),
    `${directory}/cut.p12`,
    'pkcs12-damaged',
    'export it',
  ],
  [pair(push), push, 'no-private-key', 'under "key"'],
  [pair(fixture('push.cer')), fixture('push.cer'), 'no-private-key', 'under "key"'],
  [pair(push, `${directory}/text`), `${directory}/text`, 'no-private-key', 'under "key"'],
  [
    pair(fixture('certificate-only.p12'), undefined, passphrase),
    fixture('certificate-only.p12'),
    'no-private-key',
    'Keychain Access: select both',
  ],
  [pair(push, `${directory}/cut.key`), `${directory}/cut.key`, 'key-unreadable', 'export it again'],
  ...['push-legacy.p12', 'push-modern.p12', 'push-combined-encrypted.pem'].flatMap((name) => [
    [pair(fixture(name)), fixture(name), 'passphrase-needed', '"passphraseFile"'] as const,
    [
      pair(fixture(name), undefined, 'Tr0ub4dor'),
      fixture(name),
      'wrong-passphrase',
      '"passphraseFile"',
    ] as const,
  ]),
  ...['push-pkcs1-encrypted.key', 'push-pkcs8-encrypted.key'].flatMap((name) => [
    [pair(push, fixture(name)), fixture(name), 'passphrase-needed', '"passphraseFile"'] as const,
    [
      pair(push, fixture(name), 'Tr0ub4dor'),
      fixture(name),
      'wrong-passphrase',
      '"passphraseFile"',
    ] as const,
  ]),
  [
    pair(push, fixture('push-md5-des.key'), passphrase),
    fixture('push-md5-des.key'),
    'unsupported-key-encryption',
    'openssl pkcs8 -topk8',
  ],
  [
    pair(fixture('rc4.p12'), undefined, passphrase),
    fixture('rc4.p12'),
    'unsupported-encryption',
    'openssl pkcs12 -legacy -nodes',
  ],
  [pair(push, fixture('mdm.key')), fixture('mdm.key'), 'key-mismatch', 'was requested'],
  [list('absent.pem'), 'absent.pem', 'file-missing', 'correct the path'],
  [list(fixture('push.key')), fixture('push.key'), 'not-a-certificate', '.pem, .cer or .p12'],
  [
    list(fixture('push-modern.p12')),
    fixture('push-modern.p12'),
    'pkcs12-unexpected',
    'openssl pkcs12 -legacy -clcerts -nokeys',
  ],
  [signing('absent.p8'), 'absent.p8', 'file-missing', 'correct the path'],
  [signing(`${directory}/empty`), `${directory}/empty`, 'file-empty', 'copy the original'],
  [signing(`${directory}/text`), `${directory}/text`, 'not-a-signing-key', 'AuthKey_….p8'],
  [signing(push), push, 'not-a-signing-key', 'AuthKey_….p8'],
  [
    signing(fixture('push-pkcs8-encrypted.key')),
    fixture('push-pkcs8-encrypted.key'),
    'not-a-signing-key',
    'AuthKey_….p8',
  ],
  [signing(fixture('p384.p8')), fixture('p384.p8'), 'signing-key-not-p256', 'AuthKey_….p8'],
  [signing(fixture('push.key')), fixture('push.key'), 'signing-key-not-p256', 'AuthKey_….p8'],
  [signing(signingKey, 'abc123defg'), signingKey, 'invalid-key-id', 'copy the key ID'],
  [signing(signingKey, 'ABC123DEFG\n'), signingKey, 'invalid-key-id', 'copy the key ID'],
  [signing(signingKey, undefined, 'DEF123GHI'), signingKey, 'invalid-team-id', 'copy the team ID'],
] as const

for (const [load, file, code, cure] of failures) {
  t.test(`reports ${code} of ${file.replace(directory, '')}, with the cure`, (t) => {
    const error = thrownBy(load)
    t.equal(error.code, code)
    t.equal(error.file, file)
    t.ok(error.message.startsWith(`${file}: `), 'names the file')
    t.ok(error.message.includes(cure), error.message)
    t.notMatch(error.message, /PRIVATE KEY|correct-horse|Tr0ub4dor|MIIB/)
    t.end()
  })
}

function thrownBy(load: () => unknown): CredentialError {
  try {
    load()
  } catch (error) {
    if (error instanceof CredentialError) return error
    throw error
  }
  throw new Error('nothing was thrown')
}

const root = process.getuid?.() === 0
t.test('reports a file that it may not read', { skip: root && 'root reads all' }, (t) => {
  const file = `${t.testdir({ 'push.p12': 'x' })}/push.p12`
  chmodSync(file, 0)
  t.equal(thrownBy(pair(file)).code, 'file-unreadable')
  t.end()
})

t.test('takes no other passphrase for the right one, and never repeats it', (t) => {
  // A key of HMAC, which PBKDF2 is made of, is padded with zero bytes: one more makes no difference.
  const wrong = fc.string({ minLength: 1, maxLength: 40 }).filter((text) => !text.includes('\0'))
  const encrypted = ['push-pkcs1-encrypted.key', 'push-pkcs8-encrypted.key', 'push-legacy.p12']
  const property = fc.property(fc.constantFrom(...encrypted), wrong, (name, phrase) => {
    const { message } = thrownBy(pair(push, fixture(name), phrase))
    return message.startsWith(
      `${fixture(name)}: the passphrase does not open the file; correct the passphrase in the first line`,
    )
  })
  t.equal(fc.check(property, { numRuns: 60 }).counterexample, null)
  t.end()
})
