/** What floods of connections and signals cost, and how long a well-behaved sender waits meanwhile. */
import { setTimeout as pause } from 'node:timers/promises'
import { Gateway } from './gateway.ts'
import { ask, startFile, stop } from './process.ts'
import { showProgress } from './report.ts'
import type { Setting } from './setting.ts'
import { startSimulatedUpstream } from './upstream.ts'

/** One flood. */
export interface Flood {
  readonly name: string
  readonly logLines: number
  /** Resident memory of the gateway, bytes. */
  readonly rssBefore: number
  readonly rssAfter: number
  /** From the connection of a well-behaved sender to the delivery of its push. */
  readonly canaryDuringMs: number
  readonly canaryAfterMs: number
}

const floods = [
  { name: '9,000 half handshakes', kind: 'half', count: 9000, holds: true },
  { name: '9,000 silent connections', kind: 'silent', count: 9000, holds: true },
  { name: '500 refused certificates', kind: 'stranger', count: 500, holds: false },
  { name: '500 reconnects', kind: 'storm', count: 500, holds: false },
  { name: '200 SIGHUPs', kind: 'signal', count: 200, holds: false },
] as const
const maxConnections = 10_000
/** The gateway closes held connections after `handshakeTimeoutMs`, and frees memory. */
const calmMs = 15_000
const firstMs = 100

/** All of them, one after the other, each with a gateway of its own. */
export async function measureFloods(setting: Setting): Promise<readonly Flood[]> {
  const measured: Flood[] = []
  for (const flood of floods) {
    showProgress(flood.name)
    measured.push(await measure(setting, flood))
  }
  return measured
}

async function measure(
  setting: Setting,
  { name, kind, count, holds }: (typeof floods)[number],
): Promise<Flood> {
  const upstream = await startSimulatedUpstream(setting)
  const gateway = await Gateway.start(setting, upstream, {
    journal: true,
    senders: 0,
    maxConnections,
  })
  const [client, canary] = [startFile('flood-client.ts'), startFile('flood-client.ts')]
  const { port } = gateway
  const sing = async (): Promise<number> => {
    const { delivered } = await gateway.read()
    const startMs = performance.now()
    await ask(canary, { kind: 'push', port, count: 1, ...setting })
    while ((await gateway.read()).delivered <= delivered) await pause(5)
    return performance.now() - startMs
  }
  await sing()
  const { rssBytes: rssBefore } = await gateway.read()
  const linesBefore = gateway.logLines
  const flood =
    kind === 'signal' ? signal(gateway, count) : ask(client, { kind, port, count, ...setting })
  await (holds ? flood : pause(firstMs))
  const canaryDuringMs = await sing()
  await flood
  await pause(holds ? calmMs : calmMs / 5)
  const canaryAfterMs = await sing()
  const { rssBytes: rssAfter } = await gateway.read()
  await gateway.stop()
  const logLines = gateway.logLines - linesBefore
  for (const child of [client, canary]) await stop(child)
  await upstream.stop()
  return { name, logLines, rssBefore, rssAfter, canaryDuringMs, canaryAfterMs }
}

async function signal(gateway: Gateway, count: number): Promise<void> {
  for (let number = 0; number < count; number++) {
    gateway.signal('SIGHUP')
    await pause(5)
  }
}
