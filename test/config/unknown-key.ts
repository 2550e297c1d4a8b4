import t from 'tap'
import { keysAt, unknownKey } from '../../src/config/issue.ts'
import { configurationSchema } from '../../src/config/schema.ts'

const rows: readonly (readonly [written: string, meant: string | undefined])[] = [
  ['topik', 'topic'],
  ['tpoic', 'topic'],
  ['passphrase', undefined],
  ['passphrase_file', 'passphraseFile'],
  ['passphrase-file', 'passphraseFile'],
  ['keyID', 'keyId'],
  ['signingkey', 'signingKey'],
  ['senderCertificate', 'senderCertificates'],
  ['certifcate', 'certificate'],
  ['host', undefined],
]

t.test('a key is told with the known one that was meant, if there is one', (t) => {
  const known = keysAt(configurationSchema('.'), ['routes', 0])
  for (const [written, meant] of rows)
    t.equal(
      unknownKey(written, known),
      meant === undefined
        ? 'is not a known key; correct its spelling or remove it'
        : `is not a known key; did you mean ${meant}?`,
      written,
    )
  t.end()
})

t.test('in a short key, two letters that changed places are one mistake', (t) => {
  t.equal(unknownKey('prot', ['port', 'host']), 'is not a known key; did you mean port?')
  t.notMatch(unknownKey('pump', ['port', 'host']), /did you mean/)
  t.end()
})

t.test('only keys of the place are meant', (t) => {
  const schema = configurationSchema('.')
  t.same(keysAt(schema, ['admin']), ['host', 'port', 'tokenFile'])
  t.ok(keysAt(schema, ['listeners', 1]).includes('minVersion'))
  t.ok(keysAt(schema, []).includes('listeners'))
  t.notOk(keysAt(schema, []).includes('topic'))
  t.same(keysAt(schema, ['nowhere', 'at', 'all']), [])
  t.end()
})
