import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import t from 'tap'
import { isPkcs12, openPkcs12 } from '../../src/credentials/pkcs12.ts'

const bytesOf = (name: string): Buffer => readFileSync(`test/fixtures/credentials/${name}`)

const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex')

/** The first certificate of each, by: openssl x509 -outform DER | sha256sum */
const fingerprints = {
  rsa: '81d7b9ad785ca34457b6477e71e41d7ac250f8042ef2563544936137590641db',
  ec: '77bc62ca22cfe1ddad9b104d1a089c89b5d42eebf55163d6bb8c3eb2d3ca2623',
}

for (const [file, passphrase, type, certificateCount] of [
  ['push-legacy.p12', 'correct-horse', 'rsa', 2],
  ['push-modern.p12', 'correct-horse', 'rsa', 2],
  ['push-legacy-umlaut.p12', 'Käse€', 'rsa', 1],
  ['push-umlaut.p12', 'Käse€', 'rsa', 1],
  ['push-legacy-empty-passphrase.p12', '', 'rsa', 1],
  ['push-empty-passphrase.p12', '', 'rsa', 1],
  ['push-legacy-empty-passphrase.p12', undefined, 'rsa', 1],
  ['push-empty-passphrase.p12', undefined, 'rsa', 1],
  ['ec-legacy.p12', 'correct-horse', 'ec', 1],
  ['ec.p12', 'correct-horse', 'ec', 2],
] as const) {
  t.test(`opens ${file}, its passphrase ${passphrase ?? 'not given'}`, (t) => {
    const { certificates, keys } = openPkcs12(bytesOf(file), passphrase, file)
    t.equal(certificates.length, certificateCount)
    t.equal(sha256(certificates[0] ?? Buffer.alloc(0)), fingerprints[type], 'to the last byte')
    t.same(
      keys.map((key) => key.asymmetricKeyType),
      [type],
    )
    t.end()
  })
}

/** Writes constructed values of the first `depth` levels with indefinite length, as BER allows. */
function indefinite(der: Uint8Array, depth: number): Uint8Array {
  const [tag = 0, first = 0] = der
  const header = 2 + (first > 0x80 ? first - 0x80 : 0)
  if (depth === 0 || (tag & 0x20) === 0) return der
  const parts: Uint8Array[] = [Buffer.from([tag, 0x80])]
  for (let rest = der.subarray(header); rest.length > 0;) {
    const size = sizeOf(rest)
    parts.push(indefinite(rest.subarray(0, size), depth - 1))
    rest = rest.subarray(size)
  }
  return Buffer.concat([...parts, Buffer.from([0, 0])])
}

function sizeOf(der: Uint8Array): number {
  const [, first = 0] = der
  return first < 0x80
    ? 2 + first
    : 2 + (first - 0x80) + Buffer.from(der).readUIntBE(2, first - 0x80)
}

t.test('opens a file in BER with indefinite lengths, as Java writes it', (t) => {
  const ber = Buffer.from(indefinite(bytesOf('push-modern.p12'), 3))
  t.same([...ber.subarray(0, 5)], [0x30, 0x80, 0x02, 0x01, 0x03])
  t.ok(isPkcs12(ber))
  t.equal(openPkcs12(ber, 'correct-horse', 'x.p12').keys.length, 1)
  t.end()
})

t.test('tells PKCS#12 from other DER', (t) => {
  t.ok(isPkcs12(bytesOf('push-legacy.p12')))
  t.notOk(isPkcs12(bytesOf('push.cer')))
  t.notOk(isPkcs12(bytesOf('push.pem')))
  t.notOk(isPkcs12(Buffer.alloc(0)))
  t.end()
})

t.test('says of a file without a key that it has none', (t) => {
  const { certificates, keys } = openPkcs12(bytesOf('certificate-only.p12'), 'correct-horse', 'x')
  t.equal(certificates.length, 1)
  t.same(keys, [])
  t.end()
})

for (const [what, bytes, passphrase, code] of [
  ['a wrong passphrase, old encryption', bytesOf('push-legacy.p12'), 'wrong', 'wrong-passphrase'],
  ['a wrong passphrase, new encryption', bytesOf('push-modern.p12'), 'wrong', 'wrong-passphrase'],
  ['a wrong passphrase beyond ASCII', bytesOf('push-umlaut.p12'), 'Käse', 'wrong-passphrase'],
  ['an empty passphrase that is wrong', bytesOf('push-modern.p12'), '', 'wrong-passphrase'],
  ['no passphrase where one is needed', bytesOf('ec.p12'), undefined, 'passphrase-needed'],
  ['encryption with RC4', bytesOf('rc4.p12'), 'correct-horse', 'unsupported-encryption'],
  ['a file cut short', bytesOf('ec.p12').subarray(0, 900), 'correct-horse', 'pkcs12-damaged'],
  ['nothing but a version', Buffer.from('3003020103', 'hex'), '', 'pkcs12-damaged'],
] as const) {
  t.test(`reports ${what} as ${code}`, (t) => {
    t.throws(() => openPkcs12(bytes, passphrase, 'shop.p12'), { code, file: 'shop.p12' })
    t.end()
  })
}
