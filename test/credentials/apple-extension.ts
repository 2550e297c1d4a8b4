import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import forge from 'node-forge'
import t from 'tap'
import {
  decodeTopics,
  encodeNull,
  encodeTopics,
  extensionsOf,
} from '../../src/credentials/apple-extension.ts'

// SEQUENCE { UTF8String "a.b", SEQUENCE { UTF8String "app" }, UTF8String "a.b.voip", … "voip" }
const list = '301e' + '0c03612e62' + '30050c03617070' + '0c08612e622e766f6970' + '30060c04766f6970'

const hex = (node: forge.asn1.Asn1): string => forge.asn1.toDer(node).toHex()

t.test('finds the extensions of a certificate by their OIDs', (t) => {
  const pem = readFileSync('test/fixtures/credentials/mdm.pem')
  const extensions = extensionsOf(new X509Certificate(pem).raw)
  t.equal(extensions.get('1.2.840.113635.100.6.3.2')?.toString('hex'), '0500')
  t.equal(extensions.get('2.5.29.19')?.toString('hex'), '3000', 'also behind a critical flag')
  t.notOk(extensions.has('1.2.840.113635.100.6.3.1'))
  t.end()
})

t.test('reads a topic list, bare and wrapped in one more OCTET STRING', (t) => {
  t.same(decodeTopics(Buffer.from(list, 'hex')), ['a.b', 'a.b.voip'])
  t.same(decodeTopics(Buffer.from(`0420${list}`, 'hex')), ['a.b', 'a.b.voip'])
  t.same(decodeTopics(Buffer.from('3000', 'hex')), [])
  t.end()
})

t.test('throws on a topic list that is cut off', (t) => {
  for (const value of ['', '30', '30200c10636f6d', '0402'])
    t.throws(() => decodeTopics(Buffer.from(value, 'hex')))
  t.end()
})

t.test('writes a topic list and NULL as Apple does', (t) => {
  t.equal(hex(encodeTopics(['a.b', 'a.b.voip'])), list)
  t.equal(hex(encodeNull()), '0500')
  t.end()
})
