import t from 'tap'
import { HpackError } from '../../../src/upstream/http2/hpack.ts'
import { decodeHuffman } from '../../../src/upstream/http2/huffman.ts'
import { hex } from '../../fixtures/hex.ts'

function decode(bytes: string): string {
  const coded = hex(bytes)
  return decodeHuffman(coded, 0, coded.length)
}

t.test('decodes the code of each octet', (t) => {
  // The codes of RFC 7541, Appendix B, for 0 to 255 in a row, and 6 bits of padding.
  const coded = `
    ffc7fffd8fffffe2fffffe3fffffe4fffffe5fffffe6fffffe7fffffe8ffffeafffffff3fffffa7fffffabffffffdfff
    ffebfffffecfffffedfffffeefffffefffffff0ffffff1ffffff2fffffffbfffffcffffffd3fffffd7fffffdbfffffdf
    fffffe3fffffe7fffffebfffffed4fe3f9ffaffcabf1febfafefe7fdfd2cbb00089969b71d79fb9f7fff20ffbff3ff50
    ddbd7f061c58f265cd9f469d5af66dddbf871e5f9cff7ff7fffc3ff9ffe45fff4719242cb34e6e9d68a6a3d7dac426de
    fe3cfaf7fffbfe7ffbffdffffffcfffe6ffff4bfff9ffffa3fffd3ffff53fffd5ffffb3fffeb7fffdaffffb7ffff73ff
    feeffffdeffffebffffbfffffd9ffffdbfffebffffe0ffffeeffffc3ffff8bffff1ffffe4fffee7fffb1ffff97fffd9f
    fffcdffff9fffffbffffdafffeeffff4ffffb7fffee7fffe8ffffd3fffdeffffd5fffeeffffbdffffe1fffdfffff7fff
    ff5ffffecffff07fff87fffe0ffff17fffedffff87ffff77fffeffffeaffff8bfffe3ffff93ffff87fffcbffff37ffff
    1fffff83ffffe1fffebfffe3ffff3fffff2ffffa3ffffd9fffff17ffffc7fffff27ffffdefffffbffffff2fffff8ffff
    fb7fff97fff8fffffe6fffffc1fffff87ffffe7fffffc5ffffe5fffe4ffff2fffffd1fffff4ffffffefffffe3fffffc9
    fffff97fffb3ffffcffffb7fffcdffff4ffff9ffffd1ffffcffffeaffffafffffddffffeffffff4fffff5fffffabffff
    a7ffffd7fffff9bffffecfffffb7fffff3fffffe8fffffd3fffffabfffff5fffffff7ffffecfffffdbfffffbbfffff7f
    fffff0fffffbbf`
  t.same(
    Buffer.from(decode(coded), 'latin1'),
    Buffer.from(Array.from({ length: 256 }, (_, i) => i)),
  )
  t.end()
})

t.test('reads only between start and end', (t) => {
  t.equal(decodeHuffman(hex('ff 64 02 ff'), 1, 3), '302')
  t.equal(decodeHuffman(hex('ff'), 1, 1), '')
  t.end()
})

t.test('accepts up to 7 bits of padding', (t) => {
  t.equal(decode('1f'), 'a', '3 bits')
  t.equal(decode('ff ff f6 7f'), 'Ç', '7 bits behind a code of 25')
  t.end()
})

t.test('refuses invalid codes and padding', (t) => {
  const rows: [what: string, bytes: string][] = [
    ['8 bits of padding and nothing else', 'ff'],
    ['11 bits of padding', '1f ff'],
    ['27 bits of padding', '1f ff ff ff'],
    ['padding of zeroes', '18'],
    ['padding whose last bit is 0', '1e'],
    ['half a code', 'fe'],
    ['the end of string and two bits', 'ff ff ff ff'],
    ['the end of string in front of more', 'ff ff ff fc 1f'],
    ['the end of string behind a character', '1f ff ff ff fc'],
  ]
  for (const [what, bytes] of rows) t.throws(() => decode(bytes), HpackError, what)
  t.end()
})
