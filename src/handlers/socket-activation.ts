/** Sockets that a supervisor has bound before the proxy was started: systemd's socket activation. */
import { ConfigError, type ConfigProblem } from '../config/config-error.ts'
import type { ListenerConfiguration } from '../config/configuration.ts'

/** The first that is passed on. — source: sd_listen_fds(3), SD_LISTEN_FDS_START */
const firstDescriptor = 3
const variables = ['LISTEN_PID', 'LISTEN_FDS', 'LISTEN_FDNAMES'] as const

/**
 * File descriptors by name, each for the listener whose `socket` has that name. Takes the variables
 * out of `environment`: they are meant for this process alone.
 * @throws {ConfigError} where a socket would be left to which senders connect and nobody answers
 */
export function inheritedSockets(
  listeners: readonly ListenerConfiguration[],
  environment: NodeJS.ProcessEnv,
  pid: number,
): ReadonlyMap<string, number> {
  const [forPid, count, names] = variables.map((name) => environment[name])
  for (const name of variables) Reflect.deleteProperty(environment, name)
  if (Number(forPid) !== pid) return new Map()
  const given = Array.from({ length: Number(count) }, (_, at) => names?.split(':')[at] ?? 'unknown')
  const problems = [...given.flatMap((name, at) => problemOf(name, at, given, listeners))]
  if (problems.length > 0) throw new ConfigError('What systemd passes on', problems)
  return new Map(given.map((name, at) => [name, firstDescriptor + at]))
}

function problemOf(
  name: string,
  at: number,
  given: readonly string[],
  listeners: readonly ListenerConfiguration[],
): ConfigProblem[] {
  const path = `socket ${name}`
  const takers = listeners.filter(({ socket }) => socket === name).length
  if (given.indexOf(name) < at)
    return [
      { path, message: 'two have this name; give each a unit with its own FileDescriptorName=' },
    ]
  if (takers > 1)
    return [{ path, message: `${takers} listeners ask for it; give each a socket of its own` }]
  if (takers === 1) return []
  const asked = listeners.map(({ socket }) => socket).join(', ')
  const message =
    'no listener asks for it; set FileDescriptorName= in its unit to the socket of a listener ' +
    `(${asked}), or disable the unit`
  return [{ path, message }]
}
