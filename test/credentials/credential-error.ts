import t from 'tap'
import { CredentialError } from '../../src/credentials/credential-error.ts'

t.test('names the file first, then what is wrong, then what to do', (t) => {
  const error = new CredentialError('wrong-passphrase', 'keys/mdm.p12')
  t.equal(
    error.message,
    'keys/mdm.p12: the passphrase does not open the file; ' +
      'correct the passphrase in the first line of the file named under "passphraseFile"',
  )
  t.equal(error.code, 'wrong-passphrase')
  t.equal(error.file, 'keys/mdm.p12')
  t.equal(error.name, 'CredentialError')
  t.end()
})

t.test('puts the name of the file into a command, in quotes if a shell needs them', (t) => {
  const command = (file: string): string =>
    / -in (.*) \(without/.exec(new CredentialError('unsupported-encryption', file).message)?.[1] ??
    ''
  t.equal(command('keys/old.p12'), 'keys/old.p12 -out keys/old.p12.pem')
  t.equal(command('old $HOME.p12'), '"old \\$HOME.p12" -out "old \\$HOME.p12.pem"')
  t.end()
})

t.test('tells who named the file by an option which option to use', (t) => {
  const { messageForOptions } = new CredentialError('passphrase-needed', 'a {key}.p12')
  t.equal(
    messageForOptions,
    'a {key}.p12: the file is encrypted, but no passphrase was given; ' +
      'write the passphrase into a file and name that file under --passphrase-file',
  )
  t.end()
})
