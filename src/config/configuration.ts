/** Reads and checks a configuration file, and loads the files that it refers to. */
import { dirname, resolve } from 'node:path'
import type { SecureVersion } from 'node:tls'
import {
  certificatesIn,
  loadCertificateCredential,
  type CertificateCredential,
} from '../credentials/credential.ts'
import { CredentialError } from '../credentials/credential-error.ts'
import type { AlarmSettings } from '../alarms/alarm-settings.ts'
import type { Environment } from '../credentials/certificate.ts'
import { loadAlarms } from './alarms.ts'
import { ConfigError, type ConfigProblem } from './config-error.ts'
import { loadSharedSecret } from './shared-secret.ts'
import { readYamlFile } from './yaml-file.ts'
import { loadRoute, type Attempt, type Route } from './route.ts'
import {
  configurationSchema,
  partsSchema,
  type ConfigurationFile,
  type Parts,
  type Schema,
} from './schema.ts'
import { keysAt, messageFor, unknownKey } from './issue.ts'
import { loadStore, type StoreConfiguration } from './store.ts'
import { upstreamProxy, type UpstreamProxy } from './upstream-proxy.ts'
import { workerCount, workerProblems } from './workers.ts'

type ListenerEntry = ConfigurationFile['listeners'][number]

export interface ListenerConfiguration extends Omit<
  ListenerEntry,
  'environment' | 'minVersion' | 'proxyProtocol'
> {
  readonly environment: Environment | undefined
  readonly minVersion: SecureVersion
  /** Addresses and networks of the load balancers that speak the PROXY protocol. */
  readonly balancers: readonly string[] | undefined
}

/** The proxy on the way to each environment. */
export type UpstreamProxies = Readonly<Record<Environment, UpstreamProxy | undefined>>

export const noProxies: UpstreamProxies = { production: undefined, sandbox: undefined }

/** All that the proxy needs to run. */
export interface Configuration extends Pick<
  ConfigurationFile,
  'dataDirectory' | 'journal' | 'told' | 'log'
> {
  readonly listeners: readonly ListenerConfiguration[]
  readonly admin: {
    readonly host: string
    readonly port: number
    /** A secret. Undefined: the admin port needs no token. */
    readonly token: string | undefined
  }
  readonly tls: CertificateCredential
  readonly providerApi: {
    readonly origins: Readonly<Record<Environment, string>>
    /** PEM, trusted in addition to Node's roots. */
    readonly certificateAuthority: string | undefined
    readonly proxies: UpstreamProxies
  }
  /** Number of processes that share the work; 1 = this process alone. */
  readonly workers: number
  readonly store: StoreConfiguration
  readonly limits: Pick<
    ConfigurationFile,
    'maxConnections' | 'maxSessions' | 'handshakeTimeoutMs' | 'requestTimeoutMs' | 'drainSeconds'
  >
  readonly alarms: AlarmSettings | undefined
  readonly routes: readonly Route[]
  /** Keys in the file that had an effect in earlier versions only. */
  readonly ignored: readonly string[]
  /** A simulator answers in place of APNs. */
  readonly isRehearsal?: true
}

/** The result of reading a configuration file that may have mistakes. */
export interface Examination {
  readonly problems: readonly ConfigProblem[]
  /** Undefined if there are problems. */
  readonly configuration: Configuration | undefined
  /** Its values, with defaults and absolute paths. Undefined if the file could not be read. */
  readonly parts: Parts | undefined
  readonly loaded: Loaded
}

/**
 * Loads a YAML or JSON file.
 * @throws {ConfigError} with every problem. The messages contain no secrets.
 */
export function loadConfiguration(path: string): Configuration {
  return soundConfiguration(path, examineConfiguration(path))
}

/** @throws {ConfigError} with every problem of the examination */
export function soundConfiguration(
  path: string,
  { configuration, problems }: Examination,
): Configuration {
  if (configuration === undefined) throw new ConfigError(path, problems)
  return configuration
}

/** Loads as much as possible of a YAML or JSON file, and notes its problems. */
export function examineConfiguration(path: string): Examination {
  const problems: ConfigProblem[] = []
  const value = readYamlFile(path, problems)
  return problems.length > 0
    ? { problems, configuration: undefined, parts: undefined, loaded: { routes: [] } }
    : examineValue(path, value)
}

/** Examines the content of a file, which messages call `path`. Paths in it start at its folder. */
export function examineValue(path: string, value: unknown): Examination {
  const problems: ConfigProblem[] = []
  const schema = configurationSchema(dirname(resolve(path)))
  const known = structuredClone(value)
  noteProblems(schema, known, path, problems)
  const parts = partsSchema(schema).safeParse(known).data ?? partsSchema(schema).parse({})
  const loaded = load(parts, problems)
  const file = problems.length === 0 ? schema.parse(known) : undefined
  return { problems, configuration: file && built(file, loaded), parts, loaded }
}

