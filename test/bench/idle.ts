/** What thousands of senders cost in memory that have sent something once and keep their connections. */
import { execFileSync } from 'node:child_process'
import { setTimeout as pause } from 'node:timers/promises'
import { Gateway } from './gateway.ts'
import { ask, startFile, stop } from './process.ts'
import { showProgress } from './report.ts'
import type { Setting } from './setting.ts'
import { startUpstream } from './upstream.ts'

/** Resident memory of the gateway's process, bytes. */
export interface Idle {
  readonly connections: number
  /** Started, nobody has connected. */
  readonly before: number
  /** All connected and idle for {@link idleSeconds}. */
  readonly after: number
  readonly max: number
}

/** Resident memory at the most, MiB. */
export const mostIdleMiB = 400
const idleSeconds = 20
const connections = 10_000
/** Processes that the senders are spread over. */
const drivers = 4
const handshakesAtOnce = 4
/** Files that the gateway opens besides. */
const otherFiles = 200

/** Connects them all, a few at a time, and closes them all in the end. */
export async function measureIdle(setting: Setting): Promise<Idle> {
  const limit = fileLimit()
  if (limit < connections + otherFiles)
    throw new Error(`idle: needs ${connections + otherFiles} open files, ulimit -Hn is ${limit}`)
  const upstream = await startUpstream(setting)
  const gateway = await Gateway.start(setting, upstream, {
    journal: true,
    senders: 0,
    maxConnections: connections,
  })
  const { rssBytes: before } = await gateway.read()
  let max = before
  const share = connections / drivers
  const senders = Array.from({ length: drivers }, () => startFile('idle-senders.ts'))
  const connected = senders.map((sender, index) =>
    ask(sender, {
      ...setting,
      port: gateway.port,
      first: index * share,
      count: share,
      atOnce: handshakesAtOnce,
    }),
  )
  const delivered = gateway.untilDelivered(connections, ({ delivered, rssBytes }) => {
    max = Math.max(max, rssBytes)
    showProgress('idle senders connect', delivered / connections)
  })
  await Promise.all([...connected, delivered])
  showProgress(`${connections} senders are idle`)
  await pause(idleSeconds * 1000)
  const { rssBytes: after } = await gateway.read()
  await Promise.all(senders.map(stop))
  await gateway.stop()
  await upstream.stop()
  return { connections, before, after, max: Math.max(max, after) }
}

/** Node raises its own limit to the hard one. */
function fileLimit(): number {
  const limit = execFileSync('sh', ['-c', 'ulimit -Hn'], { encoding: 'utf8' }).trim()
  return limit === 'unlimited' ? Infinity : Number(limit)
}
