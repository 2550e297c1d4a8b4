/** The schema of a configuration file: names, types, defaults and limits. */
import { accessSync, constants, statSync } from 'node:fs'
import { resolve } from 'node:path'
import { z } from 'zod'
import { pushTypes } from '../apns/push-type.ts'
import { parseRedisUrl } from '../store/redis-address.ts'
import { isLoopback, network } from './ip-network.ts'
import { isProxyAddress, mustBeProxy, noProxy } from './upstream-proxy.ts'

const mustBeStore = 'must be lmdb, or the URL of Redis, for example redis://host:6379'
export const highestPort = 65_535
const port = z.number().int().min(0).max(highestPort)
const environment = z.enum(['production', 'sandbox'])
const workers = z.union([z.literal('auto'), z.number().int().min(1).max(64)], {
  error: 'must be a whole number from 1 to 64, or auto (one for each core)',
})
const minVersion = z.enum(['TLSv1', 'TLSv1.1', 'TLSv1.2'])
const origin = z
  .url({ protocol: /^https$/, error: 'must be an https:// address' })
  .refine((value) => URL.canParse(value) && new URL(value).pathname === '/', {
    error: 'must be only scheme, host and port, for example https://api.push.apple.com',
  })
const webhook = z.url({
  protocol: /^https?$/,
  error: 'must be an https:// or http:// address, as the receiver of the alarms shows it',
})
const proxy = z
  .string()
  .refine((value) => value === noProxy || isProxyAddress(value), { error: mustBeProxy })
const store = z.string().superRefine(
  report((value) => {
    if (value === 'lmdb') return undefined
    const address = /^rediss?[:+]/.test(value) ? parseRedisUrl(value) : mustBeStore
    return typeof address === 'string' ? address : undefined
  }),
)
const appleId = z.string().regex(/^[A-Z0-9]{10}$/, {
  error: 'must be 10 characters of A–Z and 0–9, as in the Apple developer account',
})

const neededWithSigningKey = {
  keyId: 'copy it from the name of the file, AuthKey_<keyId>.p8',
  teamId: 'copy it from the membership page of the Apple developer account',
  topic: 'a key names no topic; write the bundle ID of the app',
  senderCertificates: 'a key does not identify the sender; name the certificate of the sender',
} as const

const neededBeyondLoopback =
  'is needed if host is not loopback, because other machines can reach the port: name a file with ' +
  'a secret in its first line (openssl rand -hex 32 makes one), or set host to 127.0.0.1'

const neededForAlarms = 'give webhook or command: otherwise nobody is told'

/** Runs a check of a group of keys even if some values have mistakes. Those can be of any type. */
const evenAfterMistakes = {
  when: ({ value }: { value: unknown }): boolean => typeof value === 'object' && value !== null,
}

/** APNs stores a notification for 30 days at most. — source: Apple, "Sending notification requests to APNs" */
const mostExpirationSeconds = 30 * 86_400

/** Keys for all routes at the top level, or for one route in its entry. */
const policy = {
  unregistered: z.enum(['feedback', 'error']),
  retryForSeconds: z.number().min(1),
  errorDeadlineMs: z.number().int().min(0).max(60_000),
  /** Of earlier versions; has no effect any more. */
  window: z.number().int().min(1).max(100_000),
  resendWindowSeconds: z.number().min(0).max(3600),
  holdUntilProven: z.boolean(),
  expiration: z.strictObject({
    default: z.number().int().min(0).max(mostExpirationSeconds).optional(),
    minimum: z.number().int().min(0).max(mostExpirationSeconds).optional(),
  }),
}

const listener = {
  host: z.string().min(1).default('0.0.0.0'),
  environment: environment.optional(),
  minVersion: minVersion.optional(),
  proxyProtocol: z.strictObject({ from: z.array(network).min(1) }).optional(),
}
const gateway = z.strictObject({
  kind: z.literal('gateway'),
  port: port.default(2195),
  socket: z.string().min(1).default('gateway'),
  ...listener,
})
const feedback = z.strictObject({
  kind: z.literal('feedback'),
  port: port.default(2196),
  socket: z.string().min(1).default('feedback'),
  ...listener,
})

