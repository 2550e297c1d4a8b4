/** A configuration to try everything with: throw-away certificates and a provider API that is played. */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Clock } from '../clock.ts'
import type { Configuration } from '../config/configuration.ts'
import { allAppleHosts } from '../credentials/apple-host.ts'
import {
  createAuthority,
  issuePushCertificate,
  issueServerCertificate,
} from '../credentials/authority.ts'
import { loadCertificateCredential } from '../credentials/credential.ts'

/** The files that a rehearsal keeps. */
export interface RehearsalFiles {
  /** The private CA, for the sender. */
  readonly authority: string
  /** The gateway's certificate and key. */
  readonly server: string
  /** The sender's push certificate and key, in one file. */
  readonly sender: string
}

/** What senders know the gateway by, and this machine. */
const rehearsalHosts = [...allAppleHosts, 'localhost', '127.0.0.1']

const secret = { mode: 0o600 }

const topic = 'com.example.rehearsal'

/** Makes what is missing under `dataDirectory/rehearsal`, private files with mode 0600. */
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
  const server = await issueServerCertificate(authority, rehearsalHosts, now)
  const environments = ['production', 'sandbox'] as const
  const sender = await issuePushCertificate(authority, { topic, environments }, now)
  writeFileSync(files.server, server.certificatePem + server.keyPem, secret)
  writeFileSync(files.sender, sender.certificatePem + sender.keyPem, secret)
  writeFileSync(files.authority, authority.certificatePem)
  return files
}

/** A provider API that is played, in place of Apple's. */
export interface PlayedProvider {
  readonly origins: Configuration['providerApi']['origins']
  /** PEM. */
  readonly certificateAuthority: string
}

/**
 * The same configuration before a provider API that is played. Its store is another: what was only
 * rehearsed must never be delivered.
 */
export function rehearsed(
  configuration: Configuration,
  providerApi: PlayedProvider,
): Configuration {
  const dataDirectory = join(configuration.dataDirectory, 'rehearsal', 'store')
  return {
    ...configuration,
    providerApi: { ...providerApi, proxy: undefined },
    store: { kind: 'lmdb' },
    workers: 1,
    dataDirectory,
  }
}

/** The same configuration on ports that are free. */
export function onFreePorts(configuration: Configuration): Configuration {
  const { listeners, admin } = configuration
  return {
    ...configuration,
    listeners: listeners.map((listener) => ({ ...listener, port: 0 })),
    admin: { ...admin, port: 0 },
  }
}

/** For who has none yet: everything on loopback, one route. */
export function rehearsalConfiguration(
  dataDirectory: string,
  files: RehearsalFiles,
): Configuration {
  const credential = loadCertificateCredential({ certificate: files.sender })
  const ports = { gateway: 2195, feedback: 2196 } as const
  return {
    listeners: (['gateway', 'feedback'] as const).map((kind) => ({
      kind,
      host: '127.0.0.1',
      port: ports[kind],
      environment: undefined,
      minVersion: 'TLSv1.2',
      socket: kind,
      balancers: undefined,
    })),
    admin: { host: '127.0.0.1', port: 9195, token: undefined },
    tls: loadCertificateCredential({ certificate: files.server }),
    providerApi: {
      origins: { production: 'https://127.0.0.1', sandbox: 'https://127.0.0.1' },
      certificateAuthority: undefined,
      proxy: undefined,
    },
    workers: 1,
    dataDirectory,
    log: { level: 'info' },
    store: { kind: 'lmdb' },
    journal: {
      enabled: true,
      maxEntries: 100_000,
      maxBytes: 268_435_456,
      maxUnwritten: 10_000,
    },
    limits: {
      maxConnections: 1000,
      maxSessions: 8,
      handshakeTimeoutMs: 10_000,
      requestTimeoutMs: 10_000,
      drainSeconds: 20,
    },
    routes: [
      {
        name: 'rehearsal',
        environment: 'production',
        topic,
        credential,
        senderKeys: [credential.certificate.publicKeySha256],
        pushType: undefined,
        priority: undefined,
        unregistered: 'feedback',
        retryForSeconds: 86_400,
        errorDeadlineMs: 500,
        resendWindowSeconds: 10,
        maxPayloadBytes: 4096,
      },
    ],
    ignored: [],
  }
}
