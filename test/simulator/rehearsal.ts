import { join } from 'node:path'
import t from 'tap'
import {
  onFreePorts,
  prepareRehearsal,
  rehearsalConfiguration,
  rehearsed,
} from '../../src/simulator/rehearsal.ts'
import { systemClock } from '../../src/timing/clock.ts'
import { folder } from '../fixtures/folder.ts'

const directory = folder(t)
const files = await prepareRehearsal(directory, systemClock)
const configuration = rehearsalConfiguration(directory, files)
const provider = {
  origins: { production: 'https://127.0.0.1:1', sandbox: 'https://127.0.0.1:2' },
  certificateAuthority: 'a CA',
}

t.test('what is rehearsed goes to the played provider, and into a store of its own', (t) => {
  const { providerApi, dataDirectory, routes } = rehearsed(configuration, provider)
  t.same(providerApi, provider)
  t.equal(dataDirectory, join(directory, 'rehearsal', 'store'))
  t.not(dataDirectory, configuration.dataDirectory)
  t.equal(routes, configuration.routes)
  t.end()
})

t.test('on free ports, nothing else changes', (t) => {
  const { listeners, admin, ...rest } = onFreePorts(configuration)
  t.match(listeners, [
    { kind: 'gateway', host: '127.0.0.1', port: 0 },
    { kind: 'feedback', host: '127.0.0.1', port: 0 },
  ])
  t.same(admin, { host: '127.0.0.1', port: 0 })
  t.match(configuration, rest)
  t.end()
})
