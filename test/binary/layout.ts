import t from 'tap'
import { parseMessages } from '../../src/binary/layout.ts'
import { hex } from '../fixtures/hex.ts'

t.test('parses consecutive commands 0, 1 and 2, with big-endian integers', (t) => {
  const bytes = hex(`
    00 0002 a1a2 0001 b1
    01 01020304 05060708 0001 c1 0002 d1d2
    02 0000000c 02 0002 e1e2 01 0000 ff 0001 f1
    00 0000 0000
  `)
  t.same(parseMessages(bytes), [
    {
      command: 0,
      body: { tokenLength: 2, token: hex('a1a2'), payloadLength: 1, payload: hex('b1') },
    },
    {
      command: 1,
      body: {
        identifier: 0x0102_0304,
        expiration: 0x0506_0708,
        tokenLength: 1,
        token: hex('c1'),
        payloadLength: 2,
        payload: hex('d1d2'),
      },
    },
    {
      command: 2,
      body: {
        frameDataLength: 12,
        items: [
          { itemId: 2, itemDataLength: 2, dataOffset: 32 },
          { itemId: 1, itemDataLength: 0, dataOffset: 37 },
          { itemId: 255, itemDataLength: 1, dataOffset: 40 },
        ],
      },
    },
    {
      command: 0,
      body: { tokenLength: 0, token: hex(''), payloadLength: 0, payload: hex('') },
    },
  ])
  t.end()
})

t.test('parses a frame without items, and the message after it', (t) => {
  t.same(parseMessages(hex('02 00000000 02 00000003 050000')), [
    { command: 2, body: { frameDataLength: 0, items: [] } },
    {
      command: 2,
      body: { frameDataLength: 3, items: [{ itemId: 5, itemDataLength: 0, dataOffset: 13 }] },
    },
  ])
  t.end()
})

t.test('parses no messages from empty input', (t) => {
  t.same(parseMessages(Buffer.alloc(0)), [])
  t.end()
})
