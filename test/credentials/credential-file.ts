import { copyFileSync } from 'node:fs'
import t from 'tap'
import { openCredentialFile, readCredentialFile } from '../../src/credentials/credential-file.ts'

const fixture = (name: string): string => `test/fixtures/credentials/${name}`

t.test('reads the certificates beside a key without asking for its passphrase', (t) => {
  const file = openCredentialFile(fixture('push-combined-encrypted.pem'), undefined)
  t.same(
    file.certificates().map(({ subject }) => subject.slice(0, 20)),
    ['UID=com.example.shop', 'CN=Fixture Authority'],
  )
  t.throws(() => file.keys(), { code: 'passphrase-needed' })
  t.end()
})

t.test('takes no notice of a passphrase that is not needed', (t) => {
  t.equal(openCredentialFile(fixture('push.key'), 'needless').keys().length, 1)
  t.end()
})

t.test('finds no keys in a DER certificate', (t) => {
  t.same(openCredentialFile(fixture('push.cer'), undefined).keys(), [])
  t.end()
})

t.test('goes by content, not by name', (t) => {
  const file = `${t.testdir()}/push.pem`
  copyFileSync(fixture('push-modern.p12'), file)
  const opened = openCredentialFile(file, 'correct-horse')
  t.same([opened.certificates().length, opened.keys().length], [2, 1])
  t.end()
})

t.test('reports a file that is missing, empty, a folder, or not for our eyes', (t) => {
  const directory = t.testdir({ empty: '', blank: ' \n', folder: {} })
  for (const [name, code] of [
    ['absent', 'file-missing'],
    ['empty', 'file-empty'],
    ['blank', 'file-empty'],
    ['folder', 'file-unreadable'],
  ] as const)
    t.throws(() => readCredentialFile(`${directory}/${name}`), {
      code,
      file: `${directory}/${name}`,
    })
  t.end()
})
