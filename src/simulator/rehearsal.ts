/** A rehearsal: a proxy with temporary certificates, and a simulator for each environment. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Clock } from '../timing/clock.ts'
import {
  examineValue,
  noProxies,
  soundConfiguration,
  type Configuration,
} from '../config/configuration.ts'
import { noProxy } from '../config/upstream-proxy.ts'
import {
  createAuthority,
  issuePushCertificate,
  issueServerCertificate,
} from '../credentials/authority.ts'
import type { Reason } from '../apns/reason.ts'
import type { Route } from '../config/route.ts'
import { certificateFault } from './client-credential.ts'
import {
  allAppleHosts,
  type Environment,
  type PushCertificate,
} from '../credentials/certificate.ts'
import { loadCertificateCredential } from '../credentials/credential.ts'
import { startSimulator, type ReceivedNotification, type Simulator } from './provider-api.ts'
import { answersIn, type Mood } from './mood.ts'

/**
 * Paths of PEM files: the CA certificate that the sender must trust, the gateway's certificate and
 * key, and the sender's push certificate and key.
 */
type RehearsalFiles = Readonly<Record<'authority' | 'server' | 'sender', string>>

/** The names of Apple's gateways, and of this machine. */
const rehearsalHosts = [...allAppleHosts, 'localhost', '127.0.0.1']

/** Issues the certificates in `dataDirectory/rehearsal` if one is missing; keys with mode 0600. */
export async function prepareRehearsal(
  dataDirectory: string,
  clock: Clock,
): Promise<RehearsalFiles> {
  const directory = join(dataDirectory, 'rehearsal')
  const files = {
    authority: join(directory, 'ca.pem'),
    server: join(directory, 'server.pem'),
    sender: join(directory, 'sender.pem'),
  }
  if (Object.values(files).every((file) => existsSync(file))) return files
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const now = new Date(clock.now())
  const authority = await createAuthority('apns-legacy-proxy rehearsal', now)
  const push = { topic: 'com.example.rehearsal', environments: ['production', 'sandbox'] } as const
  const server = await issueServerCertificate(authority, rehearsalHosts, now)
  const sender = await issuePushCertificate(authority, push, now)
  const secret = { mode: 0o600 }
  writeFileSync(files.server, server.certificatePem + server.keyPem, secret)
  writeFileSync(files.sender, sender.certificatePem + sender.keyPem, secret)
  writeFileSync(files.authority, authority.certificatePem)
  return files
}

/** The simulators of a rehearsal, as the proxy connects to them. */
export type RehearsalProvider = Omit<Configuration['providerApi'], 'proxies'>

/** Starts a simulator for each environment. @param mood how all of them answer */
export async function startRehearsalProvider(
  { dataDirectory }: Pick<Configuration, 'dataDirectory'>,
  onNotification: (notification: ReceivedNotification) => void,
  clock: Clock,
  mood?: Mood,
): Promise<{ readonly providerApi: RehearsalProvider; readonly stop: () => Promise<void> }> {
  const files = await prepareRehearsal(dataDirectory, clock)
  const tls = loadCertificateCredential({ certificate: files.server })
  const start = (environment: Environment): Promise<Simulator> =>
    startSimulator({ tls, environment, answers: answersIn(mood), onNotification }, { clock })
  const [production, sandbox] = [await start('production'), await start('sandbox')]
  return {
    providerApi: {
      origins: { production: production.origin, sandbox: sandbox.origin },
      certificateAuthority: readFileSync(files.authority, 'utf8'),
    },
    stop: async () => {
      await Promise.all([production.stop(), sandbox.stop()])
    },
  }
}

/** The configuration with simulators in place of APNs, and its own store: APNs must not get its pushes. */
export function rehearsed(
  configuration: Configuration,
  providerApi: RehearsalProvider,
): Configuration {
  const { alarms } = configuration
  const dataDirectory = join(configuration.dataDirectory, 'rehearsal', 'store')
  return {
    ...configuration,
    isRehearsal: true,
    alarms: alarms && { ...alarms, name: `${alarms.name} (rehearsal)` },
    providerApi: { ...providerApi, proxies: noProxies },
    store: { kind: 'lmdb' },
    workers: 1,
    dataDirectory,
  }
}

/** A route that delivers nothing in a rehearsal. */
export interface FailingRoute {
  readonly name: string
  /** What the simulator answers. */
  readonly reason: Reason
  /** Why, and what to do. */
  readonly cause: string
}

/** The routes whose credential the simulator will refuse. */
export function failingRoutes(routes: readonly Route[], nowMs: number): FailingRoute[] {
  return routes.flatMap(({ name, topic, environment, credential }): FailingRoute[] => {
    if (credential.kind === 'signing-key')
      return topic.startsWith('com.apple.mgmt.')
        ? [{ name, reason: 'Forbidden', cause: 'MDM needs a certificate, not a signing key.' }]
        : []
    const { certificate } = credential
    const reason = certificateFault(certificate, environment, nowMs)
    if (reason === undefined) return []
    return [{ name, reason, cause: causeOf(certificate, environment, nowMs) }]
  })
}

function causeOf(
  { topics, notAfter }: PushCertificate,
  environment: Environment,
  nowMs: number,
): string {
  if (topics.length === 0) return 'Its certificate names no topic, so it is no push certificate.'
  if (notAfter.getTime() < nowMs)
    return `Its certificate expired on ${notAfter.toISOString().slice(0, 10)}: renew it.`
  return `Its certificate lacks Apple's mark for ${environment}: use one that Apple issued for it.`
}

/** The configuration on any free ports. */
export function onFreePorts(configuration: Configuration): Configuration {
  const { listeners, admin } = configuration
  return {
    ...configuration,
    listeners: listeners.map((listener) => ({ ...listener, port: 0 })),
    admin: { ...admin, port: 0 },
  }
}

/** For an operator without a configuration: every port on loopback, one route. */
export function rehearsalConfiguration(
  dataDirectory: string,
  files: RehearsalFiles,
): Configuration {
  const host = '127.0.0.1'
  const value = {
    listeners: [
      { kind: 'gateway', host },
      { kind: 'feedback', host },
    ],
    tls: { certificate: files.server, key: files.server },
    dataDirectory,
    routes: [{ name: 'rehearsal', certificate: files.sender }],
    providerApi: { proxy: noProxy },
  }
  return soundConfiguration('rehearsal', examineValue('rehearsal', value))
}
