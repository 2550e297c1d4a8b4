import t from 'tap'
import { inheritedSockets } from '../../src/handlers/socket-activation.ts'
import type { ListenerConfiguration } from '../../src/config/configuration.ts'

const listener = (socket: string): ListenerConfiguration => ({
  kind: 'gateway',
  host: '0.0.0.0',
  port: 2195,
  environment: undefined,
  minVersion: 'TLSv1.2',
  balancers: undefined,
  socket,
})
const both = [listener('gateway'), listener('feedback')]
const pid = 42

function passed(names: string, forPid = pid): NodeJS.ProcessEnv {
  const count = String(names.split(':').length)
  return { LISTEN_PID: String(forPid), LISTEN_FDS: count, LISTEN_FDNAMES: names, HOME: '/' }
}

t.test('sockets go by their names, whatever their order', (t) => {
  const environment = passed('feedback:gateway')
  t.same(
    [...inheritedSockets(both, environment, pid)],
    [
      ['feedback', 3],
      ['gateway', 4],
    ],
  )
  t.same(environment, { HOME: '/' }, 'no child takes them for its own')
  t.end()
})

t.test('what is meant for another process, or nothing at all, is not touched', (t) => {
  const environment = passed('gateway', 41)
  t.equal(inheritedSockets(both, environment, pid).size, 0)
  t.same(environment, { HOME: '/' })
  t.equal(inheritedSockets(both, {}, pid).size, 0)
  t.end()
})

t.test('a listener may be without a socket', (t) => {
  t.same([...inheritedSockets(both, passed('gateway'), pid).keys()], ['gateway'])
  t.end()
})

const refused = [
  ['that no listener asks for', passed('admin'), /admin: no listener .*\(gateway, feedback\)/],
  ['without a name', { LISTEN_PID: '42', LISTEN_FDS: '1' }, /unknown: no listener asks for it/],
  ['of one name', passed('gateway:gateway'), /gateway: two .* FileDescriptorName=/],
] as const

for (const [what, environment, message] of refused)
  t.test(`sockets ${what} are an error with its cure`, (t) => {
    t.throws(() => inheritedSockets(both, { ...environment }, pid), {
      name: 'ConfigError',
      message,
    })
    t.end()
  })

t.test('two listeners that ask for one socket are an error', (t) => {
  const twins = [listener('gateway'), listener('gateway')]
  t.throws(() => inheritedSockets(twins, passed('gateway'), pid), { message: /2 listeners ask/ })
  t.equal(inheritedSockets(twins, {}, pid).size, 0, 'unless there is none to ask for')
  t.end()
})
