/** What a skim asks for and tells, step by step. */
import t from 'tap'
import { refused, type Command, type RefusalCode } from '../../src/binary/notification.ts'
import { skimMessage, type Wish } from '../../src/binary/skim.ts'
import { hex } from '../fixtures/hex.ts'

type Step = readonly [wish: Wish, answer?: string]

function read(bytes: number, answer: string): Step {
  return [{ read: bytes }, answer]
}

function skip(bytes: number): Step {
  return [{ skip: bytes }]
}

function tell(command: Command, identifier: number | undefined, code: RefusalCode): Step {
  return [refused(command, identifier, code)]
}

/** With a payload limit of 4 bytes. */
const conversations: readonly (readonly [name: string, steps: readonly Step[]])[] = [
  [
    'command 0: a long token is told at once, then token and payload are skipped',
    [
      read(1, '00'),
      read(2, '0065'),
      tell(0, undefined, 'invalid-token-size'),
      skip(101),
      read(2, '0002'),
      skip(2),
    ],
  ],
  [
    'command 0: with a token in order it is the payload',
    [
      read(1, '00'),
      read(2, '0020'),
      tell(0, undefined, 'invalid-payload-size'),
      skip(32),
      read(2, 'ffff'),
      skip(65_535),
    ],
  ],
  [
    'command 0: a token of 100 bytes is in order',
    [
      read(1, '00'),
      read(2, '0064'),
      tell(0, undefined, 'invalid-payload-size'),
      skip(100),
      read(2, '0005'),
      skip(5),
    ],
  ],
  [
    'command 1: is told with its identifier',
    [
      read(1, '01'),
      read(8, 'cafebabe 6063bb80'),
      read(2, '0020'),
      tell(1, 0xcafe_babe, 'invalid-payload-size'),
      skip(32),
      read(2, '0005'),
      skip(5),
    ],
  ],
  [
    'a frame whose identifier comes first is told at the item at fault',
    [
      read(1, '02'),
      read(4, '00000013'),
      read(3, '03 0004'),
      read(4, '00000007'),
      read(3, '02 0005'),
      skip(5),
      tell(2, 7, 'invalid-payload-size'),
      skip(4),
    ],
  ],
  [
    'a frame whose identifier comes last is told when that has come',
    [
      read(1, '02'),
      read(4, '00000074'),
      read(3, '01 0065'),
      skip(101),
      read(3, '03 0004'),
      read(4, '00000000'),
      tell(2, 0, 'invalid-token-size'),
      skip(5),
    ],
  ],
  [
    'an expiration, of 4 bytes as well, is not taken for the identifier behind it',
    [
      read(1, '02'),
      read(4, '00000016'),
      read(3, '04 0004'),
      skip(4),
      read(3, '02 0005'),
      skip(5),
      read(3, '03 0004'),
      read(4, '00000007'),
      tell(2, 7, 'invalid-payload-size'),
      skip(0),
    ],
  ],
  [
    'items as long as the limits are in order',
    [
      read(1, '02'),
      read(4, '0000006f'),
      read(3, '01 0064'),
      skip(100),
      read(3, '02 0004'),
      skip(4),
      tell(2, undefined, 'item-overruns-frame'),
      skip(1),
    ],
  ],
  [
    'a frame without an identifier is told at its end; the first offence counts',
    [
      read(1, '02'),
      read(4, '00000070'),
      read(3, '02 0005'),
      skip(5),
      read(3, '01 0065'),
      skip(101),
      tell(2, undefined, 'invalid-payload-size'),
      skip(0),
    ],
  ],
  [
    'an item longer than the rest of the frame ends the search',
    [
      read(1, '02'),
      read(4, '00000009'),
      read(3, '01 0007'),
      tell(2, undefined, 'item-overruns-frame'),
      skip(6),
    ],
  ],
  [
    'a frame that ends inside the head of an item overruns as well',
    [
      read(1, '02'),
      read(4, '00000009'),
      read(3, '03 0004'),
      read(4, '00000001'),
      tell(2, 1, 'item-overruns-frame'),
      skip(2),
    ],
  ],
  [
    'an identifier of another length than 4 is none',
    [
      read(1, '02'),
      read(4, '0000000f'),
      read(3, '03 0001'),
      skip(1),
      read(3, '02 0005'),
      skip(5),
      read(3, '03 0000'),
      skip(0),
      tell(2, undefined, 'invalid-payload-size'),
      skip(0),
    ],
  ],
  [
    'the first of two identifiers counts',
    [
      read(1, '02'),
      read(4, '00000016'),
      read(3, '03 0004'),
      read(4, '00000001'),
      read(3, '03 0004'),
      skip(4),
      read(3, '02 0005'),
      skip(5),
      tell(2, 1, 'invalid-payload-size'),
      skip(0),
    ],
  ],
  [
    'a frame of many small items is too long as a whole',
    [
      read(1, '02'),
      read(4, '00000006'),
      read(3, '09 0000'),
      skip(0),
      read(3, '09 0000'),
      skip(0),
      tell(2, undefined, 'frame-too-long'),
      skip(0),
    ],
  ],
]

for (const [name, steps] of conversations)
  t.test(name, (t) => {
    const skim = skimMessage(4)
    let answer: Buffer | undefined
    for (const [wish, next] of steps) {
      t.strictSame(skim.next(answer), { value: wish, done: false })
      answer = next === undefined ? undefined : hex(next)
    }
    t.strictSame(skim.next(answer), { value: undefined, done: true })
    t.end()
  })

t.test('where nothing tells the end of the message, there is no reading on', (t) => {
  const unknown = skimMessage(4)
  unknown.next()
  t.throws(() => unknown.next(hex('03')), {
    name: 'BinaryProtocolError',
    code: 'unknown-command',
    message: 'no command begins with byte 3',
  })
  const impossible = skimMessage(4)
  impossible.next()
  impossible.next(hex('02'))
  t.throws(() => impossible.next(hex('00020017')), {
    name: 'BinaryProtocolError',
    code: 'impossible-frame-length',
    message: 'a frame of 131095 bytes; the longest possible has 131094',
  })
  t.end()
})

t.test('the longest frame that can be is read', (t) => {
  const skim = skimMessage(4)
  skim.next()
  skim.next(hex('02'))
  t.strictSame(skim.next(hex('00020016')), { value: { read: 3 }, done: false })
  t.end()
})
