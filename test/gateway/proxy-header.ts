import fc from 'fast-check'
import t from 'tap'
import { ProxyHeaderError, readProxyHeader } from '../../src/gateway/proxy-header.ts'
import { bytesOf } from '../fixtures/raw-sender.ts'

const signature = '0d0a0d0a 000d0a51 5549540a'
const line = (text: string): Buffer => Buffer.from(`${text}\r\n`, 'latin1')
const tlv = '04 0003 000000'

const headers = [
  ['version 1, IPv4', line('PROXY TCP4 192.0.2.7 198.51.100.1 56324 2195'), '192.0.2.7'],
  ['version 1, IPv6', line('PROXY TCP6 2001:db8::7 2001:db8::1 4124 2195'), '2001:db8::7'],
  ['version 1, unknown', line('PROXY UNKNOWN'), undefined],
  ['version 1, unknown with more', line(`PROXY UNKNOWN ${'f'.repeat(91)}`), undefined],
  ['version 2, IPv4', bytesOf(`${signature} 21 11 000c c0000207 c6336401 dc04 0893`), '192.0.2.7'],
  [
    'version 2, IPv4, with more about the connection',
    bytesOf(`${signature} 21 11 0012 c0000207 c6336401 dc04 0893 ${tlv}`),
    '192.0.2.7',
  ],
  [
    'version 2, IPv6',
    bytesOf(
      `${signature} 21 21 0024 20010db8000000000000000000000007 20010db8000000000000000000000001 dc04 0893`,
    ),
    '2001:db8::7',
  ],
  ['version 2, LOCAL', bytesOf(`${signature} 20 00 0000`), undefined],
  [
    'version 2, LOCAL with addresses that do not count',
    bytesOf(`${signature} 20 11 000c c0000207 c6336401 dc04 0893`),
    undefined,
  ],
  ['version 2, no transport', bytesOf(`${signature} 21 00 0000`), undefined],
  ['version 2, a Unix socket', bytesOf(`${signature} 21 31 00d8 ${'00'.repeat(216)}`), undefined],
] as const

for (const [name, bytes, source] of headers)
  t.test(`reads once it is complete, and not before: ${name}`, (t) => {
    const hello = bytesOf('16030100')
    const expected = { lengthBytes: bytes.length, source }
    for (let cut = 0; cut < bytes.length; cut++)
      if (readProxyHeader(bytes.subarray(0, cut)) !== undefined) t.fail(`read after ${cut} bytes`)
    t.same(readProxyHeader(bytes), expected)
    t.same(readProxyHeader(Buffer.concat([bytes, hello])), expected)
    t.end()
  })

const malformed = [
  ['TLS instead', bytesOf('16030100')],
  ['nearly the signature', bytesOf('0d0a0d0a 000d0a51 5549540b')],
  ['a line without end', Buffer.from(`PROXY TCP4 ${'1'.repeat(96)}`)],
  ['another family', line('PROXY UDP4 192.0.2.7 198.51.100.1 56324 2195')],
  ['a family that is not the address’s', line('PROXY TCP6 192.0.2.7 198.51.100.1 56324 2195')],
  ['no address', line('PROXY TCP4')],
  ['a leading zero', line('PROXY TCP4 192.0.02.7 198.51.100.1 56324 2195')],
  ['a port too high', line('PROXY TCP4 192.0.2.7 198.51.100.1 65536 2195')],
  ['a port too few', line('PROXY TCP4 192.0.2.7 198.51.100.1 56324')],
  ['too much', line('PROXY TCP4 192.0.2.7 198.51.100.1 56324 2195 1')],
  ['version 3', bytesOf(`${signature} 31 11 000c`)],
  ['command 2', bytesOf(`${signature} 22 11 000c`)],
  ['too long, told by its length alone', bytesOf(`${signature} 21 11 0801`)],
  ['too short for IPv4', bytesOf(`${signature} 21 11 000b ${'00'.repeat(11)}`)],
  ['too short for IPv6', bytesOf(`${signature} 21 21 0023 ${'00'.repeat(35)}`)],
] as const

for (const [name, bytes] of malformed)
  t.test(`rejects a header: ${name}`, (t) => {
    t.throws(() => readProxyHeader(bytes), { name: 'ProxyHeaderError', code: 'ERR_PROXY_HEADER' })
    t.end()
  })

/** Beginnings of valid headers, so that the test also reaches the code behind the signature. */
const beginnings = fc.constantFrom(...headers.map(([, bytes]) => bytes), Buffer.alloc(0))

t.test('any bytes are a header, incomplete, or an error; 2,064 bytes are never incomplete', (t) => {
  fc.assert(
    fc.property(
      beginnings,
      fc.nat(60),
      fc.uint8Array({ maxLength: 2200, size: 'max' }),
      (header, kept, noise) => {
        const bytes = Buffer.concat([header.subarray(0, kept), noise])
        try {
          const read = readProxyHeader(bytes)
          if (read === undefined) return bytes.length < 2064
          return read.lengthBytes <= bytes.length
        } catch (error) {
          return error instanceof ProxyHeaderError
        }
      },
    ),
    { numRuns: 2000 },
  )
  t.end()
})
