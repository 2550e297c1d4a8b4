/** What a sender costs that connects for each push, as PHP scripts do: beside a bare TLS server. */
import { ask, startFile, stop } from './process.ts'
import { Gateway } from './gateway.ts'
import { showProgress } from './report.ts'
import type { Setting } from './setting.ts'
import { startSimulatedUpstream } from './upstream.ts'

/** One round. */
export interface ConnectionCost {
  readonly perSecond: number
  /** Of the server's process. */
  readonly cpuMilliseconds: number
}

/** The same number of connections to each, in turn. */
export interface ConnectionCosts {
  readonly count: number
  readonly gateway: readonly ConnectionCost[]
  readonly bare: readonly ConnectionCost[]
}

const rounds = 5
const warmUp = 200
const count = 1000
const atOnce = 8

interface Server {
  readonly port: number
  readonly cpuSeconds: () => Promise<number>
}

/** Connect, one push, close: so many times, a few at once. */
export async function measureConnections(setting: Setting): Promise<ConnectionCosts> {
  const upstream = await startSimulatedUpstream(setting)
  const gateway = await Gateway.start(setting, upstream, { journal: true, senders: 0 })
  const bareServer = startFile('bare-server.ts')
  const servers = {
    gateway: {
      port: gateway.port,
      cpuSeconds: async () => (await gateway.read()).cpuSeconds,
    },
    bare: {
      port: Number(await ask(bareServer, { tls: setting.server })),
      cpuSeconds: async () => Number(await ask(bareServer, {})),
    },
  }
  const client = startFile('connecting-sender.ts')
  const connect = (port: number, times: number): Promise<unknown> =>
    ask(client, { port, count: times, atOnce, ...setting })
  const measure = async ({ port, cpuSeconds }: Server): Promise<ConnectionCost> => {
    const before = await cpuSeconds()
    const startMs = performance.now()
    await connect(port, count)
    const seconds = (performance.now() - startMs) / 1000
    return {
      perSecond: count / seconds,
      cpuMilliseconds: (((await cpuSeconds()) - before) / count) * 1000,
    }
  }
  const costs: { gateway: ConnectionCost[]; bare: ConnectionCost[] } = { gateway: [], bare: [] }
  for (const { port } of Object.values(servers)) await connect(port, warmUp)
  for (let round = 0; round < rounds; round++) {
    showProgress('connections', round / rounds)
    costs.gateway.push(await measure(servers.gateway))
    costs.bare.push(await measure(servers.bare))
  }
  await stop(client)
  await stop(bareServer)
  await gateway.stop()
  await upstream.stop()
  return { count, ...costs }
}
