import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import t from 'tap'
import { createAuthority } from '../../src/credentials/authority.ts'
import { readCertificate } from '../../src/credentials/certificate.ts'
import { CredentialError } from '../../src/credentials/credential-error.ts'

const bytesOf = (name: string): Buffer => readFileSync(`test/fixtures/credentials/${name}`)

t.test('reads subject, topics, environments and expiry of a universal certificate', (t) => {
  const { pem, ...rest } = readCertificate(bytesOf('push.pem'))
  t.same(rest, {
    subject:
      'UID=com.example.shop, CN=Apple Push Services: com.example.shop, OU=DEF123GHIJ, O=Example, C=US',
    topic: 'com.example.shop',
    topics: ['com.example.shop', 'com.example.shop.voip', 'com.example.shop.complication'],
    environments: ['production', 'sandbox'],
    // openssl x509 -in push.pem -pubkey -noout | openssl pkey -pubin -outform DER | sha256sum
    publicKeySha256: 'adcec1db12b6c04ec9c47034d9271ebb86f18a46d2ad61a34c3cdee15e705c4e',
    // openssl x509 -in push.pem -outform DER | sha256sum
    fingerprint256: '81d7b9ad785ca34457b6477e71e41d7ac250f8042ef2563544936137590641db',
    notAfter: new Date('2126-10-30T23:40:55Z'),
  })
  t.equal(pem, bytesOf('push.pem').toString())
  t.end()
})

t.test('reads an MDM certificate: production alone, its UID the one topic', (t) => {
  const { topic, topics, environments } = readCertificate(bytesOf('mdm.pem'))
  t.equal(topic, 'com.apple.mgmt.External.6f1c2a52-64a4-4f0c-9d3e-8b1f6d6a7c21')
  t.same(topics, [topic])
  t.same(environments, ['production'])
  t.end()
})

t.test('reads the older VoIP list, and names no topic twice', (t) => {
  const { topics, environments } = readCertificate(bytesOf('old-voip.pem'))
  t.same(topics, ['com.example.phone.voip'])
  t.same(environments, ['sandbox'])
  t.end()
})

t.test('describes a certificate that is for no push at all', async (t) => {
  const { certificatePem } = await createAuthority('Line\nbreak', new Date())
  const certificate = readCertificate(certificatePem)
  t.same([certificate.topic, certificate.topics, certificate.environments], [undefined, [], []])
  t.equal(certificate.subject, 'CN=Line break', 'on one line')
})

t.test('reads PEM text, PEM bytes and DER alike', (t) => {
  const expected = readCertificate(bytesOf('push.pem'))
  t.same(readCertificate(bytesOf('push.pem').toString()), expected)
  t.same(readCertificate(bytesOf('push.cer')), expected)
  t.end()
})

t.test('refuses a certificate whose topic list is cut off', (t) => {
  t.throws(() => readCertificate(bytesOf('broken-topics.pem'), 'shop.pem'), {
    code: 'not-a-certificate',
    message: /^shop\.pem: /,
  })
  t.end()
})

t.test('refuses a certificate whose key nobody can decode', (t) => {
  const der = bytesOf('push.cer')
  const rsaEncryption = Buffer.from('06092a864886f70d010101', 'hex')
  der[der.lastIndexOf(rsaEncryption) + rsaEncryption.length - 1] = 0x7f
  t.throws(() => readCertificate(der), { code: 'not-a-certificate' })
  t.end()
})

t.test('throws nothing but CredentialError on damaged certificates', (t) => {
  const der = bytesOf('push.cer')
  const { length } = der
  const property = fc.property(
    fc.nat(length - 1),
    fc.nat(255),
    fc.integer({ min: 1, max: length }),
    (offset, byte, end) => {
      const damaged = Buffer.from(der)
      damaged[offset] = byte
      return survives(damaged) && survives(damaged.subarray(0, end))
    },
  )
  t.equal(fc.check(property, { numRuns: 300 }).counterexample, null)
  t.end()
})

function survives(bytes: Buffer): boolean {
  try {
    readCertificate(bytes)
    return true
  } catch (error) {
    return error instanceof CredentialError
  }
}
