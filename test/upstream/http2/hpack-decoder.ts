import { deepStrictEqual, ok } from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import {
  fieldBytes,
  HpackError,
  staticTable,
  type HeaderField,
} from '../../../src/upstream/http2/hpack.ts'
import { HpackDecoder } from '../../../src/upstream/http2/hpack-decoder.ts'
import { until } from '../../fixtures/condition.ts'
import { H2cClient } from '../../fixtures/h2c-client.ts'
import { hex } from '../../fixtures/hex.ts'
import { playPeer } from '../../fixtures/provider-peer.ts'

const limits = { maxTableBytes: 4096, maxListBytes: 16_384 }

interface Step {
  readonly block: string
  readonly fields: readonly HeaderField[]
  /** Of the dynamic table, after the block. */
  readonly bytes: number
}

const firstRequest: readonly HeaderField[] = [
  [':method', 'GET'],
  [':scheme', 'http'],
  [':path', '/'],
  [':authority', 'www.example.com'],
]
const secondRequest: readonly HeaderField[] = [...firstRequest, ['cache-control', 'no-cache']]
const thirdRequest: readonly HeaderField[] = [
  [':method', 'GET'],
  [':scheme', 'https'],
  [':path', '/index.html'],
  [':authority', 'www.example.com'],
  ['custom-key', 'custom-value'],
]

function response(status: string, second: number): readonly HeaderField[] {
  return [
    [':status', status],
    ['cache-control', 'private'],
    ['date', `Mon, 21 Oct 2013 20:13:${second} GMT`],
    ['location', 'https://www.example.com'],
  ]
}

const thirdResponse: readonly HeaderField[] = [
  ...response('200', 22),
  ['content-encoding', 'gzip'],
  ['set-cookie', 'foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1'],
]

/** — source: RFC 7541, Appendix C */
const examples: Readonly<Record<string, { maxTableBytes: number; steps: readonly Step[] }>> = {
  'C.2.1, literal with indexing': {
    maxTableBytes: 4096,
    steps: [
      {
        block: '400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572',
        fields: [['custom-key', 'custom-header']],
        bytes: 55,
      },
    ],
  },
  'C.2.2, literal without indexing': {
    maxTableBytes: 4096,
    steps: [
      {
        block: '040c 2f73 616d 706c 652f 7061 7468',
        fields: [[':path', '/sample/path']],
        bytes: 0,
      },
    ],
  },
  'C.2.3, literal never indexed': {
    maxTableBytes: 4096,
    steps: [
      {
        block: '1008 7061 7373 776f 7264 0673 6563 7265 74',
        fields: [['password', 'secret']],
        bytes: 0,
      },
    ],
  },
  'C.2.4, indexed': {
    maxTableBytes: 4096,
    steps: [{ block: '82', fields: [[':method', 'GET']], bytes: 0 }],
  },
  'C.3, requests without Huffman coding': {
    maxTableBytes: 4096,
    steps: [
      {
        block: '8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d',
        fields: firstRequest,
        bytes: 57,
      },
      { block: '8286 84be 5808 6e6f 2d63 6163 6865', fields: secondRequest, bytes: 110 },
      {
        block: '8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65',
        fields: thirdRequest,
        bytes: 164,
      },
    ],
  },
  'C.4, requests with Huffman coding': {
    maxTableBytes: 4096,
    steps: [
      { block: '8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff', fields: firstRequest, bytes: 57 },
      { block: '8286 84be 5886 a8eb 1064 9cbf', fields: secondRequest, bytes: 110 },
      {
        block: '8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf',
        fields: thirdRequest,
        bytes: 164,
      },
    ],
  },
  'C.5, responses without Huffman coding': {
    maxTableBytes: 256,
    steps: [
      {
        block: `4803 3330 3258 0770 7269 7661 7465 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133
          2032 303a 3133 3a32 3120 474d 546e 1768 7474 7073 3a2f 2f77 7777 2e65 7861 6d70 6c65
          2e63 6f6d`,
        fields: response('302', 21),
        bytes: 222,
      },
      { block: '4803 3330 37c1 c0bf', fields: response('307', 21), bytes: 222 },
      {
        block: `88c1 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3220 474d
          54c0 5a04 677a 6970 7738 666f 6f3d 4153 444a 4b48 514b 425a 584f 5157 454f 5049 5541
          5851 5745 4f49 553b 206d 6178 2d61 6765 3d33 3630 303b 2076 6572 7369 6f6e 3d31`,
        fields: thirdResponse,
        bytes: 215,
      },
    ],
  },
  'C.6, responses with Huffman coding': {
    maxTableBytes: 256,
    steps: [
      {
        block: `4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6
          2d1b ff6e 919d 29ad 1718 63c7 8f0b 97c8 e9ae 82ae 43d3`,
        fields: response('302', 21),
        bytes: 222,
      },
      { block: '4883 640e ffc1 c0bf', fields: response('307', 21), bytes: 222 },
      {
        block: `88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab
          77ad 94e7 821d d7f2 e6c7 b335 dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f 9587
          3160 65c0 03ed 4ee5 b106 3d50 07`,
        fields: thirdResponse,
        bytes: 215,
      },
    ],
  },
}

