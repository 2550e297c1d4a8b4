import t from 'tap'
import { countOf, error, ok, report, warning } from '../../src/check/finding.ts'

const fine = ok('tls.certificate', 'valid until 2028-11-24, 730 days from now')
const warned = warning(
  'routes[0].certificate',
  'every user of this machine can read /etc/apns-legacy-proxy/mdm-push.p12, and with it send pushes in your name',
  'chmod 600 /etc/apns-legacy-proxy/mdm-push.p12',
)
const wrong = error('admin', 'no', 'yes')

t.test('a table for people, every line within 80 columns', (t) => {
  const text = report([fine, warned, wrong])
  t.equal(
    text,
    `ok       tls.certificate: valid until 2028-11-24, 730 days from now
WARNING  routes[0].certificate
         every user of this machine can read
         /etc/apns-legacy-proxy/mdm-push.p12, and with it send pushes in your
         name
         → chmod 600 /etc/apns-legacy-proxy/mdm-push.p12
ERROR    admin
         no
         → yes

1 error, 1 warning: not ready.
`,
  )
  t.ok(text.split('\n').every((line) => line.length <= 80))
  t.end()
})

t.test('the last line says whether to go on', (t) => {
  t.match(report([fine]), /\n\nAll is well: ready\.\n$/)
  t.match(report([warned, fine, warned]), /\n\n2 warnings, no error: ready\.\n$/)
  t.match(report([wrong, wrong]), /\n\n2 errors, 0 warnings: not ready\.\n$/)
  t.equal(countOf([fine, wrong, wrong], 'error'), 2)
  t.end()
})

t.test('a word that is longer than a line stays whole', (t) => {
  const key = `sha256:${'a'.repeat(80)}`
  t.ok(report([ok('a', `its key is ${key}`)]).includes(`\n         ${key}\n`))
  t.end()
})
