/** How a lone `-` gets past the parser of the command line. */
import t from 'tap'
import { inputPath, joinDashes } from '../../src/commands/lone-dash.ts'

t.test('--file - means --file=-, and no other lone dash is touched', (t) => {
  t.same(joinDashes(['send', '--file', '-', '--wait', '5']), ['send', '--file=-', '--wait', '5'])
  t.same(joinDashes(['decode', '--mask', '-']), ['decode', '--mask', '-'])
  t.same(joinDashes(['decode', '-']), ['decode', '-'])
  t.same(joinDashes(['send', '--file', 'x']), ['send', '--file', 'x'])
  t.end()
})

t.test('an empty positional is standard input', (t) => {
  t.equal(inputPath(''), '-')
  t.equal(inputPath('x'), 'x')
  t.end()
})