for (const [name, { maxTableBytes, steps }] of Object.entries(examples))
  t.test(`decodes RFC 7541, ${name}`, (t) => {
    const decoder = new HpackDecoder({ ...limits, maxTableBytes })
    for (const { block, fields, bytes } of steps) {
      t.same(decoder.decode(hex(block)), { fields, truncated: false })
      t.equal(decoder.tableBytes, bytes)
    }
    t.end()
  })

t.test('decodes an empty block as an empty list', (t) => {
  t.same(new HpackDecoder(limits).decode(hex('')), { fields: [], truncated: false })
  t.end()
})

/** Puts `a: bb` into the table. */
const learning = '40 01 61 02 62 62'

t.test('accepts size updates in front of the first field', (t) => {
  const rows: [what: string, block: string, tableBytes: number][] = [
    ['up to its limit', '3f e1 1f', 35],
    ['one that still has room for the table', '3f 04', 35],
    ['one that has not', '3f 03', 0],
    ['two of them', '20 3f e1 1f', 0],
    ['and a field behind them', '20 3f e1 1f 40 01 61 00', 33],
  ]
  for (const [what, block, tableBytes] of rows) {
    const decoder = new HpackDecoder(limits)
    decoder.decode(hex(learning))
    decoder.decode(hex(block))
    t.equal(decoder.tableBytes, tableBytes, what)
  }
  t.end()
})

t.test('begins with a table of 4,096 bytes, even if an update may enlarge it', (t) => {
  const decoder = new HpackDecoder({ ...limits, maxTableBytes: 65_536 })
  const large = `40 01 61 7f 81 1f ${'62'.repeat(4096)}`
  decoder.decode(hex(large))
  t.equal(decoder.tableBytes, 0)
  decoder.decode(hex(`3f e1 ff 03 ${large}`))
  t.equal(decoder.tableBytes, 4129)
  t.end()
})

t.test('reads a name from the entry that the new field evicts', (t) => {
  const decoder = new HpackDecoder({ ...limits, maxTableBytes: 40 })
  decoder.decode(hex(learning))
  t.same(decoder.decode(hex('7e 01 63 be')).fields, [
    ['a', 'c'],
    ['a', 'c'],
  ])
  t.equal(decoder.tableBytes, 34)
  t.end()
})

