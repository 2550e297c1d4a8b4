/** A configuration file, read, checked, and with everything loaded that it names. */
import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import type { SecureVersion } from 'node:tls'
import { LineCounter, parseDocument } from 'yaml'
import type { z } from 'zod'
import { loadCertificateCredential } from '../credentials/credential.ts'
import { CredentialError } from '../credentials/credential-error.ts'
import type { Environment } from '../credentials/certificate.ts'
import { ConfigError, type ConfigProblem } from './config-error.ts'
import { loadRoute, type Route } from './route.ts'
import { configurationSchema, type ConfigurationFile } from './schema.ts'

/** One port to listen on. */
export interface ListenerConfiguration {
  readonly kind: 'gateway' | 'feedback'
  readonly host: string
  readonly port: number
  readonly environment: Environment | undefined
  readonly minVersion: SecureVersion
}

/** What the proxy runs on. */
export interface Configuration {
  readonly listeners: readonly ListenerConfiguration[]
  readonly admin: { readonly host: string; readonly port: number }
  readonly tls: { readonly certificatePem: string; readonly keyPem: string }
  readonly providerApi: {
    readonly origins: Readonly<Record<Environment, string>>
    /** PEM, beside the roots that Node trusts. */
    readonly certificateAuthority: string | undefined
  }
  readonly dataDirectory: string
  readonly journal: ConfigurationFile['journal']
  readonly limits: Pick<
    ConfigurationFile,
    'maxConnections' | 'maxSessions' | 'handshakeTimeoutMs' | 'requestTimeoutMs' | 'drainSeconds'
  >
  readonly routes: readonly Route[]
}

/**
 * Loads a YAML or JSON file.
 * @throws {ConfigError} with every problem found, none of them with a secret in it
 */
export function loadConfiguration(path: string): Configuration {
  const problems: ConfigProblem[] = []
  const file = readFile(path, problems)
  const configuration = file && build(file, problems)
  if (configuration === undefined || problems.length > 0) throw new ConfigError(path, problems)
  return configuration
}

function readFile(path: string, problems: ConfigProblem[]): ConfigurationFile | undefined {
  const value = parseText(path, problems)
  if (value === undefined) return undefined
  return parseStrictly(configurationSchema(dirname(resolve(path))), value, path, problems)
}

function parseText(path: string, problems: ConfigProblem[]): unknown {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    problems.push({ path, message: `cannot be read (${why}); name the file with --config` })
    return undefined
  }
  const lineCounter = new LineCounter()
  const document = parseDocument(text, { lineCounter, prettyErrors: false })
  for (const { message, pos } of document.errors) {
    const { line, col } = lineCounter.linePos(pos[0])
    problems.push({ path: `line ${line}, column ${col}`, message: `is not YAML: ${message}` })
  }
  if (document.errors.length > 0) return undefined
  return (document.toJS() as unknown) ?? {}
}

/** Reports unknown keys and goes on without them, so that they do not hide what else is wrong. */
function parseStrictly<Schema extends z.ZodType>(
  schema: Schema,
  value: unknown,
  file: string,
  problems: ConfigProblem[],
): z.output<Schema> | undefined {
  const result = schema.safeParse(value, { error: inWords })
  if (result.success) return result.data
  const known = structuredClone(value)
  for (const issue of result.error.issues) {
    if (issue.code === 'unrecognized_keys') {
      const holder = issue.path.reduce<unknown>(
        (inner, key) => (inner as Record<PropertyKey, unknown>)[key],
        known,
      ) as Record<string, unknown>
      for (const key of issue.keys) {
        problems.push({ path: pathOf([...issue.path, key], file), message: 'is not a known key' })
        Reflect.deleteProperty(holder, key)
      }
    } else problems.push({ path: pathOf(issue.path, file), message: issue.message })
  }
  const rest = schema.safeParse(known)
  return rest.success ? rest.data : undefined
}

const kinds: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list, each entry beginning with "- "',
  object: 'a block of keys and values',
}

/** What an administrator has to write instead; undefined leaves zod its own words. */
function inWords(issue: {
  code?: string
  input?: unknown
  expected?: unknown
}): string | undefined {
  if (issue.code !== 'invalid_type') return undefined
  const kind = kinds[String(issue.expected)] ?? String(issue.expected)
  return issue.input === undefined ? `is missing: ${kind}` : `must be ${kind}`
}

function pathOf(keys: readonly PropertyKey[], file: string): string {
  if (keys.length === 0) return file
  return keys
    .map((key) => (typeof key === 'number' ? `[${key}]` : `.${String(key)}`))
    .join('')
    .replace(/^\./, '')
}

function build(file: ConfigurationFile, problems: ConfigProblem[]): Configuration | undefined {
  const tls = attempt('tls.certificate', problems, () => loadCertificateCredential(file.tls))
  const routes = file.routes.map((entry, index) =>
    loadRoute(entry, file, (at, run) => attempt(`routes[${index}].${at}`, problems, run)),
  )
  const complete = routes.filter((route) => route !== undefined)
  findConflicts(complete, file, problems)
  if (tls === undefined || complete.length < routes.length) return undefined
  return {
    listeners: file.listeners.map((listener) => ({
      ...listener,
      environment: listener.environment,
      minVersion: listener.minVersion ?? file.tls.minVersion,
    })),
    admin: file.admin,
    tls,
    providerApi: {
      origins: { production: file.providerApi.production, sandbox: file.providerApi.sandbox },
      certificateAuthority:
        file.providerApi.certificateAuthority &&
        readFileSync(file.providerApi.certificateAuthority, 'utf8'),
    },
    dataDirectory: file.dataDirectory,
    journal: file.journal,
    limits: file,
    routes: complete,
  }
}

function attempt<T>(path: string, problems: ConfigProblem[], run: () => T): T | undefined {
  try {
    return run()
  } catch (error) {
    if (!(error instanceof CredentialError) && !(error instanceof RangeError)) throw error
    problems.push({ path, message: error.message })
    return undefined
  }
}

/** A sender must lead to one route: by its key, or by its key and the listener's environment. */
function findConflicts(
  routes: readonly Route[],
  file: ConfigurationFile,
  problems: ConfigProblem[],
): void {
  const pinned = file.listeners.every(({ environment }) => environment !== undefined)
  for (const [index, route] of routes.entries()) {
    for (const earlier of routes.slice(0, index)) {
      if (earlier.name === route.name)
        problems.push({ path: `routes[${index}].name`, message: `${route.name} is taken already` })
      if (!route.senderKeys.some((key) => earlier.senderKeys.includes(key))) continue
      if (route.environment !== earlier.environment && pinned) continue
      problems.push({
        path: `routes[${index}].senderCertificates`,
        message: `the same sender belongs to route ${earlier.name}; keep it in one, or give each route its own environment and each listener one of them`,
      })
    }
  }
}
