import { createPrivateKey } from 'node:crypto'
import t from 'tap'
import { readCertificate } from '../../src/credentials/certificate.ts'
import { sortCredentials } from '../../src/init/credential-sorter.ts'
import { pushCertificate } from '../fixtures/identity.ts'

const issued = await pushCertificate('com.example.app')
const certificate = readCertificate(issued.certificatePem)
const keys = [createPrivateKey(issued.keyPem)]

t.test('two environments with one key in one file are one push, for production', (t) => {
  const certificates = [
    { ...certificate, environments: ['sandbox'] as const },
    { ...certificate, environments: ['production'] as const },
  ]
  const file = { file: 'all.p12', certificates, keys, passphrase: undefined }
  const { pushes, senders } = sortCredentials([file])
  t.match(pushes, [
    { certificate: { environments: ['production'] }, environments: ['sandbox', 'production'] },
  ])
  t.equal(pushes.length, 1)
  t.same(senders, [], 'the sender has the same key')
  t.end()
})
