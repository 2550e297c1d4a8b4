import t from 'tap'
import { isPem, pemBlocks } from '../../src/credentials/credential-file.ts'

const one = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n'
const two =
  '-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nBBBB\n-----END RSA PRIVATE KEY-----\n'

t.test('finds every block in order, whatever stands between them', (t) => {
  t.same(pemBlocks(Buffer.from(`Bag Attributes\n  friendlyName: x\n${two}\nnoise\n${one}`)), [
    { label: 'RSA PRIVATE KEY', text: two },
    { label: 'CERTIFICATE', text: one },
  ])
  t.end()
})

for (const [name, end] of [
  ['Windows', '\r\n'],
  ['the old Macintosh', '\r'],
] as const) {
  t.test(`reads lines that end as on ${name}`, (t) => {
    const bytes = Buffer.from(`\uFEFF${one.replaceAll('\n', end)}`)
    t.same(pemBlocks(bytes), [{ label: 'CERTIFICATE', text: one }])
    t.end()
  })
}

t.test('takes no block that lacks its END line or has another one', (t) => {
  t.same(pemBlocks(Buffer.from('-----BEGIN CERTIFICATE-----\nAAAA\n')), [])
  t.same(
    pemBlocks(Buffer.from('-----BEGIN CERTIFICATE-----\nAAAA\n-----END PRIVATE KEY-----\n')),
    [],
  )
  t.end()
})

t.test('tells PEM from DER', (t) => {
  t.ok(isPem(Buffer.from(one)))
  t.notOk(isPem(Buffer.from([0x30, 0x03, 0x02, 0x01, 0x03])))
  t.end()
})
