/** How fast notifications get through a gateway process, and what CPU they cost it. */
import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { connect, type TLSSocket } from 'node:tls'
import { stringify } from 'yaml'
import type { Issued } from '../../src/credentials/authority.ts'
import { built } from './built.ts'
import { chunksOf, encodeNotifications } from './notification.ts'
import {
  folder,
  startGateway,
  startProviderApi,
  type Gateway,
  type ProviderApi,
} from './process.ts'

/** What is measured. */
export interface Scenario {
  readonly connections: number
  readonly journal: boolean
  /** Notifications of the measurement; the warm-up has a tenth. */
  readonly count: number
}

/** What came out. */
export interface GatewayResult extends Scenario {
  readonly notificationsPerSecond: number
  /** CPU time of the gateway process for each notification. */
  readonly cpuMicroseconds: number
  /** Shares of one core that they were busy for; what is near 1 sets the pace. */
  readonly gatewayBusy: number
  readonly providerApiBusy: number
}

/** The simulated provider API and the certificates that all runs share. */
export interface Setting {
  readonly providerApi: ProviderApi
  readonly authority: Issued
  readonly server: Issued
  readonly sender: Issued
}

const pollMs = 50

/** Makes throw-away certificates and starts the provider API. */
export async function prepareSetting(): Promise<Setting> {
  const { createAuthority, issuePushCertificate, issueServerCertificate } =
    await built('credentials/authority')
  const now = new Date()
  const authority = await createAuthority('benchmark', now)
  const server = await issueServerCertificate(authority, ['localhost', '127.0.0.1'], now)
  const push = { topic: 'com.example.app', environments: ['production'] } as const
  const sender = await issuePushCertificate(authority, push, now)
  return { providerApi: await startProviderApi(server), authority, server, sender }
}

/** A gateway of its own, warmed up, then measured until all is settled. */
export async function benchGateway(
  setting: Setting,
  scenario: Scenario,
  progress: (share: number) => void,
): Promise<GatewayResult> {
  const { connections, count } = scenario
  const gateway = await startGateway(writeConfiguration(setting, scenario))
  await untilReady(gateway)
  const senders = await openSenders(setting, gateway, connections)
  const warmUp = count / 10
  await send(senders, 0, warmUp)
  await untilDelivered(gateway, warmUp, () => undefined)

  const shares = await encodeShares(connections, warmUp, count)
  const before = await read(gateway)
  const providerApiBefore = await setting.providerApi.cpuSeconds()
  const startMs = performance.now()
  const written = writeShares(senders, shares)
  const after = await untilDelivered(gateway, warmUp + count, (delivered) => {
    progress((delivered - warmUp) / count)
  })
  const seconds = (performance.now() - startMs) / 1000
  const providerApiSeconds = (await setting.providerApi.cpuSeconds()) - providerApiBefore
  await written
  for (const sender of senders) sender.destroy()
  await gateway.stop()
  const cpuSeconds = after.cpuSeconds - before.cpuSeconds
  return {
    ...scenario,
    notificationsPerSecond: count / seconds,
    cpuMicroseconds: (cpuSeconds / count) * 1e6,
    gatewayBusy: cpuSeconds / seconds,
    providerApiBusy: providerApiSeconds / seconds,
  }
}

let runs = 0

function writeConfiguration(setting: Setting, { journal }: Scenario): string {
  const directory = join(folder, String(++runs))
  mkdirSync(directory)
  const write = (name: string, text: string): string => {
    writeFileSync(join(directory, name), text, { mode: 0o600 })
    return name
  }
  const { authority, server, sender, providerApi } = setting
  const configuration = {
    listeners: [{ kind: 'gateway', host: '127.0.0.1', port: 0 }],
    admin: { port: 0 },
    tls: {
      certificate: write('server.pem', server.certificatePem),
      key: write('server.key', server.keyPem),
    },
    journal: { enabled: journal },
    providerApi: {
      production: providerApi.origin,
      certificateAuthority: write('ca.pem', authority.certificatePem),
    },
    routes: [
      { name: 'app', certificate: write('push.pem', sender.certificatePem + sender.keyPem) },
    ],
  }
  return join(directory, write('proxy.yaml', stringify(configuration)))
}

async function openSenders(
  { authority, sender }: Setting,
  { port }: Gateway,
  count: number,
): Promise<TLSSocket[]> {
  const open = async (): Promise<TLSSocket> => {
    const socket = connect({
      port,
      host: '127.0.0.1',
      ca: authority.certificatePem,
      cert: sender.certificatePem,
      key: sender.keyPem,
      maxVersion: 'TLSv1.2',
    })
    socket.on('error', () => undefined)
    socket.on('data', (bytes: Buffer) => {
      throw new Error(`the gateway answered ${bytes.toString('hex')}`)
    })
    socket.on('end', () => {
      throw new Error('the gateway closed a connection')
    })
    await once(socket, 'secureConnect')
    return socket
  }
  return Promise.all(Array.from({ length: count }, open))
}

/** What each connection writes: the same number, beforehand, so that encoding costs nothing later. */
function encodeShares(connections: number, first: number, count: number): Promise<Buffer[]> {
  const share = count / connections
  return Promise.all(
    Array.from({ length: connections }, (_, index) =>
      encodeNotifications(2, first + index * share, share),
    ),
  )
}

async function send(senders: readonly TLSSocket[], first: number, count: number): Promise<void> {
  await writeShares(senders, await encodeShares(senders.length, first, count))
}

async function writeShares(
  senders: readonly TLSSocket[],
  shares: readonly Buffer[],
): Promise<void> {
  await Promise.all(senders.map((sender, index) => write(sender, shares[index] ?? Buffer.alloc(0))))
}

/** As fast as the gateway reads. */
async function write(socket: TLSSocket, bytes: Buffer): Promise<void> {
  for (const chunk of chunksOf(bytes)) if (!socket.write(chunk)) await once(socket, 'drain')
}

/** What the gateway says of itself. */
interface Reading {
  readonly delivered: number
  readonly settled: number
  readonly cpuSeconds: number
}

async function untilReady({ adminPort }: Gateway): Promise<void> {
  while (!(await fetch(`http://127.0.0.1:${adminPort}/readyz`)).ok) await pause(pollMs)
}

/** @throws Error when anything is settled otherwise: then it is not delivering that was measured */
async function untilDelivered(
  gateway: Gateway,
  count: number,
  progress: (delivered: number) => void,
): Promise<Reading> {
  for (;;) {
    const reading = await read(gateway)
    const { delivered, settled } = reading
    if (settled !== delivered) throw new Error(`${settled - delivered} were not delivered`)
    progress(delivered)
    if (delivered >= count) return reading
    await pause(pollMs)
  }
}

async function read({ adminPort }: Gateway): Promise<Reading> {
  const text = await (await fetch(`http://127.0.0.1:${adminPort}/metrics`)).text()
  const sum = (start: string): number =>
    text
      .split('\n')
      .filter((line) => line.startsWith(`apns_legacy_proxy_${start}`))
      .reduce((total, line) => total + Number(line.slice(line.lastIndexOf(' '))), 0)
  return {
    delivered: sum('notifications_settled_total{route="app",outcome="delivered"}'),
    settled: sum('notifications_settled_total{'),
    cpuSeconds: sum('process_cpu_seconds_total '),
  }
}
