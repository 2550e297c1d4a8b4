import t from 'tap'
import {
  BinaryProtocolError,
  refusalStatus,
  refused,
  tokenBytes,
} from '../../src/binary/notification.ts'

t.test('every refusal has a status code for the error response', (t) => {
  t.strictSame(refusalStatus, {
    'missing-token': 2,
    'missing-payload': 4,
    'invalid-token-size': 5,
    'invalid-payload-size': 7,
    'duplicate-item': 128,
    'invalid-item-size': 128,
    'item-overruns-frame': 128,
    'frame-too-long': 128,
  })
  t.end()
})

t.test('a refusal contains the command and the identifier, if known', (t) => {
  t.strictSame(refused(1, 0, 'missing-token'), {
    kind: 'refused',
    command: 1,
    identifier: 0,
    code: 'missing-token',
  })
  t.strictSame(refused(0, undefined, 'missing-payload'), {
    kind: 'refused',
    command: 0,
    identifier: undefined,
    code: 'missing-payload',
  })
  t.end()
})

t.test('a device token has 32 to 100 bytes', (t) => {
  t.strictSame(tokenBytes, { min: 32, max: 100 })
  t.end()
})

t.test('a protocol error has a code, a message and a status code', (t) => {
  const error = new BinaryProtocolError('truncated', 'it stopped', 7)
  t.match(error, { name: 'BinaryProtocolError', message: 'it stopped' })
  t.strictSame([error.code, error.status, error.identifier], ['truncated', 128, 7])
  t.equal(new BinaryProtocolError('unknown-command', 'no').identifier, undefined)
  t.end()
})
