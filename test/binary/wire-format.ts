/** The expected fields of each stream are written by hand. */
import t from 'tap'
import { FieldScanner } from '../../src/binary/field-scanner.ts'
import {
  errorResponseFields,
  feedbackTupleFields,
  longestFrameBytes,
  notificationFields,
  type Fields,
} from '../../src/binary/wire-format.ts'
import { hex } from '../fixtures/hex.ts'

function places(text: string, messageFields: () => Fields): unknown[] {
  return [...new FieldScanner(messageFields).read(hex(text))].map(
    ({ name, offset, bytes, content }) =>
      content.length === bytes ? [offset, name, bytes] : [offset, name, bytes, content.length],
  )
}

const rows: readonly { name: string; text: string; fields: readonly unknown[] }[] = [
  { name: 'nothing', text: '', fields: [] },
  {
    name: 'command 0',
    text: '00 0002 aabb 0001 7b 00',
    fields: [
      [0, 'command', 1],
      [1, 'token-length', 2],
      [3, 'token', 2],
      [5, 'payload-length', 2],
      [7, 'payload', 1],
      [8, 'command', 1],
    ],
  },
  {
    name: 'command 1, truncated inside its payload',
    text: '01 00000007 00000000 0001 aa 0005 7b22',
    fields: [
      [0, 'command', 1],
      [1, 'identifier', 4],
      [5, 'expiration', 4],
      [9, 'token-length', 2],
      [11, 'token', 1],
      [12, 'payload-length', 2],
      [14, 'payload', 5, 2],
    ],
  },
  {
    name: 'a frame of known, unknown and empty items, and another message',
    text: '02 0000000b 05 0001 0a 09 0001 ff 01 0000 03',
    fields: [
      [0, 'command', 1],
      [1, 'frame-length', 4],
      [5, 'item-id', 1],
      [6, 'item-length', 2],
      [8, 'priority', 1],
      [9, 'item-id', 1],
      [10, 'item-length', 2],
      [12, 'unknown-item', 1],
      [13, 'item-id', 1],
      [14, 'item-length', 2],
      [16, 'token', 0],
      [16, 'command', 1],
    ],
  },
  {
    name: 'an item that overruns its frame; the frame still ends at its own length',
    text: '02 00000005 01 0003 aabb 00',
    fields: [
      [0, 'command', 1],
      [1, 'frame-length', 4],
      [5, 'item-id', 1],
      [6, 'item-length', 2],
      [8, 'rest', 2],
      [10, 'command', 1],
    ],
  },
  {
    name: 'an item that overruns a frame without remaining bytes',
    text: '02 00000003 01 0003 00',
    fields: [
      [0, 'command', 1],
      [1, 'frame-length', 4],
      [5, 'item-id', 1],
      [6, 'item-length', 2],
      [8, 'rest', 0],
      [8, 'command', 1],
    ],
  },
  {
    name: 'a frame that ends inside an item header',
    text: '02 00000005 05 0000 aabb',
    fields: [
      [0, 'command', 1],
      [1, 'frame-length', 4],
      [5, 'item-id', 1],
      [6, 'item-length', 2],
      [8, 'priority', 0],
      [8, 'rest', 2],
    ],
  },
  {
    name: 'a frame longer than the maximum',
    text: '02 00020017 01',
    fields: [
      [0, 'command', 1],
      [1, 'frame-length', 4],
      [5, 'unreadable', Infinity, 1],
    ],
  },
  {
    name: 'an unknown command',
    text: '2a 0102',
    fields: [
      [0, 'command', 1],
      [1, 'unreadable', Infinity, 2],
    ],
  },
]

for (const { name, text, fields } of rows)
  t.test(`finds the fields of ${name}`, (t) => {
    t.strictSame(places(text, notificationFields), fields)
    t.end()
  })

t.test('finds the fields of feedback tuples', (t) => {
  t.strictSame(places('60000001 0002 aabb 600000', feedbackTupleFields), [
    [0, 'timestamp', 4],
    [4, 'token-length', 2],
    [6, 'token', 2],
    [8, 'timestamp', 4, 3],
  ])
  t.end()
})

t.test('finds the fields of error responses; other commands are unreadable', (t) => {
  t.strictSame(places('08 0a 00000007 07 aa', errorResponseFields), [
    [0, 'command', 1],
    [1, 'status', 1],
    [2, 'identifier', 4],
    [6, 'command', 1],
    [7, 'unreadable', Infinity, 1],
  ])
  t.end()
})

t.test('the longest frame that contains each item once has 131,094 bytes', (t) => {
  t.equal(longestFrameBytes, 131_094)
  t.end()
})
