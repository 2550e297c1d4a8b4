/** Each length is checked as soon as its field has arrived. */
import t from 'tap'
import { incomplete, messageLength, outOfBounds } from '../../src/binary/message-length.ts'
import { hex, token } from '../fixtures/hex.ts'

/** Small, so that the lengths below can be counted by hand. */
const maxPayloadBytes = 4

const whole = [
  ['command 0', `00 0020 ${token} 0002 7b7d`, 39],
  ['command 0 with empty fields', '00 0000 0000', 5],
  ['command 1', `01 00000001 00000000 0020 ${token} 0002 7b7d`, 47],
  ['command 2', `02 00000028 01 0020 ${token} 02 0002 7b7d`, 45],
  ['command 2 without items', '02 00000000', 5],
  ['command 2 with items that Apple did not define', '02 00000008 07 0000 00 0002 abcd', 13],
] as const

for (const [name, text, length] of whole) {
  t.test(`${name} has its length at any offset`, (t) => {
    t.equal(messageLength(hex(text), 0, maxPayloadBytes), length)
    t.equal(messageLength(hex(`ffff ${text} 77`), 2, maxPayloadBytes), length)
    t.end()
  })
  t.test(`${name} is incomplete before its last byte`, (t) => {
    for (let cut = 1; cut < length; cut++)
      t.equal(messageLength(hex(text).subarray(0, cut), 0, maxPayloadBytes), incomplete)
    t.end()
  })
}

const hundred = '22'.repeat(100)

t.test('a token of 100 bytes and a payload of the maximum length are within bounds', (t) => {
  t.equal(messageLength(hex(`00 0064 ${hundred} 0004 61616161`), 0, maxPayloadBytes), 109)
  const frame = `02 0000006e 01 0064 ${hundred} 02 0004 61616161`
  t.equal(messageLength(hex(frame), 0, maxPayloadBytes), 115)
  t.end()
})

/** Each ends with the last byte of the wrong length. */
const faulty = [
  ['an unknown command', '03'],
  ['the command of an error response', '08'],
  ['command 0 with a token over 100 bytes', '00 0065'],
  ['command 0 with a payload over the limit', `00 0020 ${token} 0005`],
  ['command 1 with a token over 100 bytes', '01 00000001 00000000 0065'],
  ['command 1 with a payload over the limit', `01 00000001 00000000 0020 ${token} 0005`],
  ['a frame longer than the payload limit and 1 KiB', '02 00000405'],
  ['a frame with a token over 100 bytes', '02 00000100 01 0065'],
  ['a frame with a payload over the limit', '02 00000100 02 0005'],
  ['a frame whose item is longer than the frame', '02 00000005 03 0003'],
] as const

for (const [name, text] of faulty)
  t.test(`${name} is out of bounds as soon as that length has arrived`, (t) => {
    const bytes = hex(text)
    t.equal(messageLength(bytes, 0, maxPayloadBytes), outOfBounds)
    if (bytes.length > 1)
      t.equal(messageLength(bytes.subarray(0, -1), 0, maxPayloadBytes), incomplete)
    t.equal(messageLength(Buffer.concat([bytes, Buffer.alloc(5000)]), 0, 4), outOfBounds)
    t.end()
  })

t.test('a frame that ends inside an item header is out of bounds from its length field on', (t) => {
  t.equal(messageLength(hex('02 00000002'), 0, maxPayloadBytes), outOfBounds)
  t.equal(messageLength(hex('02 00000005 05 00'), 0, maxPayloadBytes), incomplete)
  t.equal(messageLength(hex('02 00000005 05 0001'), 0, maxPayloadBytes), outOfBounds)
  t.end()
})