const faults: [what: string, block: string][] = [
  ['index 0', '80'],
  ['the index behind the static table, while the other is empty', 'be'],
  ['the name index behind it', '0f 2f 01 61'],
  ['an index behind both tables', `${learning} bf`],
  ['an index that an eviction left behind', `${learning} 5f 7f a1 1f ${'62'.repeat(4128)} be`],
  ['a block that ends in an index', 'ff'],
  ['in front of a name', '40'],
  ['in a name', '40 02 61'],
  ['in front of a value', '40 01 61'],
  ['in a value', '40 01 61 05 62'],
  ['in front of the value of an indexed name', '48'],
  ['in a size update', '3f'],
  ['a string of 2^28 + 126 bytes', '40 7f ff ff ff 7f'],
  ['an index without end', 'ff 80 80 80 80 80 80 80 80 00'],
  ['an index of 2^35', 'ff ff ff ff ff 7f'],
  ['a length without end', '40 7f ff ff ff ff ff ff ff ff'],
  ['a size update above our setting', '3f e2 1f'],
  ['one of 2^32', '3f e1 ff ff ff 0f'],
  ['a size update behind a field', '82 21 00'],
  ['one between two fields', '82 24 01 61 84'],
  ['a value of Huffman code with 8 bits of padding', '08 82 1f ff'],
  ['a name padded with zeroes', '00 81 18 01 61'],
  ['a value that holds the end of string', '08 84 ff ff ff ff'],
]

for (const [what, block] of faults)
  t.test(`refuses ${what}`, (t) => {
    t.throws(() => new HpackDecoder(limits).decode(hex(block)), HpackError)
    t.end()
  })

t.test('truncates the list at its limit, and still adds all fields to the table', (t) => {
  const decoder = new HpackDecoder({ maxTableBytes: 4096, maxListBytes: 10_000 })
  const first = hex(`40 01 61 7f a1 1e ${'62'.repeat(4000)}`)
  const bomb = Buffer.alloc(16_000, 0xbe) // each byte is a field of 4,033
  const { fields, truncated } = decoder.decode(Buffer.concat([first, bomb, hex('40 01 63 00')]))
  t.equal(truncated, true)
  t.equal(fields.length, 2)
  t.same(decoder.decode(hex('be')), { fields: [['c', '']], truncated: false })
  t.end()
})

t.test(
  'counts 32 bytes for each field, and lists nothing behind the first field above the limit',
  (t) => {
    const list = hex('00 01 61 00 00 02 62 62 00 00 01 63 00') // 33 + 34 + 33
    const names = (maxListBytes: number): readonly string[] => {
      const { fields, truncated } = new HpackDecoder({ ...limits, maxListBytes }).decode(list)
      return [...fields.map(([name]) => name), ...(truncated ? ['…'] : [])]
    }
    t.same(names(100), ['a', 'bb', 'c'])
    t.same(names(99), ['a', 'bb', '…'])
    t.same(names(66), ['a', '…'])
    t.same(names(0), ['…'])
    t.end()
  },
)

const anyByte = fc.uint8Array({ minLength: 1, maxLength: 40 })
const piece = fc.oneof(
  anyByte,
  fc.integer({ min: 0x80, max: 0xff }).map((byte) => Uint8Array.of(byte)),
  fc.constantFrom('20', '3f e1 1f', learning, '0f 2f 81 1f', '41 84 ff ff ff fa').map(hex),
  fc
    .tuple(fc.constantFrom(0x40, 0x00, 0x10), anyByte, anyByte)
    .map(([form, name, value]) =>
      Uint8Array.of(form, name.length, ...name, value.length, ...value),
    ),
)
const blocks = fc.array(
  fc.array(piece, { maxLength: 12 }).map((pieces) => Buffer.concat(pieces)),
  { maxLength: 8 },
)

t.test('any bytes are fields or an HpackError, within the limits', (t) => {
  const tableBytes = fc.constantFrom(0, 100, 4096, 65_536)
  fc.assert(
    fc.property(blocks, tableBytes, fc.nat(1000), (blocks, maxTableBytes, maxListBytes) => {
      const decoder = new HpackDecoder({ maxTableBytes, maxListBytes })
      try {
        for (const block of blocks) {
          const { fields } = decoder.decode(block)
          ok(fields.reduce((sum, field) => sum + fieldBytes(field), 0) <= maxListBytes)
          ok(decoder.tableBytes <= maxTableBytes)
        }
      } catch (error) {
        ok(error instanceof HpackError, String(error))
      }
    }),
    { numRuns: 2000 },
  )
  t.pass()
  t.end()
})