/** @param directory the folder of the file, where relative paths start */
// eslint-disable-next-line @typescript-eslint/explicit-module-boundary-types -- the schema is the type
export function configurationSchema(directory: string) {
  const at = (path: string): string => resolve(directory, path)
  const text = z.string().min(1)
  const file = text.transform(at).superRefine(report(unreadable))
  const program = text
    .transform((name) => (/[/\\]/.test(name) ? at(name) : name))
    .superRefine(report((name) => (/[/\\]/.test(name) ? unreadable(name) : undefined)))
  const sender = text
    .transform((entry) => (isPublicKey(entry) ? entry : at(entry)))
    .superRefine(report((entry) => (isPublicKey(entry) ? malformed : unreadable)(entry)))

  const route = z
    .strictObject({
      name: z.string().min(1),
      environment: environment.default('production'),
      certificate: file.optional(),
      key: file.optional(),
      passphraseFile: file.optional(),
      signingKey: file.optional(),
      keyId: appleId.optional(),
      teamId: appleId.optional(),
      topic: z.string().min(1).optional(),
      senderCertificates: z.array(sender).min(1).optional(),
      pushType: z.enum(pushTypes).optional(),
      priority: z.literal([5, 10]).optional(),
      ...z.object(policy).partial().shape,
    })
    .superRefine((value, context) => {
      const problem = (at: string, message: string): void =>
        context.addIssue({ code: 'custom', path: [at], message })
      if (value.certificate === undefined && value.signingKey === undefined)
        problem(
          'certificate',
          'give certificate (.p12 or .pem) or signingKey (.p8): the route needs a credential',
        )
      if (value.certificate !== undefined && value.signingKey !== undefined)
        problem('signingKey', 'give certificate or signingKey, not both')
      if (value.signingKey === undefined) return
      for (const needed of ['keyId', 'teamId', 'topic', 'senderCertificates'] as const)
        if (value[needed] === undefined)
          problem(needed, `is needed with signingKey: ${neededWithSigningKey[needed]}`)
      if (typeof value.topic === 'string' && value.topic.startsWith('com.apple.mgmt.'))
        problem('signingKey', 'MDM topics need a push certificate; give certificate instead')
    }, evenAfterMistakes)

  return z.strictObject({
    listeners: z.array(z.discriminatedUnion('kind', [gateway, feedback])).min(1),
    admin: z
      .strictObject({
        host: z.string().min(1).default('127.0.0.1'),
        port: port.default(9195),
        tokenFile: file.optional(),
      })
      .superRefine(({ host, tokenFile }, context) => {
        if (tokenFile !== undefined || typeof host !== 'string' || isLoopback(host)) return
        context.addIssue({ code: 'custom', path: ['tokenFile'], message: neededBeyondLoopback })
      }, evenAfterMistakes)
      .prefault({}),
    tls: z.strictObject({
      certificate: file,
      key: file,
      passphraseFile: file.optional(),
      minVersion: minVersion.default('TLSv1.2'),
    }),
    log: z
      .strictObject({ level: z.enum(['error', 'warn', 'info', 'debug']).default('info') })
      .prefault({}),
    workers: workers.default(1),
    store: store.default('lmdb'),
    storePasswordFile: file.optional(),
    storeCertificateAuthority: file.optional(),
    journal: z
      .strictObject({
        enabled: z.boolean().default(true),
        maxEntries: z.number().int().min(1).default(100_000),
        maxBytes: z.number().int().min(65_536).default(268_435_456),
        maxUnwritten: z.number().int().min(1).default(10_000),
      })
      .prefault({}),
    told: z
      .strictObject({
        keepDays: z.number().min(0).max(3650).default(30),
        maxEntries: z.number().int().min(1).default(200_000),
      })
      .prefault({}),
    dataDirectory: z.string().min(1).default('data').transform(at),
    providerApi: z
      .strictObject({
        production: origin.default('https://api.push.apple.com'),
        sandbox: origin.default('https://api.sandbox.push.apple.com'),
        certificateAuthority: file.optional(),
        proxy: proxy.optional(),
      })
      .prefault({}),
    unregistered: policy.unregistered.default('feedback'),
    retryForSeconds: policy.retryForSeconds.default(86_400),
    errorDeadlineMs: policy.errorDeadlineMs.default(500),
    window: policy.window.optional(),
    resendWindowSeconds: policy.resendWindowSeconds.optional(),
    holdUntilProven: policy.holdUntilProven.default(true),
    expiration: policy.expiration.optional(),
    maxConnections: z.number().int().min(1).default(1000),
    maxSessions: z.number().int().min(1).max(100).default(8),
    handshakeTimeoutMs: z.number().int().min(100).default(10_000),
    requestTimeoutMs: z.number().int().min(100).default(10_000),
    drainSeconds: z.number().min(0).default(20),
    alarms: z
      .strictObject({
        webhook: webhook.optional(),
        webhookSecretFile: file.optional(),
        command: z.tuple([program], text).optional(),
        minSeverity: z.enum(['warning', 'alarm']).default('warning'),
        name: text.optional(),
      })
      .superRefine((value, context) => {
        if (value.webhook === undefined && value.command === undefined)
          context.addIssue({ code: 'custom', path: ['webhook'], message: neededForAlarms })
      }, evenAfterMistakes)
      .optional(),
    routes: z.array(route).min(1),
  })
}

