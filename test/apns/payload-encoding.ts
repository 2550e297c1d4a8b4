import t from 'tap'
import { encodingOf, readPayload } from '../../src/apns/payload-encoding.ts'
import { hex } from '../fixtures/hex.ts'

/** `{"é":1}` in every encoding that a sender may use. */
const utf8 = hex('7b 22 c3a9 22 3a 31 7d')
const littleEndian = hex('7b00 2200 e900 2200 3a00 3100 7d00')
const bigEndian = hex('007b 0022 00e9 0022 003a 0031 007d')

const rows = [
  { name: 'UTF-8', received: utf8 },
  { name: 'UTF-16LE', received: littleEndian },
  { name: 'UTF-16BE', received: bigEndian },
  {
    name: 'UTF-16LE behind a byte order mark',
    received: Buffer.concat([hex('fffe'), littleEndian]),
  },
  { name: 'UTF-16BE behind a byte order mark', received: Buffer.concat([hex('feff'), bigEndian]) },
]

for (const { name, received } of rows)
  t.test(`${name} is sent as UTF-8`, (t) => {
    const payload = readPayload(received)
    t.same(payload?.bytes, utf8)
    t.same(payload?.json, { é: 1 })
    t.end()
  })

const beginnings = [
  { bytes: '', encoding: 'utf-8' },
  { bytes: '7b', encoding: 'utf-8' },
  { bytes: '7b7d', encoding: 'utf-8' },
  { bytes: '7bfe', encoding: 'utf-8' },
  { bytes: '7bff', encoding: 'utf-8' },
  { bytes: 'fe7b', encoding: 'utf-8' },
  { bytes: 'ff7b', encoding: 'utf-8' },
  { bytes: '7b00', encoding: 'utf-16le' },
  { bytes: 'fffe', encoding: 'utf-16le' },
  { bytes: '007b', encoding: 'utf-16be' },
  { bytes: 'feff', encoding: 'utf-16be' },
]

for (const { bytes, encoding } of beginnings)
  t.test(`detects ${encoding} from ${bytes === '' ? 'no bytes' : bytes}`, (t) => {
    t.equal(encodingOf(hex(bytes)), encoding)
    t.end()
  })

t.test('UTF-8 stays unchanged, with its spaces, order and escapes', (t) => {
  const text = Buffer.from('{ "b" : "\\u00e9",\n "a":1.0 }\r\n')
  t.equal(readPayload(text)?.bytes, text)
  t.end()
})

t.test('passes invalid UTF-8 to APNs unchanged', (t) => {
  const text = hex('7b 22 61 22 3a 22 ff 22 7d')
  t.equal(readPayload(text)?.bytes, text)
  t.end()
})

for (const text of [
  '[]',
  '[{"aps":{}}]',
  '"aps"',
  '1',
  'true',
  'null',
  '',
  ' ',
  '{"aps":',
  'aps',
  '{}{}',
])
  t.test(`${JSON.stringify(text)} is not a payload`, (t) => {
    t.equal(readPayload(Buffer.from(text)), undefined)
    t.end()
  })

t.test('UTF-16 that is truncated inside a character is not a payload', (t) => {
  t.equal(readPayload(littleEndian.subarray(0, -1)), undefined)
  t.equal(readPayload(bigEndian.subarray(0, -1)), undefined)
  t.end()
})
