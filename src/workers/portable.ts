/** A configuration as it gets from the primary to its workers: as plain data, and as one of several. */
import { createPrivateKey } from 'node:crypto'
import type { Configuration } from '../config/configuration.ts'
import type { Route } from '../config/route.ts'
import type { SigningKey } from '../credentials/credential.ts'

/** Everything loaded and checked, so that a file that changes meanwhile makes no difference. */
export type PortableConfiguration = Omit<Configuration, 'routes'> & {
  readonly routes: readonly PortableRoute[]
}

type PortableRoute = Omit<Route, 'credential'> & {
  readonly credential: Exclude<Route['credential'], SigningKey> | PortableSigningKey
}

/** Its key is no object of Node's crypto, which has no copies in other processes. */
type PortableSigningKey = Omit<SigningKey, 'privateKey'> & { readonly privateKeyPem: string }

/** What a channel can carry. */
export function portable(configuration: Configuration): PortableConfiguration {
  const routes = configuration.routes.map((route): PortableRoute => {
    const { credential } = route
    if (credential.kind === 'certificate') return { ...route, credential }
    const { privateKey, ...key } = credential
    const privateKeyPem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
    return { ...route, credential: { ...key, privateKeyPem } }
  })
  return { ...configuration, routes }
}

/** What was carried. */
export function revived(configuration: PortableConfiguration): Configuration {
  const routes = configuration.routes.map((route): Route => {
    const { credential } = route
    if (credential.kind === 'certificate') return { ...route, credential }
    const { privateKeyPem, ...key } = credential
    return { ...route, credential: { ...key, privateKey: createPrivateKey(privateKeyPem) } }
  })
  return { ...configuration, routes }
}

/** The part of one of so many workers in what the whole proxy may hold and open. */
export function shareOf(configuration: Configuration, workers: number): Configuration {
  const { limits, journal } = configuration
  const share = (whole: number): number => Math.ceil(whole / workers)
  return {
    ...configuration,
    journal: {
      ...journal,
      maxEntries: share(journal.maxEntries),
      maxBytes: share(journal.maxBytes),
    },
    limits: {
      ...limits,
      maxConnections: share(limits.maxConnections),
      maxSessions: share(limits.maxSessions),
    },
  }
}
