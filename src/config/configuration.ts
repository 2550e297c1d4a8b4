/** A configuration file, read, checked, and with everything loaded that it names. */
import { dirname, resolve } from 'node:path'
import type { SecureVersion } from 'node:tls'
import { z } from 'zod'
import type { CertificateCredential } from '../credentials/credential.ts'
import { CredentialError } from '../credentials/credential-error.ts'
import type { Environment } from '../credentials/certificate.ts'
import { loadAdminToken } from './admin-token.ts'
import { ConfigError, type ConfigProblem } from './config-error.ts'
import { readYamlFile } from './yaml-file.ts'
import { loadCertificate, loadRoute, type PolicyDefaults, type Route } from './route.ts'
import { configurationSchema, type ConfigurationFile, type RouteEntry } from './schema.ts'
import { keysAt, unknownKey } from './unknown-key.ts'
import { certificatesIn, loadStore, type StoreConfiguration, type StoreEntry } from './store.ts'
import { messageFor } from './message.ts'
import { workerCount, workerProblems } from './workers.ts'

/** One port to listen on. */
export interface ListenerConfiguration {
  readonly kind: 'gateway' | 'feedback'
  readonly host: string
  readonly port: number
  readonly environment: Environment | undefined
  readonly minVersion: SecureVersion
  /** Addresses and networks of the load balancers that speak the PROXY protocol. */
  readonly balancers: readonly string[] | undefined
  /** Name of the inherited socket that takes the place of host and port. */
  readonly socket: string
}

/** What the proxy runs on. */
export interface Configuration {
  readonly listeners: readonly ListenerConfiguration[]
  readonly admin: {
    readonly host: string
    readonly port: number
    /** Who has it may look; a secret. */
    readonly token: string | undefined
  }
  readonly tls: CertificateCredential
  readonly providerApi: {
    readonly origins: Readonly<Record<Environment, string>>
    /** PEM, beside the roots that Node trusts. */
    readonly certificateAuthority: string | undefined
    /** `http://[user:password@]host:port` of an HTTP proxy; a secret. */
    readonly proxy: string | undefined
  }
  /** Processes that share the work; 1 = this one alone. */
  readonly workers: number
  readonly dataDirectory: string
  readonly store: StoreConfiguration
  readonly journal: ConfigurationFile['journal']
  readonly log: ConfigurationFile['log']
  readonly limits: Pick<
    ConfigurationFile,
    'maxConnections' | 'maxSessions' | 'handshakeTimeoutMs' | 'requestTimeoutMs' | 'drainSeconds'
  >
  readonly routes: readonly Route[]
  /** Keys of earlier versions that are given and have no effect any more. */
  readonly ignored: readonly string[]
}

/** A configuration file as far as it can be understood, for who wants to say more about it. */
export interface Examination {
  readonly problems: readonly ConfigProblem[]
  /** Undefined where there are problems. */
  readonly configuration: Configuration | undefined
  /** What it says, defaults filled in and paths absolute, without what has mistakes. */
  readonly parts: Parts | undefined
  /** What could be loaded of the files that it names. */
  readonly loaded: Loaded
}

/**
 * Loads a YAML or JSON file.
 * @throws {ConfigError} with every problem found, none of them with a secret in it
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

/** Loads a YAML or JSON file, whatever is wrong with it. */
export function examineConfiguration(path: string): Examination {
  const problems: ConfigProblem[] = []
  const value = readYamlFile(path, problems)
  return problems.length > 0
    ? { problems, configuration: undefined, parts: undefined, loaded: none }
    : examineValue(path, value)
}

/** Loads what stands in a file, which `path` names in messages; paths in it are relative to its folder. */
export function examineValue(path: string, value: unknown): Examination {
  const problems: ConfigProblem[] = []
  const schema = configurationSchema(dirname(resolve(path)))
  const known = structuredClone(value)
  noteProblems(schema, known, path, problems)
  const file = schema.safeParse(known).data
  const parts = file === undefined ? soundParts(schema, known) : { ...file, store: file }
  const loaded = load(parts, problems)
  const sound = problems.length === 0 && file !== undefined
  return { problems, configuration: sound ? built(file, loaded) : undefined, parts, loaded }
}

const none: Loaded = {
  tls: undefined,
  certificateAuthority: undefined,
  adminToken: undefined,
  store: undefined,
  routes: [],
}

type Schema = ReturnType<typeof configurationSchema>

