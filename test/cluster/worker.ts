/** What each worker of a configuration gets for itself. */
import t from 'tap'
import { configurationFor, folderFor, signalIn, workerNumber } from '../../src/cluster/worker.ts'
import { rehearsalConfiguration } from '../../src/simulator/rehearsal.ts'
import { pushCertificate, server } from '../fixtures/identity.ts'
import { folder } from '../fixtures/folder.ts'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

const sender = await pushCertificate('com.example.app')

t.test('worker 0 runs as configured, each other one beside it', (t) => {
  const directory = folder(t)
  const files = {
    authority: '',
    server: join(directory, 's.pem'),
    sender: join(directory, 'p.pem'),
  }
  writeFileSync(files.server, server.certificatePem + server.keyPem)
  writeFileSync(files.sender, sender.certificatePem + sender.keyPem)
  const configuration = rehearsalConfiguration('/var/data', files)
  t.same(configurationFor(0, configuration), configuration)
  t.same(configurationFor(2, configuration), {
    ...configuration,
    admin: { ...configuration.admin, port: configuration.admin.port + 2 },
    dataDirectory: join('/var/data', 'worker-2'),
  })
  const alarms = {
    webhook: undefined,
    command: ['mail'],
    minSeverity: 'alarm',
    name: 'gate',
  } as const
  t.equal(configurationFor(0, { ...configuration, alarms }).alarms?.name, 'gate')
  t.equal(configurationFor(2, { ...configuration, alarms }).alarms?.name, 'gate worker 2')
  const anywhere = { ...configuration, admin: { ...configuration.admin, port: 0 } }
  t.equal(configurationFor(2, anywhere).admin.port, 0)
  t.equal(folderFor(0, 'captures'), 'captures')
  t.equal(folderFor(1, 'captures'), join('captures', 'worker-1'))
  t.end()
})

t.test('a process that nobody has started as a worker is none', (t) => {
  t.equal(workerNumber(), undefined)
  t.end()
})

t.test('a message is one of two signals, or none', (t) => {
  t.equal(signalIn('SIGTERM'), 'SIGTERM')
  t.equal(signalIn('SIGHUP'), 'SIGHUP')
  for (const message of ['SIGINT', 'error', 'ready', '', 15, null, undefined, ['SIGTERM'], {}])
    t.equal(signalIn(message), undefined, JSON.stringify(message))
  t.end()
})
