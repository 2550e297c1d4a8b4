/** The JSON of `/api/status`, on which the status page and scripts of operators rely. */
import { meaningInWords } from '../apns/reason-meaning.ts'
import type { Command } from '../binary/notification.ts'
import type { SettledOutcome, RouteCounters } from '../relay/route-counters.ts'
import type { TrafficSample } from './traffic-history.ts'
import type { RejectionRecord } from './recent-rejections.ts'
import type {
  CredentialStatus,
  RouteState,
  SenderState,
  SessionStatus,
  ProxyState,
} from './proxy-state.ts'
import { healthOf, type Health } from './health.ts'

/** Later versions may add fields, and keep these. Times are ms since the epoch. */
export interface Status {
  readonly atMs: number
  readonly startedAtMs: number
  /** Whether a simulator answers in place of APNs. */
  readonly rehearsal: boolean
  readonly verdict: Health
  /** The last second, over all routes; null in the first. */
  readonly now: TrafficSample | null
  /** Of the server certificate, which senders see. */
  readonly gatewayCertificateNotAfterMs: number
  readonly routes: readonly RouteStatus[]
  /** The last 50, newest first. */
  readonly rejections: readonly RejectionStatus[]
}

/** One route. Counts are since the start. */
export interface RouteStatus {
  readonly name: string
  readonly environment: string
  readonly topic: string
  /** Whether the proxy can send notifications. */
  readonly up: boolean
  /** Why APNs refuses the credential; null if APNs accepts it. */
  readonly downReason: string | null
  /** Whether the set-up is suspected, because APNs rejects every token. */
  readonly suspected: boolean
  /** Whether APNs has accepted a notification with the present credential, topic and environment. */
  readonly proven: boolean
  /** Whether an operator has said since that the set-up is right. */
  readonly overruled: boolean
  readonly received: number
  readonly receivedByCommand: Readonly<Record<Command, number>>
  /** Requests sent to APNs and not yet answered. */
  readonly inFlight: number
  /** Requests that wait for room in a session. */
  readonly waiting: number
  /** Received and not yet settled. */
  readonly owned: number
  readonly settled: Readonly<Record<SettledOutcome, number>>
  readonly retries: number
  /** Rejections, told or not, by reason, the most frequent first. */
  readonly rejectedByReason: readonly ReasonCount[]
  readonly feedback: {
    /** Tokens that wait for a reader. */
    readonly waiting: number
    /** When a sender last read them, since the start; null if none did. */
    readonly readAtMs: number | null
  }
  readonly credential: CredentialStatus
  /** All connections, including those that `senders` omits. */
  readonly connections: number
  /** Similar connections are one entry; the 50 busiest. */
  readonly senders: readonly SenderStatus[]
  readonly sessions: readonly SessionStatus[]
}

export interface ReasonCount {
  readonly reason: string
  readonly count: number
  readonly meaning: string
}

/** Connections of one address with the same TLS version and commands. */
export interface SenderStatus {
  readonly address: string
  readonly tlsVersion: string
  /** The commands used so far. */
  readonly commands: readonly Command[]
  readonly connections: number
  readonly received: number
}

/** A notification that was not delivered. */
export interface RejectionStatus {
  readonly atMs: number
  readonly route: string
  /** As in the log; null for a notification that an earlier process left. */
  readonly connection: number | null
  readonly identifier: number | null
  readonly apnsId: string | null
  readonly reason: string
  readonly meaning: string
}

const mostSenders = 50

export function statusOf(state: ProxyState): Status {
  const { atMs, startedAtMs, now, gatewayCertificateNotAfterMs } = state
  return {
    atMs,
    startedAtMs,
    rehearsal: state.isRehearsal === true,
    verdict: healthOf(state),
    now: now ?? null,
    gatewayCertificateNotAfterMs,
    routes: state.routes.map(routeStatus),
    rejections: state.rejections.map(rejectionStatus),
  }
}

function routeStatus(route: RouteState): RouteStatus {
  const { name, environment, topic, owned, counters, upstream } = route
  const { feedbackWaiting, feedbackReadAtMs, credential, senders, sessions } = route
  return {
    name,
    environment,
    topic,
    up: route.isUp,
    downReason: route.downReason ?? null,
    suspected: route.isSuspicious,
    proven: route.standing === 'proven',
    overruled: route.standing === 'overruled',
    received: sumOf(counters.received),
    receivedByCommand: counters.received,
    inFlight: upstream.inFlight,
    waiting: upstream.waiting,
    owned,
    settled: counters.settled,
    retries: sumOf(counters.retries),
    rejectedByReason: reasonCounts(counters.rejections),
    feedback: { waiting: feedbackWaiting, readAtMs: feedbackReadAtMs },
    credential,
    connections: senders.length,
    senders: together(senders),
    sessions,
  }
}

function sumOf(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((sum, count) => sum + count, 0)
}

function reasonCounts(rejections: RouteCounters['rejections']): ReasonCount[] {
  return Object.entries(rejections)
    .filter(([, count]) => count > 0)
    .sort(([, one], [, other]) => other - one)
    .map(([reason, count]) => ({ reason, count, meaning: meaningInWords(reason) }))
}

function together(senders: readonly SenderState[]): SenderStatus[] {
  const groups = new Map<string, SenderStatus>()
  for (const { address, tlsVersion, receivedByCommand } of senders) {
    const commands = ([0, 1, 2] as const).filter((command) => receivedByCommand[command] > 0)
    const key = `${address} ${tlsVersion} ${commands.join()}`
    const { connections = 0, received = 0 } = groups.get(key) ?? {}
    groups.set(key, {
      address,
      tlsVersion,
      commands,
      connections: connections + 1,
      received: received + sumOf(receivedByCommand),
    })
  }
  return [...groups.values()]
    .sort((one, other) => other.received - one.received)
    .slice(0, mostSenders)
}

function rejectionStatus(record: RejectionRecord): RejectionStatus {
  const { atMs, route, connection = null, identifier = null, apnsId = null, reason } = record
  return { atMs, route, connection, identifier, apnsId, reason, meaning: meaningInWords(reason) }
}
