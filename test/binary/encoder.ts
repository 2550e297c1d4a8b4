import t from 'tap'
import { encodeNotification } from '../../src/binary/encoder.ts'
import { hex, token } from '../fixtures/hex.ts'

const notification = {
  identifier: 0xcafe_babe,
  token: hex(token),
  payload: Buffer.from('{}'),
  expiration: 1_617_148_800,
  priority: 5,
}

t.test('command 0 contains only a token and a payload', (t) => {
  const bytes = encodeNotification({ ...notification, command: 0 })
  t.strictSame(bytes, hex(`00 0020 ${token} 0002 7b7d`))
  t.end()
})

t.test('command 1 writes identifier and expiration before the token', (t) => {
  const bytes = encodeNotification({ ...notification, command: 1 })
  t.strictSame(bytes, hex(`01 cafebabe 6063bb80 0020 ${token} 0002 7b7d`))
  t.end()
})

t.test('command 1 writes 0 for an undefined identifier or expiration', (t) => {
  const bytes = encodeNotification({
    ...notification,
    command: 1,
    identifier: undefined,
    expiration: undefined,
  })
  t.strictSame(bytes, hex(`01 00000000 00000000 0020 ${token} 0002 7b7d`))
  t.end()
})

t.test('command 2 writes items 1 to 5 in ascending order', (t) => {
  const bytes = encodeNotification({ ...notification, command: 2 })
  const items = `01 0020 ${token} 02 0002 7b7d 03 0004 cafebabe 04 0004 6063bb80 05 0001 05`
  t.strictSame(bytes, hex(`02 0000003a ${items}`))
  t.end()
})

t.test('command 2 omits undefined items', (t) => {
  const bytes = encodeNotification({
    ...notification,
    command: 2,
    identifier: undefined,
    expiration: undefined,
    priority: undefined,
  })
  t.strictSame(bytes, hex(`02 00000028 01 0020 ${token} 02 0002 7b7d`))
  t.end()
})

t.test('writes an identifier of 0', (t) => {
  const bytes = encodeNotification({
    ...notification,
    command: 2,
    identifier: 0,
    expiration: 0,
    priority: undefined,
  })
  const items = `01 0020 ${token} 02 0002 7b7d 03 0004 00000000 04 0004 00000000`
  t.strictSame(bytes, hex(`02 00000036 ${items}`))
  t.end()
})

t.test('refuses a value that does not fit its field', (t) => {
  const payload = Buffer.alloc(0x1_0000)
  for (const command of [0, 1, 2] as const)
    t.throws(() => encodeNotification({ ...notification, command, payload }), {
      name: 'RangeError',
    })
  t.throws(() => encodeNotification({ ...notification, command: 1, identifier: -1 }), {
    name: 'RangeError',
  })
  t.throws(() => encodeNotification({ ...notification, command: 2, priority: 256 }), {
    name: 'RangeError',
  })
  t.end()
})
