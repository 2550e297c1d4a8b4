/** What an state makes of events that others appended. The rest is in `test/gateway/several-processes.ts`. */
import t from 'tap'
import { ReplicatedState } from '../../src/relay/replicated-state.ts'
import type { Delivery, Original } from '../../src/relay/delivery.ts'
import { ConnectionState } from '../../src/relay/connection-state.ts'
import type { ReplicatedEvent, RememberedItem } from '../../src/relay/replicated-event.ts'
import { deliveryOf } from '../fixtures/delivery.ts'
import { FakeClock } from '../fixtures/fake-clock.ts'
import { laneTimes } from '../fixtures/lane-model.ts'
import { MemoryEventLog } from '../fixtures/memory-event-log.ts'

interface Given {
  readonly clock: FakeClock
  readonly append: (event: ReplicatedEvent) => void
  /** Whether what is read has to be compared with anything. */
  readonly compares: () => boolean
  /** What a notification repeats that is read now. */
  readonly originalOf: (delivery: Delivery) => Original | undefined
  readonly leave: () => void
  /** Kinds of all events so far. */
  readonly kinds: () => readonly string[]
}

function given(): Given {
  const clock = new FakeClock()
  const log = new MemoryEventLog(clock)
  const eventLog = log.join()
  const owner = {
    followed: () => undefined,
    decided: () => undefined,
    resent: () => undefined,
    forgotten: () => undefined,
  }
  const deps = { eventLog, clock, processName: 'own' }
  const state = new ReplicatedState({ resendWindowSeconds: 10 }, owner, deps)
  const connection = new ConnectionState(1, 'sender', laneTimes, {
    attend: () => undefined,
    settled: () => undefined,
  })
  state.opened(connection)
  return {
    clock,
    append: (event) => {
      eventLog.append(event)
    },
    compares: () => state.compares(connection, clock.now()),
    originalOf: (delivery) => {
      state.arrived(connection, [delivery])
      return delivery.original
    },
    leave: () => {
      state.leave()
    },
    kinds: () => log.kinds,
  }
}

const items: RememberedItem[] = [{ key: 'key', ref: 'ref', ending: undefined }]
const reporting: ReplicatedEvent = {
  kind: 'reporting',
  id: 'told',
  sender: 'sender',
  statusCode: 8,
  named: 'bad',
  inFront: [],
  behind: [],
  ambiguous: false,
  loop: 'bad',
}

t.test('nothing stands behind a connection that was not told anything', (t) => {
  const { append, compares } = given()
  append({ kind: 'behind', id: 'never told', items })
  t.equal(compares(), false)
  append(reporting)
  append({ kind: 'withdrawn', id: 'told', loop: 'bad' })
  append({ kind: 'behind', id: 'told', items })
  t.equal(compares(), false)
  t.end()
})

t.test('what is said later to stand behind it is remembered no longer than the rest', (t) => {
  const { clock, append, compares } = given()
  append(reporting)
  append({ kind: 'behind', id: 'told', items })
  append({ kind: 'ended', id: 'told' })
  clock.advance(9999)
  t.equal(compares(), true)
  clock.advance(1)
  t.equal(compares(), false)
  t.end()
})

t.test('what is withdrawn need not have been heard of', (t) => {
  const { append, compares } = given()
  append({ kind: 'withdrawn', id: 'before its time', loop: 'bad' })
  t.equal(compares(), false)
  t.end()
})

t.test('a copy that is no longer remembered is known by what is said of it next', (t) => {
  const { clock, append, compares, originalOf } = given()
  const resend = deliveryOf('resend')
  const { key } = resend
  append({ ...reporting, behind: [{ key, ref: 'ref', ending: undefined }] })
  append({ kind: 'ended', id: 'told' })
  clock.advance(10_000)
  t.equal(compares(), false)
  const ending = { kind: 'delivered' } as const
  append({ ...reporting, id: 'told later', behind: [{ key, ref: 'ref', ending }] })
  t.match(originalOf(resend), { ref: 'ref', ending })
  t.end()
})

t.test('who has left applies no more events, and does not ask for what is too old', (t) => {
  const { clock, append, compares, leave, kinds } = given()
  append(reporting)
  append({ kind: 'ended', id: 'told' })
  leave()
  append({ ...reporting, id: 'told later' })
  clock.advance(60_000)
  t.same(kinds(), ['opened', 'reporting', 'ended', 'reporting'])
  t.equal(compares(), false)
  t.end()
})
