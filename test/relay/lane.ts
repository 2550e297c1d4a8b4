import fc from 'fast-check'
import t from 'tap'
import {
  accepted,
  Lane,
  type Rejection,
  type Report,
  type Settlement,
} from '../../src/relay/lane.ts'
import { badToken, LaneEntry, laneEvent, LaneRun, laneTimes } from '../fixtures/lane-model.ts'

const tooLong: Rejection = { kind: 'rejected', statusCode: 7, reason: 'PayloadTooLarge' }

/** The verdicts in order: `NUMBER STATUS told` or `untold`. */
class JudgedLane extends Lane<LaneEntry> {
  readonly verdicts: string[] = []

  override settle(entry: LaneEntry, settlement: Settlement, nowMs: number): boolean {
    const canBeTold = super.settle(entry, settlement, nowMs)
    if (!canBeTold) this.#judge(entry, 'untold')
    return canBeTold
  }

  override stopReporting(): LaneEntry[] {
    const untold = super.stopReporting()
    for (const entry of untold) this.#judge(entry, 'untold')
    return untold
  }

  /** The error response has been written. */
  reported(): void {
    const [named, ...behind] = super.stopReporting()
    if (named !== undefined) this.#judge(named, 'told')
    for (const entry of behind) this.#judge(entry, 'untold')
  }

  #judge({ number, settlement }: LaneEntry, verdict: string): void {
    const statusCode = settlement?.kind === 'rejected' ? settlement.statusCode : ''
    this.verdicts.push(`${number} ${statusCode} ${verdict}`)
  }
}

interface Given {
  readonly lane: JudgedLane
  readonly verdicts: readonly string[]
  /** Adds an entry for each identifier, numbered from 1. */
  readonly receive: (...identifiers: (number | undefined)[]) => LaneEntry[]
}

function given(): Given {
  const lane = new JudgedLane(laneTimes)
  let count = 0
  const receive: Given['receive'] = (...identifiers) =>
    identifiers.map((identifier) => {
      const entry = new LaneEntry(++count, identifier)
      lane.receive(entry)
      return entry
    })
  return { lane, verdicts: lane.verdicts, receive }
}

/** Settles all as accepted. */
function acceptAll(lane: Lane<LaneEntry>, entries: readonly LaneEntry[]): void {
  for (const entry of entries) lane.settle(entry, accepted, 0)
}

const report = (identifier: number, statusCode = 8): object => ({
  do: 'report',
  response: { statusCode, identifier },
})
const waitUntil = (atMs: number): object => ({ do: 'wait', atMs })
const nothing = { do: 'nothing' }
const close = { do: 'close' }

function reportOf(lane: JudgedLane): Report<LaneEntry> {
  const written = lane.report()
  if (written === undefined) throw new TypeError('a report')
  lane.reported()
  return written
}

/** The numbers that {@link given} assigns. */
const numbers = (from: number, to: number): number[] =>
  Array.from({ length: to - from + 1 }, (_, index) => from + index)

function numbersOf(entries: readonly LaneEntry[] | undefined): number[] {
  return (entries ?? []).map(({ number }) => number)
}

t.test('reports nothing if all notifications are accepted', (t) => {
  const { lane, receive, verdicts } = given()
  acceptAll(lane, receive(1, 2, 3))
  t.same(lane.advise(10_000, true), nothing)
  t.same(verdicts, [])
  t.equal(lane.inFlight, 0)
  t.end()
})

t.test('names the first rejected notification in the order received, not of the answers', (t) => {
  const { lane, receive } = given()
  const [one, two, three, four] = receive(1, 2, 3, 4)
  if (!one || !two || !three || !four) throw new TypeError('four entries')
  lane.settle(four, tooLong, 0)
  t.same(lane.advise(0, true), waitUntil(500))
  lane.settle(three, accepted, 1)
  lane.settle(two, badToken, 2)
  t.same(lane.advise(2, true), waitUntil(500))
  lane.settle(one, accepted, 3)
  t.same(lane.advise(3, true), report(2))
  t.end()
})

t.test('waits up to 500 ms after the first rejection for notifications received before it', (t) => {
  const { lane, receive, verdicts } = given()
  const [one, two] = receive(1, 2)
  if (!one || !two) throw new TypeError('two entries')
  lane.settle(two, badToken, 100)
  t.same(lane.advise(599, true), waitUntil(600))
  t.equal(lane.inFlight, 1)
  t.same(lane.advise(600, true), { do: 'leave' })
  lane.leave()
  t.same(lane.advise(600, true), report(2))
  t.equal(lane.inFlight, 0, 'the first is owned by the gateway from then on')
  lane.reported()
  lane.settle(one, badToken, 700)
  t.same(verdicts, ['2 8 told', '1 8 untold'])
  t.end()
})

