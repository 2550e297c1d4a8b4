/** The part of a store that belongs to one route, as its relay uses it. */
import type { Route } from '../config/route.ts'
import type { RouteProof } from '../relay/route-health.ts'
import type { RelayDeps } from '../relay/relay.ts'
import { parseReplicatedEvent, type ReplicatedEvent } from '../relay/replicated-event.ts'
import type { RouteEvent } from '../relay/route-event.ts'
import { StatusCode } from '../binary/status-code.ts'
import type { FeedbackTuple } from '../binary/feedback-tuple.ts'
import type { Store, ToldRecord } from '../store/store.ts'

/** For `journal.enabled: false`: a crash loses all owned deliveries. */
export const noJournal: RelayDeps['journal'] = { put: () => ({ settled: () => undefined }) }

/** @param route its name */
export function journalOf({ journal }: Store, route: string): RelayDeps['journal'] {
  return { put: journal.put.bind(journal, route) }
}

export function feedbackOf({ feedback }: Store, route: string): RelayDeps['feedback'] {
  return { add: feedback.add.bind(feedback, route), drop: feedback.drop.bind(feedback, route) }
}

/** @param damaged is called for each event that no proxy of this version can have appended */
export function eventLogOf(
  { eventLog }: Pick<Store, 'eventLog'>,
  route: string,
  damaged: () => void,
): RelayDeps['eventLog'] {
  return {
    isShared: eventLog.isShared,
    listen: (apply) =>
      eventLog.listen(route, ({ event: json, position, atMs, own }) => {
        // The relay of this process has appended its own events, thousands of copies in one.
        const event = own ? (json as ReplicatedEvent) : parseReplicatedEvent(json)
        if (event === undefined) damaged()
        else apply({ event, position, atMs })
      }),
    append: eventLog.append.bind(eventLog, route),
  }
}

/** A route that need not prove itself counts as proven. An overrule replaces an earlier proof. */
export async function proofOf(
  { proofs }: Store,
  { name, holdUntilProven }: Pick<Route, 'name' | 'holdUntilProven'>,
  setup: string,
): Promise<RouteProof> {
  const kept = { proven: setup, overruled: `${setup} overruled` }
  const isProven = !holdUntilProven || (await proofs.has(name, kept.proven))
  const isOverruled = await proofs.has(name, kept.overruled)
  return {
    setup,
    standing: isOverruled ? 'overruled' : isProven ? 'proven' : 'unproven',
    keep: (standing) => proofs.keep(name, kept[standing]),
  }
}

/** Where and when a sender was told. */
type Told = Pick<ToldRecord, 'atMs' | 'route' | 'address'>

/** Keeps a token whose sender was told by status 8 that the token is invalid. */
export function keepRejection(
  { told }: Store,
  where: Told,
  { record, reason, statusCode }: Extract<RouteEvent, { readonly event: 'rejection.told' }>,
): void {
  const { sender, token, apnsId, identifier } = record
  if (statusCode !== StatusCode.invalidToken || sender === undefined || token === undefined) return
  told.add({ ...where, kind: 'error-response', sender, token, reason, apnsId, identifier })
}

/** The feedback list does not keep which reason APNs gave with its 410. */
const reason = 'Unregistered'

/**
 * Keeps the tuples that the feedback service has written to a reader.
 * @param offered what was kept already: a reader that breaks off gets the same tuples again
 */
export function keepFeedback(
  { told }: Store,
  where: Told & Pick<ToldRecord, 'sender'>,
  tuples: readonly FeedbackTuple[],
  offered: Set<string>,
): void {
  for (const { token: bytes, timestamp } of tuples) {
    const token = bytes.toString('hex')
    const tuple = `${where.sender} ${token} ${timestamp}`
    if (offered.has(tuple)) continue
    offered.add(tuple)
    told.add({ ...where, kind: 'feedback', token, reason, timestamp })
  }
}
