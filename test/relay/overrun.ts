import fc from 'fast-check'
import t from 'tap'
import type { Copy, Origin, Reported } from '../../src/relay/episode.ts'
import { Overrun } from '../../src/relay/overrun.ts'
import { overrunEvent, OverrunRun } from '../fixtures/overrun-model.ts'

/** One copy for each key; the same key twice makes two. */
class Named implements Copy {
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

/** Connection 1 was told of `bad`, with `behind` behind it; 2 was open at that time. */
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
  /** Whether a notification that arrives is taken for a resend. */
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

t.test('without a report nothing is a resend', (t) => {
  const overrun = new Overrun<Named>({ resendWindowMs: 10_000, maxEntries: 100 })
  t.equal(overrun.isActive(0), false)
  t.equal(overrun.covers(first.id), false)
  t.equal(overrun.match(later, 'one', 0), undefined)
  t.equal(overrun.size, 0)
  t.end()
})

t.test('what stands on both sides of the named one is no sign of a new run', (t) => {
  const { isResend } = given({
    inFront: ['front', 'twice'],
    behind: copies('bad', 'twice', 'one', 'two'),
  })
  for (const key of ['bad', 'twice', 'one']) t.equal(isResend(later, key, 0), true, key)
  t.equal(isResend(later, 'front', 0), false)
  t.equal(isResend(later, 'two', 0), false, 'a new run has begun')
  t.end()
})

t.test('a resend is matched with its first copy, in any order', (t) => {
  const behind = copies('one', 'two', 'three')
  const { overrun } = given({ behind })
  t.equal(overrun.match(later, 'three', 0), behind[2])
  t.equal(overrun.match(later, 'one', 0), behind[0])
  t.equal(overrun.match(later, 'two', 0), behind[1])
  t.equal(overrun.size, 0)
  t.end()
})

t.test('each copy excuses one resend: what is repeated once more is wanted', (t) => {
  const behind = copies('one', 'one', 'two')
  const { overrun } = given({ behind })
  t.equal(overrun.match(later, 'one', 0), behind[0])
  t.equal(overrun.match(later, 'one', 0), behind[1])
  t.equal(overrun.match(later, 'one', 0), undefined)
  t.equal(overrun.size, 1)
  t.end()
})

t.test('nothing is withdrawn of a report that was never heard of', (t) => {
  const { overrun } = given()
  overrun.withdrawn(beside.id)
  t.equal(overrun.size, 3)
  t.equal(overrun.covers(first.id), true)
  overrun.withdrawn(first.id)
  t.equal(overrun.size, 0)
  t.equal(overrun.covers(first.id), false)
  t.end()
})

t.test('(a) matches on any other connection of the route, older ones as well', (t) => {
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

t.test('(a) what goes on arriving on the reported connection is overrun as well', (t) => {
  const { overrun, isResend } = given()
  t.equal(overrun.covers(first.id), true)
  t.equal(overrun.covers(beside.id), false)
  overrun.arrived(first, new Named('four'), 30_000)
  t.ok(isResend(later, 'four', 30_000))
  t.end()
})

t.test('(b) lives for 10 s after the sender’s EOF', (t) => {
  const { overrun, isResend } = given()
  overrun.ended(first.id, 5000)
  t.ok(isResend(later, 'one', 14_999))
  overrun.ended(first.id, 16_000)
  t.ok(isResend(later, 'two', 24_998), 'renewed by the match')
  t.notOk(isResend(later, 'three', 34_998))
  t.equal(overrun.size, 0)
  t.end()
})

t.test('(b) lives on while the sender goes on writing on a later connection, for 60 s', (t) => {
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
})

for (const [what, origin] of Object.entries({
  'a sender that has paused': { ...later, hasPaused: true },
  'another sender': { ...later, sender: 'other' },
  'a connection that was open already': beside,
}))
  t.test(`(b) what ${what} writes does not renew it`, (t) => {
    const { overrun, isResend } = given()
    overrun.ended(first.id, 0)
    overrun.resumed(origin, 9000)
    t.notOk(isResend(later, 'one', 10_000))
    t.end()
  })

t.test('(b) what does not match does not renew it, and only one EOF counts', (t) => {
  const { overrun, isResend } = given()
  overrun.ended(first.id, 0)
  t.notOk(isResend(later, 'unheard', 9000))
  overrun.ended(first.id, 9000)
  overrun.ended(beside.id, 9000)
  t.notOk(isResend(later, 'one', 10_000))
  t.end()
})

t.test('(b) what is decoded after the EOF does not prolong it', (t) => {
  const { overrun, isResend } = given()
  overrun.ended(first.id, 0)
  overrun.arrived(first, new Named('four'), 1000)
  t.ok(overrun.isActive(9999))
  t.notOk(isResend(later, 'four', 10_000))
  t.end()
})

t.test('(b) lives for 60 s while the sender says nothing and stays connected', (t) => {
  const { overrun, isResend } = given()
  t.ok(isResend(later, 'one', 59_999))
  t.notOk(isResend(later, 'two', 60_000))
  overrun.ended(first.id, 60_001)
  t.notOk(isResend(later, 'three', 60_002), 'and an EOF that comes later revives nothing')
  t.end()
})

t.test('(b) an EOF too late revives nothing, even where nothing arrived in between', (t) => {
  const { overrun } = given()
  overrun.ended(first.id, 60_000)
  t.equal(overrun.size, 0)
  t.end()
})

t.test('(b) each copy has its own 60 s while the sender goes on writing', (t) => {
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
    t.test(`(d) ${what} that brings ${key} begins a new run: all is wanted`, (t) => {
      const { overrun, isResend } = given()
      t.notOk(isResend(origin, key, 0))
      t.notOk(isResend(later, 'one', 0))
      t.equal(overrun.isActive(0), false)
      t.equal(overrun.size, 0)
      t.end()
    })

t.test('(d) after a new run on the same connection, no further round is compared', (t) => {
  const { overrun, isResend } = given()
  for (const round of [1, 2, 3])
    for (const key of ['front', 'bad', 'one', 'two']) {
      t.notOk(isResend(first, key, round * 4000), `${key} in round ${round}`)
      overrun.arrived(first, new Named(key), round * 4000)
    }
  t.equal(overrun.size, 0)
  t.end()
})

t.test('(d) a connection that was open already begins no new run', (t) => {
  const { isResend } = given()
  t.notOk(isResend(beside, 'bad', 0))
  t.notOk(isResend(beside, 'front', 0))
  t.ok(isResend(beside, 'one', 0))
  t.end()
})

t.test('(d) one that was refused unread has no key, what stood in front of it has', (t) => {
  const { isResend } = given({ named: undefined })
  t.notOk(isResend(later, 'front', 0))
  t.notOk(isResend(later, 'one', 0))
  t.end()
})

for (const statusCode of [1, 10, 255])
  t.test(`(d) status ${statusCode} makes senders retry the named one: no new run`, (t) => {
    const { isResend } = given({ statusCode })
    t.notOk(isResend(later, 'bad', 0))
    t.ok(isResend(later, 'one', 0))
    t.end()
  })

t.test('(d) a new run leaves other reports alone', (t) => {
  const { overrun, isResend } = given()
  overrun.reported(
    reported({ id: beside.id, named: 'worse', inFront: [], behind: copies('four') }),
    0,
  )
  t.notOk(isResend(later, 'bad', 0))
  t.ok(isResend(later, 'four', 0))
  t.end()
})

t.test('(e) an ambiguous identifier: also what stood in front matches, no new run', (t) => {
  const { isResend } = given({ ambiguous: true, behind: copies('front', 'bad', 'one') })
  t.ok(isResend(later, 'front', 0))
  t.ok(isResend(later, 'bad', 0))
  t.ok(isResend(later, 'one', 0))
  t.end()
})

t.test('what does not fit is not remembered, and what is matched makes room', (t) => {
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

t.test('what is over makes room for the next report', (t) => {
  const { overrun, isResend } = given({}, 3)
  overrun.ended(first.id, 0)
  overrun.reported(reported({ id: later.id, behind: copies('four', 'five', 'six') }), 10_000)
  t.ok(isResend(beside, 'six', 10_000))
  t.end()
})

t.test('of deaf senders, the 10,000 connections that fell silent last are remembered', (t) => {
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

t.test('of two reports the older one is used up first', (t) => {
  const { overrun, isResend } = given()
  overrun.ended(first.id, 0)
  overrun.reported(reported({ id: beside.id, behind: copies('one') }), 0)
  t.ok(isResend(connection(4), 'one', 9000), 'the first report’s, which this renews')
  t.ok(isResend(connection(4), 'two', 18_000))
  t.ok(isResend(connection(4), 'one', 18_000), 'the second one’s')
  t.notOk(isResend(connection(4), 'one', 18_000))
  t.end()
})

t.test('for any story, it remembers what the contract says', (t) => {
  fc.assert(
    fc.property(fc.array(overrunEvent, { maxLength: 60, size: 'max' }), (events) => {
      const run = new OverrunRun()
      for (const event of events) run.play(event)
    }),
    { numRuns: 3000 },
  )
  t.end()
})

t.test('where time goes back, what falls silent is forgotten to the last copy', (t) => {
  const { overrun } = given()
  overrun.arrived(first, new Named('four'), -50)
  t.ok(overrun.isDue(60_000))
  overrun.forgetExpired(60_000)
  t.equal(overrun.size, 0)
  t.equal(overrun.isEmpty, true)
  t.end()
})

t.test('says what became of each copy, and when something is to be forgotten', (t) => {
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