function built(
  file: ConfigurationFile,
  { tls, certificateAuthority, proxies = noProxies, adminToken, store, alarms, routes }: Loaded,
): Configuration | undefined {
  if (tls === undefined || store === undefined) return undefined
  return {
    listeners: file.listeners.map((listener) => ({
      ...listener,
      environment: listener.environment,
      minVersion: listener.minVersion ?? file.tls.minVersion,
      balancers: listener.proxyProtocol?.from,
    })),
    admin: { ...file.admin, token: adminToken },
    tls,
    providerApi: {
      origins: { production: file.providerApi.production, sandbox: file.providerApi.sandbox },
      certificateAuthority,
      proxies,
    },
    workers: workerCount(file.workers),
    dataDirectory: file.dataDirectory,
    store,
    journal: file.journal,
    told: file.told,
    log: file.log,
    limits: file,
    alarms,
    routes: routes.filter((route) => route !== undefined),
    ignored: [
      ...(file.window === undefined ? [] : ['window']),
      ...file.routes.flatMap(({ window }, index) =>
        window === undefined ? [] : [`routes[${index}].window`],
      ),
    ],
  }
}

/** Removes unknown keys from `known`: they would hide other problems from the next parse. */
function noteProblems(
  schema: Schema,
  known: unknown,
  file: string,
  problems: ConfigProblem[],
): void {
  for (const issue of schema.safeParse(known, { error: messageFor }).error?.issues ?? []) {
    if (issue.code !== 'unrecognized_keys') {
      problems.push({ path: pathOf(issue.path, file), message: issue.message })
      continue
    }
    const holder = issue.path.reduce(valueAt, known)
    for (const key of issue.keys) {
      const path = pathOf([...issue.path, key], file)
      problems.push({ path, message: unknownKey(key, keysAt(schema, issue.path)) })
      if (isObject(holder)) Reflect.deleteProperty(holder, key)
    }
  }
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}

function valueAt(holder: unknown, key: PropertyKey): unknown {
  return isObject(holder) ? Reflect.get(holder, key) : undefined
}

function pathOf(keys: readonly PropertyKey[], file: string): string {
  if (keys.length === 0) return file
  return keys
    .map((key) => (typeof key === 'number' ? `[${key}]` : `.${String(key)}`))
    .join('')
    .replace(/^\./, '')
}

/** The content of the files that a configuration refers to. What could not be loaded is undefined. */
export interface Loaded {
  readonly tls?: CertificateCredential | undefined
  readonly certificateAuthority?: string | undefined
  readonly proxies?: UpstreamProxies | undefined
  readonly adminToken?: string | undefined
  readonly store?: StoreConfiguration | undefined
  readonly alarms?: AlarmSettings | undefined
  readonly routes: readonly (Route | undefined)[]
}

function load(parts: Parts, problems: ConfigProblem[]): Loaded {
  const { admin, tls, providerApi } = parts
  const tokenFile = admin?.tokenFile
  const authority = providerApi?.certificateAuthority
  const attempt = attemptIn('', problems)
  const routes = parts.routes.map(
    (entry, index) => entry && loadRoute(entry, parts, attemptIn(`routes[${index}].`, problems)),
  )
  findConflicts(routes, parts.listeners, problems)
  problems.push(...workerProblems(parts))
  return {
    tls: tls && attempt('tls.certificate', () => loadCertificateCredential(tls), tls.key),
    certificateAuthority:
      authority && attempt('providerApi.certificateAuthority', () => certificatesIn(authority)),
    proxies: providerApi && attempt('providerApi.proxy', () => proxiesOf(providerApi)),
    adminToken: tokenFile && attempt('admin.tokenFile', () => loadSharedSecret(tokenFile)),
    store: loadStore(parts, attempt),
    alarms: parts.alarms && loadAlarms(parts.alarms, attempt),
    routes,
  }
}

function proxiesOf({
  production,
  sandbox,
  proxy,
}: ConfigurationFile['providerApi']): UpstreamProxies {
  const to = (origin: string): UpstreamProxy | undefined =>
    upstreamProxy(origin, proxy, process.env)
  return { production: to(production), sandbox: to(sandbox) }
}

/** @param place comes before the keys in `problems` */
function attemptIn(place: string, problems: ConfigProblem[]): Attempt {
  return (at, run, keyFile) => {
    try {
      return run()
    } catch (error) {
      if (!(error instanceof CredentialError) && !(error instanceof RangeError)) throw error
      const isInKey = error instanceof CredentialError && error.file === keyFile
      const key = isInKey ? at.replace(/certificate$/, 'key') : at
      problems.push({ path: place + key, message: error.message })
      return undefined
    }
  }
}

/** The key of a sender must determine one route, if necessary with the environment of the listener. */
function findConflicts(
  routes: readonly (Route | undefined)[],
  listeners: Parts['listeners'],
  problems: ConfigProblem[],
): void {
  const pinned = listeners.every(({ environment }) => environment !== undefined)
  for (const [index, route] of routes.entries()) {
    if (route === undefined) continue
    for (const earlier of routes.slice(0, index)) {
      if (earlier === undefined) continue
      if (earlier.name === route.name) {
        const message = `another route is called ${route.name} too; give each route its own name`
        problems.push({ path: `routes[${index}].name`, message })
      }
      if (!route.senderKeys.some((key) => earlier.senderKeys.includes(key))) continue
      if (route.environment !== earlier.environment && pinned) continue
      problems.push({
        path: `routes[${index}].senderCertificates`,
        message: `route ${earlier.name} has the same sender; keep it in one route, or set a different environment for each route and an environment for each listener`,
      })
    }
  }
}
