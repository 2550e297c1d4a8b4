/** Finds the changes of a configuration that the proxy cannot apply while it runs. */
import { isDeepStrictEqual } from 'node:util'
import type { ConfigProblem } from './config-error.ts'
import type { Configuration } from './configuration.ts'
import type { Route } from './route.ts'

/** The values that the proxy binds or opens once, at its start, by their key. */
function fixedValues({ listeners, admin, journal, limits, ...rest }: Configuration): object {
  return {
    listeners: listeners.map(({ kind, host, port, socket }) => ({ kind, host, port, socket })),
    admin: { host: admin.host, port: admin.port },
    store: rest.store,
    workers: rest.workers,
    told: rest.told,
    dataDirectory: rest.dataDirectory,
    'journal.enabled': journal.enabled,
    'journal.maxUnwritten': journal.maxUnwritten,
    handshakeTimeoutMs: limits.handshakeTimeoutMs,
  }
}

/** Every reason against replacing `running` by `next` without a restart. */
export function reasonsForRestart(next: Configuration, running: Configuration): ConfigProblem[] {
  const before = new Map<string, unknown>(Object.entries(fixedValues(running)))
  const problems: ConfigProblem[] = Object.entries(fixedValues(next))
    .filter(([path, value]) => !isDeepStrictEqual(value, before.get(path)))
    .map(([path]) => ({ path, message: 'changes only with a restart' }))
  for (const [index, route] of next.routes.entries()) {
    const before = running.routes.find(({ name }) => name === route.name)
    const message = before && otherApp(route, before)
    if (message !== undefined) problems.push({ path: `routes[${index}].certificate`, message })
  }
  return problems
}

/** Devices have registered for the topic in the UID. — source: Apple, "MDM Protocol", renewing */
function otherApp({ credential: next }: Route, { credential: before }: Route): string | undefined {
  if (next.kind !== 'certificate' || before.kind !== 'certificate') return undefined
  const [topic, known] = [next.certificate.topic, before.certificate.topic]
  if (topic === undefined || known === undefined || topic === known) return undefined
  return (
    `is for ${topic}, but the certificate in use is for ${known}: devices have registered for that ` +
    'topic alone. Renew the old certificate in Apple’s portal instead of creating a new one, or ' +
    'restart to serve another app'
  )
}
