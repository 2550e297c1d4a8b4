/** The part of a store that a relay gets: only events of its route, and only those that it can apply. */
import t from 'tap'
import { eventLogOf } from '../../src/proxy/store-for-route.ts'
import type { LoggedEvent } from '../../src/relay/replicated-event.ts'
import type { LoggedEvent as StoredEvent } from '../../src/store/store.ts'
import { LocalEventLog } from '../../src/store/local-event-log.ts'
import { FakeClock } from '../fixtures/fake-clock.ts'

t.test('junk in the event log is counted as damage, and the next event is applied', (t) => {
  const eventLog = new LocalEventLog(new FakeClock())
  let damaged = 0
  // As if another process had appended it.
  const foreign = {
    isShared: true,
    append: eventLog.append.bind(eventLog),
    listen: (route: string, apply: (event: StoredEvent) => void) =>
      eventLog.listen(route, (event) => {
        apply({ ...event, own: false })
      }),
  }
  const ofRoute = eventLogOf({ eventLog: foreign }, 'app', () => {
    damaged++
  })
  const applied: LoggedEvent[] = []
  const end = ofRoute.listen((event) => applied.push(event))
  for (const junk of [null, 'opened', { kind: 'opened' }]) eventLog.append('app', junk)
  eventLog.append('mdm', null)
  ofRoute.append({ kind: 'opened', id: 'a 1' })
  t.equal(damaged, 3)
  t.match(applied, [{ event: { kind: 'opened', id: 'a 1' }, position: 5 }])
  t.equal(applied.length, 1)
  end()
  eventLog.append('app', null)
  t.equal(damaged, 3)
  t.end()
})