function built(
  file: ConfigurationFile,
  { tls, certificateAuthority, adminToken, store, routes }: Loaded,
): Configuration | undefined {
  if (tls === undefined || store === undefined) return undefined
  return {
    listeners: file.listeners.map((listener) => ({
      ...listener,
      environment: listener.environment,
      minVersion: listener.minVersion ?? file.tls.minVersion,
      balancers: listener.proxyProtocol?.from,
    })),
    admin: { host: file.admin.host, port: file.admin.port, token: adminToken },
    tls,
    providerApi: {
      origins: { production: file.providerApi.production, sandbox: file.providerApi.sandbox },
      certificateAuthority,
      proxy: file.providerApi.proxy,
    },
    workers: workerCount(file.workers),
    dataDirectory: file.dataDirectory,
    store,
    journal: file.journal,
    log: file.log,
    limits: file,
    routes: routes.filter((route) => route !== undefined),
    ignored: [
      ...(file.window === undefined ? [] : ['window']),
      ...file.routes.flatMap(({ window }, index) =>
        window === undefined ? [] : [`routes[${index}].window`],
      ),
    ],
  }
}

/** Takes unknown keys out of `known`, so that they do not hide what else is wrong. */
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

/** What can be loaded apart from the rest; undefined where it has mistakes. */
export interface Parts extends PolicyDefaults {
  readonly dataDirectory: string | undefined
  readonly workers: ConfigurationFile['workers'] | undefined
  readonly store: StoreEntry | undefined
  readonly listeners: ConfigurationFile['listeners']
  readonly admin: ConfigurationFile['admin'] | undefined
  readonly tls: ConfigurationFile['tls'] | undefined
  readonly providerApi: ConfigurationFile['providerApi'] | undefined
  readonly routes: readonly (RouteEntry | undefined)[]
}

/** Of a file with mistakes, the parts without. */
function soundParts({ shape }: Schema, known: unknown): Parts {
  const { unregistered, retryForSeconds, errorDeadlineMs, resendWindowSeconds } = shape
  const policy = { unregistered, retryForSeconds, errorDeadlineMs, resendWindowSeconds }
  const { store, storePasswordFile, storeCertificateAuthority } = shape
  const given = z.record(z.string(), z.unknown()).safeParse(known).data ?? {}
  const entries = z.array(z.unknown()).safeParse(given['routes']).data ?? []
  return {
    ...z.object(policy).parse({}),
    dataDirectory: shape.dataDirectory.safeParse(given['dataDirectory']).data,
    workers: shape.workers.safeParse(given['workers']).data,
    store: z.object({ store, storePasswordFile, storeCertificateAuthority }).safeParse(given).data,
    listeners: shape.listeners.safeParse(given['listeners']).data ?? [],
    admin: shape.admin.safeParse(given['admin']).data,
    tls: shape.tls.safeParse(given['tls']).data,
    providerApi: shape.providerApi.safeParse(given['providerApi']).data,
    routes: entries.map((entry) => shape.routes.element.safeParse(entry).data),
  }
}

/** What the files hold that a configuration names. */
export interface Loaded {
  readonly tls: CertificateCredential | undefined
  readonly certificateAuthority: string | undefined
  readonly adminToken: string | undefined
  readonly store: StoreConfiguration | undefined
  readonly routes: readonly (Route | undefined)[]
}

function load(parts: Parts, problems: ConfigProblem[]): Loaded {
  const { admin, tls, providerApi, store } = parts
  const tokenFile = admin?.tokenFile
  const authority = providerApi?.certificateAuthority
  const routes = parts.routes.map(
    (entry, index) =>
      entry &&
      loadRoute(entry, parts, (at, run, keyFile) =>
        attempt(`routes[${index}].${at}`, problems, run, keyFile),
      ),
  )
  findConflicts(routes, parts.listeners, problems)
  problems.push(...workerProblems(parts))
  return {
    tls: tls && attempt('tls.certificate', problems, () => loadCertificate(tls), tls.key),
    certificateAuthority:
      authority &&
      attempt('providerApi.certificateAuthority', problems, () => certificatesIn(authority)),
    adminToken: tokenFile && attempt('admin.tokenFile', problems, () => loadAdminToken(tokenFile)),
    store: store && loadStore(store, (at, run) => attempt(at, problems, run)),
    routes,
  }
}

function attempt<T>(
  path: string,
  problems: ConfigProblem[],
  run: () => T,
  keyFile?: string,
): T | undefined {
  try {
    return run()
  } catch (error) {
    if (!(error instanceof CredentialError) && !(error instanceof RangeError)) throw error
    const ofKey = error instanceof CredentialError && error.file === keyFile
    const at = ofKey ? path.replace(/certificate$/, 'key') : path
    problems.push({ path: at, message: error.message })
    return undefined
  }
}

/** A sender must lead to one route: by its key, or by its key and the listener's environment. */
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
        const message = `${route.name} is taken already; give each route a name of its own`
        problems.push({ path: `routes[${index}].name`, message })
      }
      if (!route.senderKeys.some((key) => earlier.senderKeys.includes(key))) continue
      if (route.environment !== earlier.environment && pinned) continue
      problems.push({
        path: `routes[${index}].senderCertificates`,
        message: `the same sender belongs to route ${earlier.name}; keep it in one, or give each route its own environment and each listener one of them`,
      })
    }
  }
}
