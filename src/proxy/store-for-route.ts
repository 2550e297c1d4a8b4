/** The part of a store that belongs to one route, as its relay uses it. */
import type { Route } from '../config/route.ts'
import type { RouteProof } from '../relay/route-health.ts'
import type { RelayDeps } from '../relay/relay.ts'
import { parseReplicatedEvent, type ReplicatedEvent } from '../relay/replicated-event.ts'
import type { Store } from '../store/store.ts'

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
