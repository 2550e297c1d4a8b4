import t from 'tap'
import { readCertificate } from '../../src/credentials/certificate.ts'
import { certificateFault } from '../../src/simulator/client-credential.ts'
import { pushCertificate } from '../fixtures/simulator-client.ts'

const production = readCertificate(
  (await pushCertificate({ environments: ['production'] })).certificatePem,
)
const now = Date.now()

t.test('a certificate may send in the environments that it names', (t) => {
  t.equal(certificateFault(production, 'production', now), undefined)
  t.equal(certificateFault(production, 'sandbox', now), 'BadCertificateEnvironment')
  t.equal(
    certificateFault({ ...production, environments: [] }, 'production', now),
    'BadCertificateEnvironment',
  )
  t.end()
})

t.test('a certificate without a topic, expired or unreadable is a bad one', (t) => {
  t.equal(certificateFault({ ...production, topics: [] }, 'production', now), 'BadCertificate')
  t.equal(
    certificateFault(production, 'production', production.notAfter.getTime() + 1),
    'BadCertificate',
  )
  t.equal(certificateFault(undefined, 'production', now), 'BadCertificate')
  t.end()
})