/** @param problemOf returns a message, or undefined for a good value */
function report(
  problemOf: (value: string) => string | undefined,
): (value: string, context: z.RefinementCtx) => void {
  return (value, context) => {
    const problem = problemOf(value)
    if (problem !== undefined) context.addIssue(problem)
  }
}

/** Whether an entry is the public key of a sender, instead of a certificate file. */
export function isPublicKey(entry: string): boolean {
  return entry.startsWith('sha256:')
}

function malformed(publicKey: string): string | undefined {
  if (/^sha256:[0-9a-f]{64}$/.test(publicKey)) return undefined
  return 'must be sha256: and 64 digits of 0–9 and a–f, as in the log line about a refused sender'
}

function unreadable(path: string): string | undefined {
  try {
    accessSync(path, constants.R_OK)
    return statSync(path).isDirectory() ? `${path} is a folder; name a file in it` : undefined
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    if (code === 'ENOENT') return `${path} does not exist; correct the path, or put the file there`
    return `${path} cannot be read (${String(code)}); let the user that runs the proxy read it`
  }
}

export type Schema = ReturnType<typeof configurationSchema>

export type ConfigurationFile = z.output<Schema>

export type RouteEntry = ConfigurationFile['routes'][number]

/** The values of a file, each parsed by itself. A value with mistakes is undefined. */
export type Parts = z.output<ReturnType<typeof partsSchema>>

// eslint-disable-next-line @typescript-eslint/explicit-module-boundary-types -- the schema is the type
export function partsSchema({ shape }: Schema) {
  return z.object({
    unregistered: orDefault(shape.unregistered),
    retryForSeconds: orDefault(shape.retryForSeconds),
    errorDeadlineMs: orDefault(shape.errorDeadlineMs),
    resendWindowSeconds: orNothing(shape.resendWindowSeconds),
    holdUntilProven: orDefault(shape.holdUntilProven),
    expiration: orNothing(shape.expiration),
    dataDirectory: orNothing(shape.dataDirectory),
    workers: orNothing(shape.workers),
    store: orNothing(shape.store),
    storePasswordFile: orNothing(shape.storePasswordFile),
    storeCertificateAuthority: orNothing(shape.storeCertificateAuthority),
    listeners: shape.listeners.catch([]),
    admin: orNothing(shape.admin),
    tls: orNothing(shape.tls),
    providerApi: orNothing(shape.providerApi),
    alarms: orNothing(shape.alarms),
    routes: z.array(orNothing(shape.routes.element)).catch([]),
  })
}

function orNothing<T extends z.ZodType>(schema: T): z.ZodCatch<z.ZodOptional<T>> {
  return schema.optional().catch(undefined)
}

function orDefault<T extends z.ZodType>(schema: z.ZodDefault<T>): z.ZodCatch<z.ZodDefault<T>> {
  return schema.catch(() => schema.parse(undefined))
}
