/** What a notification costs the process that sends it: gateway and clients before one upstream. */
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { payloadOf, tokens, wholeBlocks } from './notification.ts'
import type { ClientName, Effort } from './client/client.ts'
import {
  buildGoClient,
  startGoClient,
  startNodeClient,
  type ClientProcess,
} from './client-process.ts'
import { Gateway, type GatewayOptions } from './gateway.ts'
import { startProgram } from './process.ts'
import { showProgress } from './report.ts'
import { write, type Setting } from './setting.ts'
import { startUpstream, versionOf, type Upstream } from './upstream.ts'

/** One round of one row. */
export interface Cost {
  readonly count: number
  readonly perSecond: number
  /** Of the process that sends to the upstream. */
  readonly cpuMicroseconds: number
}

/** A row of the table: what was measured in each round. */
export interface Compared {
  readonly name: string
  readonly rounds: readonly Cost[]
}

/** All rows, and the upstream that they had in common. */
export interface Comparison {
  readonly upstream: string
  readonly rows: readonly Compared[]
}

/** The rows that the others are measured by; the second one where Go is installed. */
export const yardsticks = ['@parse/node-apn', 'apns2 for Go'] as const

const [nodeApn, goApns2] = yardsticks

/** Notifications of each row in proportion to the first, so that none takes much longer. */
const nodeClients: readonly (readonly [name: string, client: ClientName, share: number])[] = [
  [nodeApn, 'node-apn', 0.1],
  ['apns2', 'apns2', 0.04],
  ['node:http2', 'node:http2', 0.25],
]
const goShare = 0.25

/** A share of the measured notifications goes in front of them, to warm up. */
const warmUpShare = 0.2

/** Rounds, in each of which every row has its turn: what this machine does besides hits all. */
const rounds = 5

/** @param count of the gateway, over all rounds; the slower ones get a share of it */
export async function compare(setting: Setting, count: number): Promise<Comparison> {
  const upstream = await startUpstream(setting)
  const each = wholeBlocks(count / rounds)
  const measures = new Map<string, () => Promise<Cost>>()
  for (const journal of [true, false]) {
    const name = `gateway, journal ${journal ? 'on' : 'off'}`
    measures.set(name, () => measureGateway(name, setting, upstream, each, { journal }))
  }
  const addClient = (name: string, share: number, start: () => Promise<ClientProcess>): void => {
    measures.set(name, () => measureClient(name, Math.ceil(each * share), start))
  }
  for (const [name, client, share] of nodeClients)
    addClient(name, share, () => startNodeClient(client, setting, upstream.port))
  const goClient = buildGoClient()
  if (goClient !== undefined)
    addClient(goApns2, goShare, () => startGoClient(goClient, setting, upstream.port))
  if (upstream.isNghttpd && versionOf('h2load') !== undefined)
    measures.set('h2load', () => measureH2load(upstream, each))
  const rows = Array.from(measures, ([name]) => ({ name, rounds: [] as Cost[] }))
  for (let round = 0; round < rounds; round++)
    for (const row of rows) {
      const cost = await measures.get(row.name)?.()
      if (cost !== undefined) row.rounds.push(cost)
    }
  await upstream.stop()
  return { upstream: upstream.name, rows }
}

/** The sender writes as fast as the gateway reads. */
export async function measureGateway(
  name: string,
  setting: Setting,
  upstream: Upstream,
  count: number,
  options: GatewayOptions,
): Promise<Cost> {
  showProgress(name)
  const gateway = await Gateway.start(setting, upstream, options)
  const warmUp = wholeBlocks(count * warmUpShare)
  await gateway.blast(0, warmUp)
  const before = await gateway.untilDelivered(warmUp, () => undefined)
  const startMs = performance.now()
  const written = gateway.blast(warmUp, count)
  const after = await gateway.untilDelivered(warmUp + count, ({ delivered }) => {
    showProgress(name, (delivered - warmUp) / count)
  })
  const seconds = (performance.now() - startMs) / 1000
  await written
  await gateway.stop()
  return cost(count, { seconds, cpuSeconds: after.cpuSeconds - before.cpuSeconds })
}

async function measureClient(
  name: string,
  count: number,
  start: () => Promise<ClientProcess>,
): Promise<Cost> {
  showProgress(name)
  const client = await start()
  const warmUp = Math.ceil(count * warmUpShare)
  await client.perform({ first: 0, count: warmUp })
  const effort = await client.perform({ first: warmUp, count })
  await client.stop()
  return cost(count, effort)
}

/** One connection and 1,000 streams too; the shell adds up the CPU time of its children. */
async function measureH2load({ port }: Upstream, count: number): Promise<Cost> {
  showProgress('h2load')
  const body = write('payload.json', payloadOf(0))
  const url = `https://localhost:${port}/3/device/${tokens[0] ?? ''}`
  const command = `h2load -c 1 -m 1000 -n ${count} -d ${body} ${url} && times`
  const child = startProgram('sh', ['-c', command], { stdio: ['ignore', 'pipe', 'inherit'] })
  const exit = once(child, 'exit')
  const output = child.stdout === null ? '' : await text(child.stdout)
  await exit
  const seconds = Number(/finished in ([\d.]+)s/.exec(output)?.[1])
  return cost(count, { seconds, cpuSeconds: childSeconds(output) })
}

/** — source: POSIX, "times": the second line has user and system time of the children */
function childSeconds(output: string): number {
  const lines = output.trimEnd().split('\n')
  const fields = lines[lines.length - 1]?.matchAll(/(\d+)m([\d.]+)s/g) ?? []
  return [...fields].reduce(
    (sum, [, minutes, rest]) => sum + Number(minutes) * 60 + Number(rest),
    0,
  )
}

function cost(count: number, { seconds, cpuSeconds }: Effort): Cost {
  return {
    count,
    perSecond: count / seconds,
    cpuMicroseconds: (cpuSeconds / count) * 1e6,
  }
}
