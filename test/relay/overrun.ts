import fc from 'fast-check'
import t from 'tap'
import type { Resendable, Origin, Reported } from '../../src/relay/remembered-error-response.ts'
import { Overrun } from '../../src/relay/overrun.ts'
import { overrunEvent, OverrunRun } from '../fixtures/overrun-model.ts'

/** One copy for each key; the same key twice makes two. */
class Named implements Resendable {
  readonly key: string

  constructor(key: string) {
    this.key = key
  }
}

const copies = (...keys: string[]): Named[] => keys.map((key) => new Named(key))

const connection = (number: number): Origin => ({
  id: `id ${number}`,
  sender: 'sender',
  order: number,
})

/** The error response of connection 1 names `bad`; connection 2 was open at that time. */
const first = connection(1)
const beside = connection(2)
const later = connection(3)

function reported(changes: Partial<Reported<Named>> = {}): Reported<Named> {
  return {
    id: first.id,
    sender: 'sender',
    order: 2,
    statusCode: 8,
    named: 'bad',
    inFront: ['front'],
    behind: copies('one', 'two', 'three'),
    ambiguous: false,
    ...changes,
  }
}

interface Given {
  readonly overrun: Overrun<Named>
  /** Whether an arriving notification is recognised as a resend. */
  readonly isResend: (origin: Origin, key: string, nowMs: number) => boolean
}

function given(changes: Partial<Reported<Named>> = {}, maxEntries = 100): Given {
  const overrun = new Overrun<Named>({ resendWindowMs: 10_000, maxEntries })
  overrun.reported(reported(changes), 0)
  return {
    overrun,
    isResend: (origin, key, nowMs) => {
      overrun.forgetExpired(nowMs)
      return overrun.match(origin, key, nowMs) !== undefined
    },
  }
}

t.test('recognises no resend without a report', (t) => {
  const overrun = new Overrun<Named>({ resendWindowMs: 10_000, maxEntries: 100 })
  t.equal(overrun.isActive(0), false)
  t.equal(overrun.covers(first.id), false)
  t.equal(overrun.match(later, 'one', 0), undefined)
  t.equal(overrun.size, 0)
  t.end()
})

t.test('a key on both sides of the named one does not begin a new run', (t) => {
  const { isResend } = given({
    inFront: ['front', 'twice'],
    behind: copies('bad', 'twice', 'one', 'two'),
  })
  for (const key of ['bad', 'twice', 'one']) t.equal(isResend(later, key, 0), true, key)
  t.equal(isResend(later, 'front', 0), false)
  t.equal(isResend(later, 'two', 0), false, 'a new run has begun')
  t.end()
})

t.test('matches each resend with its first copy, in any order', (t) => {
  const behind = copies('one', 'two', 'three')
  const { overrun } = given({ behind })
  t.equal(overrun.match(later, 'three', 0), behind[2])
  t.equal(overrun.match(later, 'one', 0), behind[0])
  t.equal(overrun.match(later, 'two', 0), behind[1])
  t.equal(overrun.size, 0)
  t.end()
})

t.test('matches one resend for each copy; a further repetition is delivered', (t) => {
  const behind = copies('one', 'one', 'two')
  const { overrun } = given({ behind })
  t.equal(overrun.match(later, 'one', 0), behind[0])
  t.equal(overrun.match(later, 'one', 0), behind[1])
  t.equal(overrun.match(later, 'one', 0), undefined)
  t.equal(overrun.size, 1)
  t.end()
})

t.test('withdrawing an unknown report changes nothing', (t) => {
  const { overrun } = given()
  overrun.withdrawn(beside.id)
  t.equal(overrun.size, 3)
  t.equal(overrun.covers(first.id), true)
  overrun.withdrawn(first.id)
  t.equal(overrun.size, 0)
  t.equal(overrun.covers(first.id), false)
  t.end()
})

t.test('(a) matches on any other connection of the route, even older ones', (t) => {
  const { isResend } = given()
  t.ok(isResend(beside, 'one', 0))
  t.ok(isResend(later, 'two', 0))
  t.end()
})

t.test('(a) matches on the reported connection until its sender has paused', (t) => {
  const { isResend } = given()
  t.ok(isResend(first, 'one', 30_000), 'it writes without a pause')
  t.notOk(isResend({ ...first, hasPaused: true }, 'two', 30_000))
  t.ok(isResend(later, 'two', 30_000), 'and still on another')
  t.end()
})

t.test('(a) remembers what still arrives on the reported connection', (t) => {
  const { overrun, isResend } = given()
  t.equal(overrun.covers(first.id), true)
  t.equal(overrun.covers(beside.id), false)
  overrun.arrived(first, new Named('four'), 30_000)
  t.ok(isResend(later, 'four', 30_000))
  t.end()
})

