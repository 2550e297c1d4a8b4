import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { stringify } from 'yaml'
import { dataDirectoryFindings, secretFileFindings } from '../../src/check/file-check.ts'
import { examineConfiguration } from '../../src/config/configuration.ts'
import { pushCertificate, server } from '../fixtures/identity.ts'

const push = await pushCertificate('com.example.app')
const posix = { skip: process.platform === 'win32' && 'Windows has no such modes' }

t.test('files with secrets that others can read are named, with the command', posix, (t) => {
  const directory = t.testdir()
  const at = (name: string): string => join(directory, name)
  const write = (name: string, text: string, mode: number): void => {
    writeFileSync(at(name), text)
    chmodSync(at(name), mode)
  }
  write('server.pem', server.certificatePem, 0o644)
  write('server.key', server.keyPem, 0o644)
  write('push.pem', push.certificatePem + push.keyPem, 0o640)
  write('other.pem', push.certificatePem, 0o644)
  write('other.key', push.keyPem, 0o604)
  write('pass', 'secret', 0o644)
  const text = stringify({
    listeners: [{ kind: 'gateway' }],
    tls: { certificate: 'server.pem', key: 'server.key' },
    routes: [
      { name: 'a', certificate: 'push.pem' },
      { name: 'b', certificate: 'other.pem', key: 'other.key', passphraseFile: 'pass' },
      { name: 'c', certificate: 'gone.pem' },
    ],
  })
  write('proxy.yaml', text, 0o600)
  const { parts } = examineConfiguration(at('proxy.yaml'))
  const found = parts && secretFileFindings(parts)
  t.same(
    found?.map(({ subject }) => subject),
    ['tls.key', 'routes[1].key', 'routes[1].passphraseFile'],
  )
  t.strictSame(found?.[0], {
    severity: 'warning',
    subject: 'tls.key',
    finding: `every user of this machine can read ${at('server.key')}, and use it to impersonate you`,
    cure: `chmod 600 ${at('server.key')}`,
  })
  t.end()
})

t.test('the data directory may be missing, but it must be possible', (t) => {
  const directory = t.testdir({ file: '' })
  t.same(dataDirectoryFindings(join(directory, 'not/yet/there')), [])
  t.match(dataDirectoryFindings(join(directory, 'file')), [
    {
      severity: 'error',
      subject: 'dataDirectory',
      finding: /file is not a folder that the proxy can write/,
    },
  ])
  t.match(dataDirectoryFindings(join(directory, 'file/data')), [{ severity: 'error' }])
  t.end()
})
