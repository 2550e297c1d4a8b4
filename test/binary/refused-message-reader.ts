/** When a refused message is reported, and where it ends. */
import t from 'tap'
import { refused, type Command, type RefusalCode } from '../../src/binary/notification.ts'
import { RefusedMessageReader } from '../../src/binary/refused-message-reader.ts'
import { hex } from '../fixtures/hex.ts'

const x = (count: number): string => 'aa'.repeat(count)

/** The payload limit is 4 bytes. `|` follows the byte at which the refusal is returned. */
const messages: readonly (readonly [
  name: string,
  text: string,
  command: Command,
  identifier: number | undefined,
  code: RefusalCode,
])[] = [
  [
    'command 0: refuses a long token at once, then skips token and payload',
    `00 0065 | ${x(101)} 0002 ${x(2)}`,
    0,
    undefined,
    'invalid-token-size',
  ],
  [
    'command 0: refuses a long payload after a valid token',
    `00 0020 ${x(32)} ffff | ${x(65_535)}`,
    0,
    undefined,
    'invalid-payload-size',
  ],
  [
    'command 0: accepts a token of 100 bytes',
    `00 0064 ${x(100)} 0005 | ${x(5)}`,
    0,
    undefined,
    'invalid-payload-size',
  ],
  [
    'command 1: returns its identifier',
    `01 cafebabe 6063bb80 0020 ${x(32)} 0005 | ${x(5)}`,
    1,
    0xcafe_babe,
    'invalid-payload-size',
  ],
  [
    'command 1: returns the first of two refusal codes',
    `01 00000000 00000000 0065 | ${x(101)} 0005 ${x(5)}`,
    1,
    0,
    'invalid-token-size',
  ],
  [
    'refuses a frame at the wrong item if the identifier comes first',
    `02 00000013 03 0004 00000007 02 0005 ${x(5)} | ${x(4)}`,
    2,
    7,
    'invalid-payload-size',
  ],
  [
    'refuses a frame at its identifier if the identifier comes last',
    `02 00000074 01 0065 ${x(101)} 03 0004 00000000 | ${x(5)}`,
    2,
    0,
    'invalid-token-size',
  ],
  [
    'does not confuse an expiration of 4 bytes with the identifier after it',
    `02 00000016 04 0004 ${x(4)} 02 0005 ${x(5)} 03 0004 00000007 |`,
    2,
    7,
    'invalid-payload-size',
  ],
  [
    'accepts items of the maximum lengths',
    `02 0000006f 01 0064 ${x(100)} 02 0004 ${x(4)} | aa`,
    2,
    undefined,
    'item-overruns-frame',
  ],
  [
    'refuses a frame without an identifier at its end, with the first refusal code',
    `02 00000070 02 0005 ${x(5)} 01 0065 ${x(101)} |`,
    2,
    undefined,
    'invalid-payload-size',
  ],
  [
    'an item longer than the rest of the frame is refused at once',
    `02 00000009 01 0007 | ${x(6)}`,
    2,
    undefined,
    'item-overruns-frame',
  ],
  [
    'an item overruns a frame without remaining bytes',
    '02 00000003 01 0007 |',
    2,
    undefined,
    'item-overruns-frame',
  ],
  [
    'a refusal code before an item that overruns its frame counts',
    `02 0000000c 02 0005 ${x(5)} 01 0007 | aa`,
    2,
    undefined,
    'invalid-payload-size',
  ],
  [
    'a frame that ends inside an item header is refused as overrun',
    `02 00000009 03 0004 00000001 | ${x(2)}`,
    2,
    1,
    'item-overruns-frame',
  ],
  [
    'ignores an identifier whose length is not 4',
    `02 0000000f 03 0001 aa 02 0005 ${x(5)} 03 0000 |`,
    2,
    undefined,
    'invalid-payload-size',
  ],
  [
    'the first of two identifiers counts',
    `02 00000016 03 0004 00000001 03 0004 ${x(4)} 02 0005 ${x(5)} |`,
    2,
    1,
    'invalid-payload-size',
  ],
  [
    'a frame of many small items is too long as a whole',
    '02 00000006 09 0000 09 0000 |',
    2,
    undefined,
    'frame-too-long',
  ],
]

for (const [name, text, command, identifier, code] of messages) {
  const [before = '', behind = ''] = text.split('|')
  const toldAt = hex(before).length
  const bytes = hex(before + behind)

  t.test(name, (t) => {
    const message = new RefusedMessageReader(4)
    for (let at = 0; at < bytes.length; at++) {
      if (message.isOver) t.fail(`over before byte ${at}`)
      const refusal = message.read(bytes.subarray(at, at + 1))
      const expected = at + 1 === toldAt ? refused(command, identifier, code) : undefined
      if (refusal !== undefined || expected !== undefined) t.strictSame(refusal, expected)
      if (message.readBytes !== at + 1) t.fail(`byte ${at} was not read`)
    }
    t.ok(message.isOver)
    t.end()
  })

  t.test(`${name}; in one chunk, without reading the next message`, (t) => {
    const message = new RefusedMessageReader(4)
    const refusal = message.read(Buffer.concat([bytes, hex('00 0020')]))
    t.strictSame(refusal, refused(command, identifier, code))
    t.ok(message.isOver)
    t.equal(message.readBytes, bytes.length)
    t.end()
  })
}

t.test('throws when the end of the message is unknown', (t) => {
  t.throws(() => new RefusedMessageReader(4).read(hex('03')), {
    name: 'BinaryProtocolError',
    code: 'unknown-command',
    message: 'byte 3 is not a command',
  })
  t.throws(() => new RefusedMessageReader(4).read(hex('02 00020017')), {
    name: 'BinaryProtocolError',
    code: 'impossible-frame-length',
    message: 'a frame data length of 131095 bytes; the maximum is 131094',
  })
  t.end()
})

t.test('reads a frame of the maximum length', (t) => {
  const message = new RefusedMessageReader(4)
  t.equal(message.read(hex('02 00020016 01 0020')), undefined)
  t.equal(message.readBytes, 8)
  t.end()
})
