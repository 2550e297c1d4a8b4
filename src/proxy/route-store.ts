/** The part of a store that belongs to one route, as its relay uses it. */
import type { Route } from '../config/route.ts'
import type { RouteProof } from '../relay/credential-health.ts'
import type { RelayDeps } from '../relay/relay.ts'
import type { ReplicatedEvent } from '../relay/replicated-event.ts'
import type { Store } from '../store/store.ts'

/** For `journal.enabled: false`: a crash loses all owned deliveries. */
export const noJournal: RelayDeps['journal'] = { put: () => ({ settled: () => undefined }) }

/** @param route its name */
export function storeOf(
  { journal, feedback, eventLog }: Store,
  route: string,
): Pick<RelayDeps, 'journal' | 'feedback' | 'eventLog'> {
  return {
    journal: { put: journal.put.bind(journal, route) },
    feedback: {
      add: feedback.add.bind(feedback, route),
      drop: feedback.drop.bind(feedback, route),
    },
    eventLog: {
      isShared: eventLog.isShared,
      listen: (apply) =>
        eventLog.listen(route, ({ event, position, atMs }) => {
          apply({ event: event as ReplicatedEvent, position, atMs })
        }),
      append: eventLog.append.bind(eventLog, route),
    },
  }
}

/** A route that need not prove itself counts as proven. */
export async function proofOf(
  { proofs }: Store,
  { name, holdUntilProven }: Pick<Route, 'name' | 'holdUntilProven'>,
  setup: string,
): Promise<RouteProof> {
  return {
    setup,
    isProven: !holdUntilProven || (await proofs.has(name, setup)),
    keep: proofs.keep.bind(proofs, name, setup),
  }
}