t.test('names a second rejected notification if it was received before the first', (t) => {
  const { lane, receive } = given()
  const [, two, three] = receive(1, 2, 3)
  if (!two || !three) throw new TypeError('three entries')
  lane.settle(three, badToken, 0)
  lane.settle(two, tooLong, 400)
  t.same(lane.advise(500, true), { do: 'leave' })
  lane.leave()
  t.same(lane.advise(500, true), report(2, 7))
  t.end()
})

t.test('reports 20 ms after the last byte of the sender', (t) => {
  const { lane, receive } = given()
  const [one] = receive(1)
  if (!one) throw new TypeError('an entry')
  lane.bytesRead(0)
  lane.settle(one, badToken, 50)
  t.same(lane.advise(50, false), waitUntil(70))
  lane.bytesRead(60)
  t.same(lane.advise(70, false), waitUntil(80))
  t.same(lane.advise(80, false), report(1))
  t.end()
})

t.test('reports after 100 ms even if the sender is busy', (t) => {
  const { lane, receive } = given()
  const [one] = receive(1)
  if (!one) throw new TypeError('an entry')
  lane.settle(one, badToken, 0)
  for (let ms = 0; ms < 100; ms += 10) {
    lane.bytesRead(ms)
    t.same(lane.advise(ms, false), waitUntil(Math.min(ms + 20, 100)))
  }
  lane.bytesRead(99)
  t.same(lane.advise(99, false), waitUntil(100))
  t.same(lane.advise(100, false), report(1))
  t.end()
})

t.test('reports at once to a sender that has resent before', (t) => {
  const { lane, receive } = given()
  const [one] = receive(1)
  if (!one) throw new TypeError('an entry')
  lane.bytesRead(5)
  lane.settle(one, badToken, 5)
  t.same(lane.advise(5, true), report(1))
  t.end()
})

t.test('reports nothing after the sender’s EOF', (t) => {
  const { lane, receive, verdicts } = given()
  const [one, two] = receive(1, 2)
  if (!one || !two) throw new TypeError('two entries')
  lane.settle(one, badToken, 0)
  lane.stopReporting()
  lane.stopReporting()
  t.same(lane.advise(0, true), nothing)
  t.same(verdicts, ['1 8 untold'])
  lane.settle(two, badToken, 1)
  t.same(lane.advise(1000, true), nothing)
  t.same(verdicts, ['1 8 untold', '2 8 untold'])
  t.equal(lane.report(), undefined)
  t.end()
})

t.test('counts a rejection without identifier as untold, and does not wait for it', (t) => {
  const { lane, receive, verdicts } = given()
  const [one, two, three] = receive(undefined, undefined, 3)
  if (!one || !two || !three) throw new TypeError('three entries')
  lane.settle(one, badToken, 0)
  t.same(verdicts, ['1 8 untold'])
  t.same(lane.advise(1000, true), nothing, 'and the connection stays open')
  lane.settle(three, badToken, 1000)
  t.same(lane.advise(1000, true), waitUntil(1500))
  lane.settle(two, badToken, 1001)
  t.same(lane.advise(1001, true), report(3))
  t.end()
})

t.test('reports once; later rejections are untold', (t) => {
  const { lane, receive, verdicts } = given()
  const [one, two, three] = receive(1, 2, 3)
  if (!one || !two || !three) throw new TypeError('three entries')
  lane.settle(one, badToken, 0)
  lane.settle(two, tooLong, 0)
  t.same(lane.advise(0, true), report(1))
  t.equal(lane.report()?.named, one)
  lane.reported()
  t.same(verdicts, ['1 8 told', '2 7 untold'])
  t.equal(lane.report(), undefined)
  lane.reported()
  const [four] = receive(4)
  if (!four) throw new TypeError('an entry')
  t.equal(lane.inFlight, 2)
  lane.settle(three, badToken, 1)
  lane.settle(four, badToken, 1)
  t.same(lane.advise(1000, true), nothing)
  t.equal(lane.inFlight, 0)
  t.same(verdicts.slice(2), ['3 8 untold', '4 8 untold'])
  t.end()
})

t.test('reports the identifiers 0 and 4,294,967,295 like any other', (t) => {
  for (const identifier of [0, 0xffffffff]) {
    const { lane, receive } = given()
    const [one] = receive(identifier)
    if (!one) throw new TypeError('an entry')
    lane.settle(one, badToken, 0)
    t.same(lane.advise(0, true), report(identifier))
  }
  t.end()
})

