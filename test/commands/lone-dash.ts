/** How a lone `-` gets past the parser of the command line. */
import t from 'tap'
import { inputFile, joinDashes } from '../../src/commands/lone-dash.ts'

t.test('--file - means --file=-, and no other lone dash is touched', (t) => {
  t.same(joinDashes(['send', '--file', '-', '--wait', '5']), ['send', '--file=-', '--wait', '5'])
  t.same(joinDashes(['decode', '--mask', '-']), ['decode', '--mask', '-'])
  t.same(joinDashes(['decode', '-']), ['decode', '-'])
  t.same(joinDashes(['send', '--file', 'x']), ['send', '--file', 'x'])
  t.end()
})

t.test('an empty positional is standard input', (t) => {
  const { coerce } = inputFile('A file')
  t.equal(coerce(''), '-')
  t.equal(coerce('x'), 'x')
  t.end()
})
