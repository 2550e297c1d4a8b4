/** Sockets that a supervisor bound before it started the proxy: systemd's socket activation. */
import { ConfigError, type ConfigProblem } from '../config/config-error.ts'
import type { ListenerConfiguration } from '../config/configuration.ts'

/** — source: sd_listen_fds(3), SD_LISTEN_FDS_START */
const firstDescriptor = 3
const variables = ['LISTEN_PID', 'LISTEN_FDS', 'LISTEN_FDNAMES'] as const

/**
 * File descriptors by name, each for the listener whose `socket` has that name. Deletes the variables
 * from `environment`, because they are meant for this process only.
 * @throws {ConfigError} for a socket without a listener: senders could connect and nobody would answer
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
  const problems = given.flatMap((name, at): ConfigProblem[] => {
    const message = problemOf(name, given.indexOf(name) < at, listeners)
    return message === undefined ? [] : [{ path: `socket ${name}`, message }]
  })
  if (problems.length > 0) throw new ConfigError('The sockets that systemd passed', problems)
  return new Map(given.map((name, at) => [name, firstDescriptor + at]))
}

function problemOf(
  name: string,
  isRepeated: boolean,
  listeners: readonly ListenerConfiguration[],
): string | undefined {
  if (isRepeated) return 'two have this name; give each unit its own FileDescriptorName='
  const takers = listeners.filter(({ socket }) => socket === name).length
  if (takers === 1) return undefined
  if (takers > 1) return `${takers} listeners ask for it; give each its own socket`
  const asked = listeners.map(({ socket }) => socket).join(', ')
  return (
    'no listener asks for it; set FileDescriptorName= in its unit to the socket of a listener ' +
    `(${asked}), or disable the unit`
  )
}
