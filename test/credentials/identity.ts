/** Several identities in one file: which one a route gets, and what is said where it gets none. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { issuePushCertificate, type Issued } from '../../src/credentials/authority.ts'
import type { Environment } from '../../src/credentials/certificate.ts'
import {
  loadCertificateCredential,
  type CertificateCredential,
} from '../../src/credentials/credential.ts'
import type { Purpose } from '../../src/credentials/identity.ts'
import { folder } from '../fixtures/folder.ts'
import { authority } from '../fixtures/identity.ts'
import { exportOf } from '../fixtures/pkcs12-writer.ts'

const now = Date.now()
const dayMs = 86_400_000

/** @param age in days: the older, the earlier it expires */
function issue(topic: string, environments: readonly Environment[], age = 0): Promise<Issued> {
  return issuePushCertificate(authority, { topic, environments }, new Date(now - age * dayMs))
}

const both = ['production', 'sandbox'] as const
const one = await issue('com.example.one', both, 9)
const two = await issue('com.example.two', both)
const production = await issue('com.example.one', ['production'], 5)
const sandbox = await issue('com.example.one', ['sandbox'])
const newest = await issue('com.example.one', both, -3)
/** As Apple issues it for signing apps: the team as UID, and no extension for pushes. */
const distribution = await issue('TEAM123456', [])

const directory = folder(t)
const files = {
  'two-apps': [one, two],
  'two-environments': [production, sandbox],
  'with-distribution': [distribution, production],
  renewed: [one, production],
  'both-and-sandbox': [newest, sandbox],
}
for (const [name, identities] of Object.entries(files)) {
  writeFileSync(join(directory, `${name}.p12`), exportOf(identities, 'secret'))
  const pem = identities.map(({ certificatePem, keyPem }) => keyPem + certificatePem)
  writeFileSync(join(directory, `${name}.pem`), pem.join(''))
}

function load(file: string, purpose?: Purpose): CertificateCredential {
  return loadCertificateCredential(
    { certificate: join(directory, file), passphrase: 'secret' },
    purpose,
  )
}

const rows: readonly (readonly [
  file: keyof typeof files,
  purpose: Purpose | undefined,
  chosen: Issued,
  what: string,
])[] = [
  ['two-apps', { topic: 'com.example.one', environment: 'production' }, one, 'its topic'],
  ['two-apps', { topic: 'com.example.two', environment: 'production' }, two, 'its topic'],
  ['two-environments', { environment: 'production' }, production, 'its environment'],
  ['two-environments', { environment: 'sandbox' }, sandbox, 'its environment'],
  [
    'two-environments',
    { topic: 'com.example.one', environment: 'production' },
    production,
    'topic and environment',
  ],
  ['with-distribution', { environment: 'production' }, production, "Apple's push mark"],
  ['with-distribution', undefined, production, "Apple's push mark, for a sender"],
  ['with-distribution', { environment: 'sandbox' }, production, 'what there is'],
  ['renewed', { environment: 'production' }, production, 'the later end'],
  ['both-and-sandbox', { environment: 'production' }, newest, 'its environment'],
  ['both-and-sandbox', { environment: 'sandbox' }, sandbox, 'its environment alone'],
  ['renewed', { environment: 'sandbox' }, one, 'its environment among two'],
  ['two-apps', undefined, two, 'the later end, for a sender'],
]

for (const [name, purpose, chosen, what] of rows)
  for (const form of ['p12', 'pem'])
    t.test(`${name}.${form} ${JSON.stringify(purpose)}: the identity with ${what}`, (t) => {
      const { certificatePem, keyPem, others } = load(`${name}.${form}`, purpose)
      t.equal(certificatePem, chosen.certificatePem)
      t.equal(keyPem, chosen.keyPem)
      t.same(
        others.map(({ pem }) => pem),
        files[name].filter((issued) => issued !== chosen).map((issued) => issued.certificatePem),
      )
      t.end()
    })

for (const [what, topic] of [
  ['a route without a topic', undefined],
  ['a route for a third topic', 'com.example.three'],
] as const)
  t.test(`${what} is told which push certificates the file has`, (t) => {
    t.throws(() => load('two-apps.p12', { topic, environment: 'production' }), {
      code: 'several-identities',
      message:
        /two-apps\.p12: the file has several push certificates: com\.example\.two \(production, sandbox, until \d{4}-\d\d-\d\d\), com\.example\.one \(.*\); name the one for this route under "topic", and under "environment" if/,
    })
    t.end()
  })
