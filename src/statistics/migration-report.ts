/** The migration report: what the statistics have on each sender, and what to do about it. */
import { z } from 'zod'
import { adviceOn, verdictKinds } from './advice.ts'
import { notificationsOf, senderRecord, type SenderRecord } from './sender-record.ts'
import {
  refusedPeerRecord,
  routeRecord,
  type RouteRecord,
  type StatisticsSnapshot,
} from './sender-statistics.ts'

const senderReport = z.strictObject({
  verdict: z.enum(verdictKinds),
  summary: z.string(),
  steps: z.array(z.string()),
  notifications: z.number(),
  /** Average over the days since the sender was first seen, today included. */
  perDay: z.number(),
  facts: senderRecord,
  /** null if the route is no longer configured. */
  route: routeRecord.nullable(),
})

/** One sender. */
export type SenderReport = z.infer<typeof senderReport>

/** The report as JSON. Times are milliseconds since the epoch. */
export const migrationReport = z.strictObject({
  madeAtMs: z.number(),
  /** When counting began. */
  sinceMs: z.number(),
  senders: z.array(senderReport),
  /** Routes whose senders have never connected. */
  unusedRoutes: z.array(routeRecord),
  turnedAway: z.array(refusedPeerRecord),
})

export type Report = z.infer<typeof migrationReport>

const dayMs = 86_400_000

/** Begins with the sender that sends most. */
export function reportOf(
  { sinceMs, routes, senders, strangers }: StatisticsSnapshot,
  nowMs: number,
): Report {
  const used = new Set(senders.map(({ route }) => route))
  return {
    madeAtMs: nowMs,
    sinceMs,
    senders: senders
      .map((sender) => reportOn(sender, routes, nowMs))
      .sort((one, other) => other.notifications - one.notifications),
    unusedRoutes: routes.filter(({ name }) => !used.has(name)),
    turnedAway: strangers.toReversed(),
  }
}

function reportOn(
  sender: SenderRecord,
  routes: readonly RouteRecord[],
  nowMs: number,
): SenderReport {
  const route = routes.find(({ name }) => name === sender.route)
  const notifications = notificationsOf(sender)
  const days = Math.max(1, Math.ceil((nowMs - sender.firstSeenMs) / dayMs))
  return {
    ...adviceOn({ sender, route, nowMs }),
    notifications,
    perDay: Math.round(notifications / days),
    facts: sender,
    route: route ?? null,
  }
}
