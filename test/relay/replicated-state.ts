/** Events of other processes; test/gateway/several-processes.ts has more tests of them. */
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
  /** Whether arriving notifications are compared with remembered copies. */
  readonly compares: () => boolean
  /** The copy that an arriving notification repeats. */
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
    setup: 'setup',
    followed: () => undefined,
    decided: () => undefined,
    resent: () => undefined,
    forgotten: () => undefined,
  }
  const deps = { eventLog, clock, processName: 'own' }
  const state = new ReplicatedState({ resendWindowSeconds: 10 }, owner, deps)
  eventLog.listen((event) => {
    state.apply(event)
  })
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

t.test('ignores copies behind a connection without a report', (t) => {
  const { append, compares } = given()
  append({ kind: 'behind', id: 'never told', items })
  t.equal(compares(), false)
  append(reporting)
  append({ kind: 'withdrawn', id: 'told', loop: 'bad' })
  append({ kind: 'behind', id: 'told', items })
  t.equal(compares(), false)
  t.end()
})

t.test('remembers copies that are added later no longer than the first ones', (t) => {
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

t.test('ignores the withdrawal of an unknown report', (t) => {
  const { append, compares } = given()
  append({ kind: 'withdrawn', id: 'before its time', loop: 'bad' })
  t.equal(compares(), false)
  t.end()
})

t.test('takes the ending of a forgotten copy from the next event about it', (t) => {
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

t.test('after leave, applies no events and appends none', (t) => {
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