t.test('throws when a notification is settled twice', (t) => {
  const { lane, receive } = given()
  const [one] = receive(1)
  if (!one) throw new TypeError('an entry')
  lane.settle(one, accepted, 0)
  t.throws(() => {
    lane.settle(one, badToken, 0)
  }, new TypeError('a notification is settled once'))
  t.end()
})

t.test('has no report while nothing is rejected', (t) => {
  const { lane, receive } = given()
  receive(1)
  t.equal(lane.report(), undefined)
  t.equal(lane.inFlight, 1)
  t.end()
})

const sequences = [
  { what: 'that rise from 0', identifiers: [0, 1, 2], hasRepeatedIdentifiers: false },
  { what: 'that rise from 1', identifiers: [1, 2, 9], hasRepeatedIdentifiers: false },
  {
    what: 'that are missing',
    identifiers: [undefined, 1, undefined, 2],
    hasRepeatedIdentifiers: false,
  },
  { what: 'that repeat', identifiers: [1, 2, 2], hasRepeatedIdentifiers: true },
  { what: 'that fall', identifiers: [2, 1], hasRepeatedIdentifiers: true },
]

for (const { what, identifiers, hasRepeatedIdentifiers } of sequences)
  t.test(`identifiers ${what} ${hasRepeatedIdentifiers ? 'may not be' : 'are'} unique`, (t) => {
    const { lane, receive } = given()
    receive(...identifiers)
    t.equal(lane.hasRepeatedIdentifiers, hasRepeatedIdentifiers)
    t.end()
  })

t.test('remembers when the sender last wrote', (t) => {
  const { lane } = given()
  t.equal(lane.lastReadAtMs, -Infinity)
  lane.bytesRead(7)
  t.equal(lane.lastReadAtMs, 7)
  t.end()
})

t.test('after finish, closes as soon as everything is settled', (t) => {
  const { lane, receive } = given()
  const [one] = receive(1)
  if (!one) throw new TypeError('an entry')
  lane.finish(100)
  t.same(lane.advise(100, true), waitUntil(600))
  lane.settle(one, accepted, 200)
  t.same(lane.advise(200, true), close)
  t.end()
})

t.test('after finish, closes at the error deadline, which a second finish does not move', (t) => {
  const { lane, receive } = given()
  receive(1)
  lane.finish(100)
  lane.finish(400)
  t.same(lane.advise(599, true), waitUntil(600))
  t.same(lane.advise(600, true), close)
  t.end()
})

t.test('after finish, still reports a rejection', (t) => {
  const { lane, receive } = given()
  const [one] = receive(1)
  if (!one) throw new TypeError('an entry')
  lane.finish(0)
  lane.settle(one, badToken, 400)
  t.same(lane.advise(400, true), report(1))
  t.end()
})

t.test('after the sender’s EOF, finish closes nothing', (t) => {
  const { lane } = given()
  lane.stopReporting()
  lane.finish(0)
  t.same(lane.advise(1000, true), nothing)
  t.end()
})

t.test('a report has the deliveries behind the named one, and those that begin a new run', (t) => {
  const { lane, receive } = given()
  const places = receive(...Array.from({ length: 100 }, (_, index) => index))
  for (const [index, place] of places.entries())
    lane.settle(place, index === 59 ? badToken : accepted, 0)
  t.same(lane.advise(0, true), report(59))
  const written = reportOf(lane)
  t.equal(written.ambiguous, false)
  t.same(numbersOf(written.inFront), [...numbers(1, 16), ...numbers(44, 59)])
  t.same(numbersOf(written.behind), numbers(61, 100))
  t.end()
})

t.test('in a short lane, only notifications in front of the named one begin a new run', (t) => {
  const { lane, receive } = given()
  const places = receive(1, 2, 3, 4)
  for (const [index, place] of places.entries())
    lane.settle(place, index === 1 ? badToken : accepted, 0)
  lane.advise(0, true)
  const written = reportOf(lane)
  t.same([...new Set(numbersOf(written.inFront))], [1])
  t.same(numbersOf(written.behind), [3, 4])
  t.end()
})

t.test(
  'in a long lane, the first 16 and the last 16 in front of the named one begin a new run',
  (t) => {
    const { lane, receive } = given()
    acceptAll(lane, receive(...Array.from({ length: 20_000 }, (_, index) => index)))
    const [bad] = receive(20_000)
    if (!bad) throw new TypeError('an entry')
    lane.settle(bad, badToken, 0)
    lane.advise(0, true)
    const inFront = numbersOf(lane.report()?.inFront)
    t.same(inFront.slice(0, 16), numbers(1, 16))
    t.same(inFront.slice(16), numbers(19_985, 20_000))
    t.end()
  },
)