t.test('(b) a copy is remembered for 10 s after the sender’s EOF', (t) => {
  const { overrun, isResend } = given()
  overrun.ended(first.id, 5000)
  t.ok(isResend(later, 'one', 14_999))
  overrun.ended(first.id, 16_000)
  t.ok(isResend(later, 'two', 24_998), 'renewed by the match')
  t.notOk(isResend(later, 'three', 34_998))
  t.equal(overrun.size, 0)
  t.end()
})

t.test(
  '(b) a copy is remembered for up to 60 s while the sender writes on a later connection',
  (t) => {
    const { overrun, isResend } = given({ behind: copies('one', 'two', 'three', 'four') })
    overrun.ended(first.id, 0)
    for (let ms = 5000; ms <= 55_000; ms += 5000) {
      overrun.forgetExpired(ms)
      overrun.resumed(later, ms)
    }
    t.ok(isResend(later, 'one', 59_999), 'which a match renews')
    overrun.resumed(later, 69_000)
    t.ok(isResend(later, 'two', 69_998))
    t.notOk(isResend(later, 'three', 79_998), 'beyond the minute, only a match does')
    t.end()
  },
)

for (const [what, origin] of Object.entries({
  'a sender that has paused': { ...later, hasPaused: true },
  'another sender': { ...later, sender: 'other' },
  'a connection that was open already': beside,
}))
  t.test(`(b) bytes of ${what} do not extend that time`, (t) => {
    const { overrun, isResend } = given()
    overrun.ended(first.id, 0)
    overrun.resumed(origin, 9000)
    t.notOk(isResend(later, 'one', 10_000))
    t.end()
  })

t.test(
  '(b) a notification without a match does not extend that time, nor does a second EOF',
  (t) => {
    const { overrun, isResend } = given()
    overrun.ended(first.id, 0)
    t.notOk(isResend(later, 'unheard', 9000))
    overrun.ended(first.id, 9000)
    overrun.ended(beside.id, 9000)
    t.notOk(isResend(later, 'one', 10_000))
    t.end()
  },
)

t.test('(b) a notification decoded after the EOF does not extend that time', (t) => {
  const { overrun, isResend } = given()
  overrun.ended(first.id, 0)
  overrun.arrived(first, new Named('four'), 1000)
  t.ok(overrun.isActive(9999))
  t.notOk(isResend(later, 'four', 10_000))
  t.end()
})

t.test('(b) a copy is remembered for 60 s while the sender is silent and stays connected', (t) => {
  const { overrun, isResend } = given()
  t.ok(isResend(later, 'one', 59_999))
  t.notOk(isResend(later, 'two', 60_000))
  overrun.ended(first.id, 60_001)
  t.notOk(isResend(later, 'three', 60_002), 'and an EOF that comes later revives nothing')
  t.end()
})

t.test('(b) an EOF after 60 s does not extend that time', (t) => {
  const { overrun } = given()
  overrun.ended(first.id, 60_000)
  t.equal(overrun.size, 0)
  t.end()
})

t.test('(b) each copy has its own 60 s while the sender writes on', (t) => {
  const { overrun, isResend } = given()
  overrun.arrived(first, new Named('four'), 30_000)
  t.ok(isResend(later, 'one', 59_999))
  t.notOk(isResend(later, 'two', 60_000))
  t.equal(overrun.size, 1)
  t.ok(isResend(later, 'four', 89_999))
  t.end()
})

for (const key of ['bad', 'front'])
  for (const [what, origin] of Object.entries({ 'a later connection': later, 'it itself': first }))
    t.test(`(d) ${key} on ${what} begins a new run, so everything is delivered`, (t) => {
      const { overrun, isResend } = given()
      t.notOk(isResend(origin, key, 0))
      t.notOk(isResend(later, 'one', 0))
      t.equal(overrun.isActive(0), false)
      t.equal(overrun.size, 0)
      t.end()
    })

t.test('(d) after a new run on the same connection, no later notification matches', (t) => {
  const { overrun, isResend } = given()
  for (const round of [1, 2, 3])
    for (const key of ['front', 'bad', 'one', 'two']) {
      t.notOk(isResend(first, key, round * 4000), `${key} in round ${round}`)
      overrun.arrived(first, new Named(key), round * 4000)
    }
  t.equal(overrun.size, 0)
  t.end()
})

t.test('(d) a connection that was already open begins no new run', (t) => {
  const { isResend } = given()
  t.notOk(isResend(beside, 'bad', 0))
  t.notOk(isResend(beside, 'front', 0))
  t.ok(isResend(beside, 'one', 0))
  t.end()
})

t.test(
  '(d) if the named one was refused unread, only notifications in front of it begin a new run',
  (t) => {
    const { isResend } = given({ named: undefined })
    t.notOk(isResend(later, 'front', 0))
    t.notOk(isResend(later, 'one', 0))
    t.end()
  },
)

