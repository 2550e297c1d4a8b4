import t from 'tap'
import { parseAnswer, parseLatency } from '../../src/commands/simulate.ts'

t.test('an answer is read in each of its forms', (t) => {
  const rows: [string, string, string, number | undefined, number | undefined][] = [
    ['bad=BadDeviceToken', 'bad', 'BadDeviceToken', undefined, undefined],
    ['=RESET', '', 'RESET', undefined, undefined],
    ['ab=418:Teapot', 'ab', 'Teapot', 418, undefined],
    ['ab=Shutdown*3', 'ab', 'Shutdown', undefined, 3],
    ['ab=503:Shutdown*3', 'ab', 'Shutdown', 503, 3],
  ]
  for (const [text, tokenPrefix, reason, status, times] of rows) {
    t.strictSame(parseAnswer(text), { tokenPrefix, reason, status, times }, text)
  }
  t.end()
})

t.test('an answer of no form is refused with the form', (t) => {
  for (const text of ['', 'bad', 'bad=', 'xy=Shutdown', 'ab=50:Shutdown', 'ab=Shutdown*']) {
    t.throws(() => parseAnswer(text), { message: /PREFIX=REASON/ }, text)
  }
  t.end()
})

t.test('a latency is one number or a range', (t) => {
  t.strictSame(parseLatency('50'), { min: 50, max: 50 })
  t.strictSame(parseLatency('30-90'), { min: 30, max: 90 })
  for (const text of ['', 'soon', '-5', '90-30', '1.5', '30-']) {
    t.throws(() => parseLatency(text), { message: /write milliseconds/ }, text)
  }
  t.end()
})