t.test('the limit of the list does not affect later blocks', (t) => {
  fc.assert(
    fc.property(blocks, fc.nat(300), (blocks, maxListBytes) => {
      const wide = new HpackDecoder({ maxTableBytes: 4096, maxListBytes: Infinity })
      const narrow = new HpackDecoder({ maxTableBytes: 4096, maxListBytes })
      try {
        for (const block of blocks) {
          const { fields } = wide.decode(block)
          const kept = narrow.decode(block)
          deepStrictEqual(kept.fields, fields.slice(0, kept.fields.length))
          deepStrictEqual(kept.truncated, kept.fields.length < fields.length)
          deepStrictEqual(narrow.tableBytes, wide.tableBytes)
        }
      } catch (error) {
        ok(error instanceof HpackError, String(error))
      }
    }),
    { numRuns: 500 },
  )
  t.pass()
  t.end()
})

const statuses = [200, 204, 206, 304, 400, 404, 500, 403, 410, 413, 429, 503]
const valueCharacter = fc.oneof(
  fc.integer({ min: 0x20, max: 0x7e }),
  fc.integer({ min: 0x80, max: 0xff }),
)
const value = fc
  .array(valueCharacter, { maxLength: 60 })
  .map((characters) => String.fromCharCode(...characters).trim())
const answer = fc.record({
  ':status': fc.constantFrom(...statuses),
  'apns-id': fc.uuid(),
  date: fc.constantFrom('Mon, 21 Oct 2013 20:13:21 GMT', 'Mon, 21 Oct 2013 20:13:22 GMT'),
  'accept-encoding': fc.constantFrom('gzip, deflate', 'br'),
  'x-repeated': fc.constantFrom('a', 'b', 'c'.repeat(300), 'd'.repeat(5000)),
  'x-any': value,
})

t.test('decodes what nghttp2 encodes, for any size of the table', async (t) => {
  const peer = await playPeer(t)
  const request = hex('83 87 84 41 01 61')
  const answers = fc.array(answer, { minLength: 1, maxLength: 25 })
  const tableBytes = fc.constantFrom(0, 1, 80, 500, 4096, 65_536)
  await fc.assert(
    fc.asyncProperty(answers, tableBytes, async (answers, maxTableBytes) => {
      const client = await H2cClient.connect(t, peer.origin, maxTableBytes)
      const first = peer.requests.length
      answers.forEach(() => {
        client.request(request, Buffer.alloc(0))
      })
      await until(() => peer.requests.length === first + answers.length || client.closed)
      answers.forEach((answer, index) => {
        peer.requests[first + index]?.stream.respond(answer, { endStream: true })
      })
      await until(() => client.blocks.length === answers.length || client.closed)
      const decoder = new HpackDecoder({ maxTableBytes, maxListBytes: 16_384 })
      const decoded = client.blocks.map((block) => Object.fromEntries(decoder.decode(block).fields))
      deepStrictEqual(
        decoded,
        answers.map((answer) => ({ ...answer, ':status': String(answer[':status']) })),
      )
      client.destroy()
    }),
    { numRuns: 40 },
  )
  t.pass()
})

t.test('has the same static table as nghttp2', async (t) => {
  const peer = await playPeer(t)
  const client = await H2cClient.connect(t, peer.origin)
  // Each value is the index of the name. A transfer-encoding would be an error in HTTP/2.
  const indices = Array.from({ length: 61 - 14 }, (_, i) => i + 15).filter((i) => i !== 57)
  const fields = indices.map((i) => `0f ${(i - 15).toString(16).padStart(2, '0')} 02 ${ascii(i)}`)
  client.request(hex(`83 87 84 41 01 61 ${fields.join('')}`), Buffer.alloc(28))
  await until(() => peer.requests.length === 1 || client.closed)
  const headers = peer.requests[0]?.headers ?? {}
  for (const i of indices) t.equal(String(headers[staticTable[i - 1]?.[0] ?? '']), String(i))
  t.same(staticTable[56], ['transfer-encoding', ''])
  t.equal(staticTable.length, 61)
})

function ascii(text: string | number): string {
  return Buffer.from(String(text)).toString('hex')
}
