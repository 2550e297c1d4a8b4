/** What a file is taken for. */
import t from 'tap'
import { readSource } from '../../src/capture/capture-source.ts'
import { hex } from '../fixtures/hex.ts'

t.test('knows captures, hexadecimal digits and raw bytes by their looks', (t) => {
  for (const text of ['# client: x\n> 00\n', '\n  > 00', 'connection 1\n> 00', '\uFEFF< 00'])
    t.match(readSource(Buffer.from(text), 'auto'), { kind: 'capture' }, text)
  for (const text of ['00 0A\n1f', '00:0a:1f\n', '000a1f'])
    t.strictSame(readSource(Buffer.from(text), 'auto'), { kind: 'stream', bytes: hex('000a1f') })
  for (const bytes of [hex('00 0020'), hex('08'), hex('60000001 0020'), Buffer.alloc(0)])
    t.strictSame(readSource(bytes, 'auto'), { kind: 'stream', bytes })
  t.end()
})

t.test('takes a file for what it is told', (t) => {
  t.strictSame(readSource(Buffer.from('00'), 'raw'), { kind: 'stream', bytes: hex('3030') })
  t.strictSame(readSource(Buffer.from(''), 'hex'), { kind: 'stream', bytes: hex('') })
  t.throws(() => readSource(Buffer.from('00'), 'capture'), /line 1/)
  t.end()
})

t.test('says where hexadecimal digits are none', (t) => {
  t.throws(() => readSource(Buffer.from('00 0x'), 'hex'), /character 5, "x", is not.*xxd -p/)
  t.throws(() => readSource(Buffer.from('000'), 'auto'), /3 hexadecimal digits: half a byte/)
  t.end()
})
