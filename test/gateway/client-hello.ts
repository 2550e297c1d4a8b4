import t from 'tap'
import { isWholeHello, offeredVersion } from '../../src/gateway/client-hello.ts'

const bytesOf = (hex: string): Buffer => Buffer.from(hex.replaceAll(' ', ''), 'hex')

const hellos = {
  'TLSv1.2': '16 0301 00c0 01 0000bc 0303 5f',
  'TLSv1.1': '16 0301 00c0 01 0000bc 0302 5f',
  TLSv1: '16 0301 0033 01 00002f 0301 5f',
  SSLv3: '16 0300 0033 01 00002f 0300 5f',
  '0x0307': '16 0301 0033 01 00002f 0307 5f',
}

for (const [version, hello] of Object.entries(hellos))
  t.test(`reads ${version} from a TLS record`, (t) => {
    t.equal(offeredVersion(bytesOf(hello)), version)
    t.end()
  })

t.test('reads TLS 1.0 from a hello in the format of SSLv2, which Java 6 sends', (t) => {
  t.equal(offeredVersion(bytesOf('8065 01 0301 004c 0000 0010 00')), 'TLSv1')
  t.equal(offeredVersion(bytesOf('802e 01 0002 0015 0000 0010 00')), 'SSLv2')
  t.end()
})

const others = {
  'plain HTTP': '474554202f20485454502f312e31',
  'a plain notification': '00 0020 aabbccddeeff00112233',
  'an alert': '15 0301 0002 0228 0000000000',
  'another handshake message': '16 0301 0033 02 00002f 0301 5f',
  'the beginning of a hello': '16 0301 0033 01 00002f 03',
  nothing: '',
}

for (const [what, bytes] of Object.entries(others))
  t.test(`reads no version from ${what}`, (t) => {
    t.equal(offeredVersion(bytesOf(bytes)), undefined)
    t.end()
  })

const hello = bytesOf(`16 0301 0040 01 00003c 0303 ${'5f'.repeat(58)}`)
const oldHello = bytesOf(`8065 01 0301 ${'00'.repeat(0x65 - 3)}`)

t.test('a hello is whole with its last byte, and not before', (t) => {
  for (const bytes of [hello, oldHello]) {
    for (let length = 0; length < bytes.length; length++)
      if (isWholeHello(bytes.subarray(0, length))) t.fail(`${length} of ${bytes.length}`)
    t.ok(isWholeHello(bytes))
    t.ok(isWholeHello(Buffer.concat([bytes, bytes])))
  }
  t.end()
})

t.test('what cannot become a hello is not waited for', (t) => {
  for (const bytes of [
    '47',
    '15 0301 0002',
    '00',
    'ff ff ff ff ff',
    '80 65 02 00 00',
    '16 0301 ffff',
  ])
    t.ok(isWholeHello(bytesOf(bytes)), bytes)
  t.end()
})