t.test('remembers 32 settled deliveries, and more behind an unsettled one', (t) => {
  const { lane, receive } = given()
  const settledCount = (): number => {
    const seen = new Set<LaneEntry>()
    lane.eachSettled((entry) => seen.add(entry))
    return seen.size
  }
  const [unsettled] = receive(0)
  if (!unsettled) throw new TypeError('an entry')
  acceptAll(lane, receive(...Array.from({ length: 100 }, (_, index) => index + 1)))
  t.equal(settledCount(), 15, 'what stands behind an unsettled one is waited for')
  lane.settle(unsettled, accepted, 0)
  t.equal(settledCount(), 32)
  t.end()
})

t.test('an unsettled delivery leaves the lane when 4,096 settled ones wait behind it', (t) => {
  const { lane, receive, verdicts } = given()
  const [stuck] = receive(0)
  if (!stuck) throw new TypeError('an entry')
  acceptAll(lane, receive(...Array.from({ length: 4096 }, (_, index) => index + 1)))
  t.equal(lane.inFlight, 1)
  acceptAll(lane, receive(4097))
  t.equal(lane.inFlight, 0)
  const [bad] = receive(4098)
  if (!bad) throw new TypeError('an entry')
  lane.settle(bad, badToken, 0)
  t.same(lane.advise(0, true), report(4098))
  lane.settle(stuck, badToken, 1)
  t.same(verdicts, ['1 8 untold'])
  t.end()
})

t.test('in a long lane, the report also waits for all deliveries in front', (t) => {
  const { lane, receive } = given()
  const unsettled: LaneEntry[] = []
  for (let number = 0; number < 5000; number++) {
    unsettled.push(...receive(number))
    if (unsettled.length > 10) acceptAll(lane, unsettled.splice(0, 1))
  }
  t.equal(lane.inFlight, 10)
  const [bad] = unsettled.splice(9, 1)
  if (!bad) throw new TypeError('an entry')
  lane.settle(bad, badToken, 5000)
  t.same(lane.advise(5000, true), waitUntil(5500))
  acceptAll(lane, unsettled)
  t.same(lane.advise(5000, true), report(4999))
  t.end()
})

t.test(
  'if the named identifier is not unique, everything from its first occurrence is behind',
  (t) => {
    const { lane, receive } = given()
    const [one, two, three, four, five] = receive(7, 8, 7, 8, 9)
    if (!one || !two || !three || !four || !five) throw new TypeError('five entries')
    acceptAll(lane, [one, two, three])
    lane.settle(four, badToken, 0)
    t.same(lane.advise(0, true), report(8))
    const written = reportOf(lane)
    t.equal(written.ambiguous, true)
    t.same(numbersOf(written.behind), [2, 3, 4, 5])
    t.end()
  },
)

t.test(
  'if identifiers repeat, remembers the last 4,096 settled deliveries, and up to 127 more',
  (t) => {
    for (const [settled, firstRemembered] of [
      [4223, 1],
      [4224, 129],
    ] as const) {
      const { lane, receive } = given()
      acceptAll(lane, receive(...new Array<number>(settled).fill(0)))
      const [bad] = receive(0)
      if (!bad) throw new TypeError('an entry')
      lane.settle(bad, badToken, 0)
      t.same(numbersOf(reportOf(lane).behind), numbers(firstRemembered, settled + 1))
    }
    t.end()
  },
)

t.test('the named identifier is ambiguous if it also occurs behind the named one', (t) => {
  const { lane, receive } = given()
  const [one] = receive(0, 0)
  if (!one) throw new TypeError('two entries')
  lane.settle(one, badToken, 0)
  lane.advise(0, true)
  const written = reportOf(lane)
  t.equal(written.ambiguous, true)
  t.same(numbersOf(written.behind), [1, 2])
  t.end()
})

t.test('the named identifier is not ambiguous if only others repeat', (t) => {
  const { lane, receive } = given()
  const [one, two, three, four] = receive(7, 7, 3, 9)
  if (!one || !two || !three || !four) throw new TypeError('four entries')
  acceptAll(lane, [one, two])
  lane.settle(three, badToken, 0)
  lane.advise(0, true)
  const written = reportOf(lane)
  t.equal(written.ambiguous, false)
  t.same(numbersOf(written.behind), [4])
  t.end()
})

t.test('does what the contract says for any order of events', (t) => {
  fc.assert(
    fc.property(fc.array(laneEvent, { maxLength: 60, size: 'max' }), (events) => {
      const run = new LaneRun()
      for (const event of events) run.play(event)
      run.end()
    }),
    { numRuns: 2000 },
  )
  t.end()
})
