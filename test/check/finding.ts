import t from 'tap'
import { problemFinding } from '../../src/check/finding.ts'

t.test('what is wrong and what to do are told apart', (t) => {
  t.strictSame(problemFinding({ path: 'tls.key', message: 'no key; give one; or two' }), {
    severity: 'error',
    subject: 'tls.key',
    finding: 'no key',
    cure: 'give one; or two',
  })
  t.strictSame(problemFinding({ path: 'store', message: 'must be lmdb' }), {
    severity: 'error',
    subject: 'store',
    finding: 'must be lmdb',
    cure: 'see docs/configuration.md for the allowed values',
  })
  t.end()
})
