/** The part of a store that belongs to one route, as its relay uses it. */
import type { Route } from '../config/route.ts'
import type { RouteProof } from '../relay/credential-health.ts'
import type { RelayJournal } from '../relay/relay-journal.ts'
import type { ReplicatedEvent } from '../relay/replicated-event.ts'
import type { RelayEventLog } from '../relay/replicated-event.ts'
import type { RelayFeedback } from '../relay/settlements.ts'
import type { Store } from '../store/store.ts'

/** For `journal.enabled: false`: what is owned is lost with the process. */
export const noJournal: RelayJournal = {
  put: () => ({ settled: () => undefined }),
}

/** @param route its name, as in the following */
export function journalOf({ journal }: Store, route: string): RelayJournal {
  return { put: (entries) => journal.put(route, entries) }
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
    keep: () => {
      proofs.keep(name, setup)
    },
  }
}

export function eventLogOf({ eventLog }: Store, route: string): RelayEventLog {
  return {
    isShared: eventLog.isShared,
    listen: (apply) =>
      eventLog.listen(route, ({ event, position, atMs }) => {
        apply({ event: event as ReplicatedEvent, position, atMs })
      }),
    append: (event) => {
      eventLog.append(route, event)
    },
  }
}

export function feedbackOf({ feedback }: Store, route: string): RelayFeedback {
  return {
    add: (token, timestamp) => {
      feedback.add(route, token, timestamp)
    },
    drop: (token) => {
      feedback.drop(route, token)
    },
  }
}