for (const statusCode of [1, 10, 255])
  t.test(
    `(d) the named one begins no new run after status ${statusCode}, because senders retry it`,
    (t) => {
      const { isResend } = given({ statusCode })
      t.notOk(isResend(later, 'bad', 0))
      t.ok(isResend(later, 'one', 0))
      t.end()
    },
  )

t.test('(d) a new run does not affect other reports', (t) => {
  const { overrun, isResend } = given()
  overrun.reported(
    reported({ id: beside.id, named: 'worse', inFront: [], behind: copies('four') }),
    0,
  )
  t.notOk(isResend(later, 'bad', 0))
  t.ok(isResend(later, 'four', 0))
  t.end()
})

t.test(
  '(e) if the identifier is ambiguous, notifications in front match too, and none begins a new run',
  (t) => {
    const { isResend } = given({ ambiguous: true, behind: copies('front', 'bad', 'one') })
    t.ok(isResend(later, 'front', 0))
    t.ok(isResend(later, 'bad', 0))
    t.ok(isResend(later, 'one', 0))
    t.end()
  },
)

t.test('does not remember copies above the limit; a match makes room', (t) => {
  const { overrun, isResend } = given({}, 2)
  t.equal(overrun.size, 2)
  t.notOk(isResend(later, 'three', 0))
  t.ok(isResend(later, 'one', 0))
  overrun.arrived(first, new Named('four'), 0)
  overrun.arrived(first, new Named('five'), 0)
  t.ok(isResend(later, 'four', 0))
  t.notOk(isResend(later, 'five', 0))
  t.end()
})

t.test('expired copies make room for the next report', (t) => {
  const { overrun, isResend } = given({}, 3)
  overrun.ended(first.id, 0)
  overrun.reported(reported({ id: later.id, behind: copies('four', 'five', 'six') }), 10_000)
  t.ok(isResend(beside, 'six', 10_000))
  t.end()
})

t.test('remembers the 10,000 connections of deaf senders that fell silent last', (t) => {
  const overrun = new Overrun<Named>({ resendWindowMs: 10_000, maxEntries: 100 })
  for (let number = 0; number <= 10_000; number++)
    overrun.reported(reported({ id: connection(number).id }), number * 60_000)
  t.equal(overrun.isActive(10_001 * 60_000), false, 'all have been silent for a minute')
  overrun.forgetExpired(10_001 * 60_000)
  t.same(
    [0, 1, 10_000].map((number) => overrun.covers(connection(number).id)),
    [false, true, true],
  )
  t.end()
})

t.test('matches copies of the older of two reports first', (t) => {
  const { overrun, isResend } = given()
  overrun.ended(first.id, 0)
  overrun.reported(reported({ id: beside.id, behind: copies('one') }), 0)
  t.ok(isResend(connection(4), 'one', 9000), 'the first report’s, which this renews')
  t.ok(isResend(connection(4), 'two', 18_000))
  t.ok(isResend(connection(4), 'one', 18_000), 'the second one’s')
  t.notOk(isResend(connection(4), 'one', 18_000))
  t.end()
})

t.test('remembers what the contract says for any order of events', (t) => {
  fc.assert(
    fc.property(fc.array(overrunEvent, { maxLength: 60, size: 'max' }), (events) => {
      const run = new OverrunRun()
      for (const event of events) run.play(event)
    }),
    { numRuns: 3000 },
  )
  t.end()
})

t.test('forgets all copies of a silent connection even if the clock goes back', (t) => {
  const { overrun } = given()
  overrun.arrived(first, new Named('four'), -50)
  t.ok(overrun.isDue(60_000))
  overrun.forgetExpired(60_000)
  t.equal(overrun.size, 0)
  t.equal(overrun.isEmpty, true)
  t.end()
})

t.test('reports whether each copy was matched or forgotten, and when the next one expires', (t) => {
  const heard: string[] = []
  const overrun = new Overrun<Named>({ resendWindowMs: 10_000, maxEntries: 2 }, (copy, matched) =>
    heard.push(`${copy.key} ${matched ? 'matched' : 'forgotten'}`),
  )
  overrun.reported(reported(), 0)
  t.same(heard, ['three forgotten'], 'it did not fit')
  overrun.match(later, 'two', 0)
  t.equal(overrun.isDue(59_999), false)
  t.equal(overrun.isDue(60_000), true)
  overrun.ended(first.id, 1000)
  t.equal(overrun.isDue(10_999), false)
  t.equal(overrun.isDue(11_000), true)
  overrun.forgetExpired(11_000)
  t.same(heard.slice(1), ['two matched', 'one forgotten'])
  t.end()
})
