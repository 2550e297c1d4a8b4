/** The part of a store that belongs to one route, as its relay uses it. */
import type { RelayJournal } from '../relay/relay-journal.ts'
import { parseReplicatedEvent, type RelayEventLog } from '../relay/replicated-event.ts'
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

/** @param damaged is called for each event that no proxy of this version can have appended */
export function eventLogOf(
  { eventLog }: Pick<Store, 'eventLog'>,
  route: string,
  damaged: () => void,
): RelayEventLog {
  return {
    listen: (apply) =>
      eventLog.listen(route, ({ event: json, position, atMs }) => {
        const event = parseReplicatedEvent(json)
        if (event === undefined) damaged()
        else apply({ event, position, atMs })
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
