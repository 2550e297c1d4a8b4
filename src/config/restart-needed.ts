/** What stands against taking up another configuration while the proxy runs. */
import { isDeepStrictEqual } from 'node:util'
import type { ConfigProblem } from './config-error.ts'
import type { Configuration } from './configuration.ts'
import type { Route } from './route.ts'

/** What is bound or opened once, when the proxy starts. */
const fixed: readonly (readonly [string, (configuration: Configuration) => unknown])[] = [
  [
    'listeners',
    ({ listeners }) =>
      listeners.map(({ kind, host, port, socket }) => ({ kind, host, port, socket })),
  ],
  ['admin', ({ admin: { host, port } }) => ({ host, port })],
  ['store', ({ store }) => store],
  ['workers', ({ workers }) => workers],
  ['dataDirectory', ({ dataDirectory }) => dataDirectory],
  ['journal.enabled', ({ journal }) => journal.enabled],
  ['journal.maxUnwritten', ({ journal }) => journal.maxUnwritten],
  ['handshakeTimeoutMs', ({ limits }) => limits.handshakeTimeoutMs],
]

/** Every reason why `next` cannot follow `running` without a restart, or should not at all. */
export function reasonsForRestart(next: Configuration, running: Configuration): ConfigProblem[] {
  const problems: ConfigProblem[] = fixed
    .filter(([, read]) => !isDeepStrictEqual(read(next), read(running)))
    .map(([path]) => ({ path, message: 'changes only with a restart' }))
  for (const [index, route] of next.routes.entries()) {
    const before = running.routes.find(({ name }) => name === route.name)
    const message = before && otherApp(route, before)
    if (message !== undefined) problems.push({ path: `routes[${index}].certificate`, message })
  }
  return problems
}

/** The UID is the topic for which devices have registered. — source: Apple, "MDM Protocol", renewing */
function otherApp({ credential: next }: Route, { credential: before }: Route): string | undefined {
  if (next.kind !== 'certificate' || before.kind !== 'certificate') return undefined
  const [topic, known] = [next.certificate.topic, before.certificate.topic]
  if (topic === undefined || known === undefined || topic === known) return undefined
  return (
    `is for ${topic}, the one in use for ${known}: devices have registered for that topic and no ` +
    'other. Renew the old certificate in Apple’s portal instead of creating one, or restart to ' +
    'serve another app'
  )
}
