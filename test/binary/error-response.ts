import fc from 'fast-check'
import { deepStrictEqual } from 'node:assert/strict'
import t from 'tap'
import {
  decodeErrorResponse,
  encodeErrorResponse,
  errorResponseBytes,
} from '../../src/binary/error-response.ts'

t.test('consists of 08, the status code and the identifier', (t) => {
  const response = { statusCode: 8, identifier: 0xfedc_ba98 }
  t.equal(encodeErrorResponse(response).toString('hex'), '0808fedcba98')
  t.strictSame(decodeErrorResponse(Buffer.from('0808fedcba98', 'hex')), response)
  t.equal(errorResponseBytes, 6)
  t.end()
})

t.test('decodes every status code and identifier that it encodes', (t) => {
  const response = fc.record(
    { statusCode: fc.nat(255), identifier: fc.integer({ min: 0, max: 0xffff_ffff }) },
    { noNullPrototype: true },
  )
  fc.assert(
    fc.property(response, (response) => {
      deepStrictEqual(decodeErrorResponse(encodeErrorResponse(response)), response)
    }),
    { seed: 1 },
  )
  t.pass('whatever they are')
  t.end()
})

for (const hex of ['', '0808000000', '08080000000000', '010800000000'])
  t.test(`rejects ${hex === '' ? 'empty input' : hex} as an error response`, (t) => {
    t.throws(() => decodeErrorResponse(Buffer.from(hex, 'hex')), {
      name: 'RangeError',
      message: `not an error response: ${hex.slice(0, 12)}`,
    })
    t.end()
  })
