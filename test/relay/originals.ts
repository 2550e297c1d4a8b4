/** First copies and their resends: each resend ends once, as its first copy did. */
import t from 'tap'
import { Original, type Delivery } from '../../src/relay/delivery.ts'
import { Originals } from '../../src/relay/originals.ts'
import type { Ending, RememberedItem } from '../../src/relay/replicated-event.ts'
import { deliveryOf } from '../fixtures/delivery.ts'
import { FakeClock } from '../fixtures/fake-clock.ts'

const over: Ending = { kind: 'delivered' }
const minuteMs = 60_000

interface Given {
  readonly copies: Originals
  readonly clock: FakeClock
  /** `REF KIND` of each resend that ended, or that waits no longer, and of first copies. */
  readonly followed: string[]
}

function given(): Given {
  const clock = new FakeClock()
  const followed: string[] = []
  const owner = {
    followed: ({ apnsId }: Delivery, ending: Ending | undefined) =>
      followed.push(`${apnsId} ${ending?.kind ?? 'alone'}`),
    resent: ({ apnsId }: Delivery) => followed.push(`${apnsId} resent`),
    forgotten: ({ apnsId }: Delivery) => followed.push(`${apnsId} forgotten`),
  }
  return { copies: new Originals(owner, clock), clock, followed }
}

function item(ref: string, ending?: Ending): RememberedItem {
  return { key: 'key', ref, ending }
}

t.test(
  'remembers an ending for later references to its copy, until 50,000 others have ended',
  (t) => {
    const { copies } = given()
    const end = (from: number, to: number): void => {
      for (let number = from; number <= to; number++) copies.ended(`ref ${number}`, over)
    }
    const endingOf = (ref: string): unknown => copies.of(item(ref)).ending
    end(1, 99_999)
    for (const ref of ['ref 50000', 'ref 50001', 'ref 99999']) t.same(endingOf(ref), over, ref)
    end(100_000, 100_000)
    t.equal(endingOf('ref 50000'), undefined)
    t.same(endingOf('ref 50001'), over)
    t.end()
  },
)

t.test('keeps a forgotten copy only while a resend waits for it', (t) => {
  const { copies } = given()
  const copy = copies.of(item('one'))
  t.equal(copies.of(item('one')), copy)
  copies.follow(deliveryOf('resend'), copy)
  copies.forgotten(copy, true)
  t.equal(copies.of(item('one')), copy)
  const other = copies.of(item('other'))
  copies.forgotten(other, false)
  t.not(copies.of(item('other')), other)
  t.end()
})

t.test('publishes the ending of a copy only if other processes may wait for it', (t) => {
  const { copies } = given()
  const [going, ended, another] = [deliveryOf('going'), deliveryOf('ended'), deliveryOf('another')]
  ended.end(over)
  t.match(copies.itemOf(going), { ref: 'going', ending: undefined })
  t.match(copies.itemOf(ended), { ref: 'ended', ending: over })
  t.equal(copies.unpublish(ended), false)
  t.equal(copies.unpublish(another), false)
  t.equal(copies.unpublish(going), true)
  t.equal(copies.unpublish(going), false)
  t.end()
})

t.test('a resend of a copy that another process owns waits for a minute at most', (t) => {
  const { copies, clock, followed } = given()
  const copy = copies.of(item('one'))
  const [early, late] = [deliveryOf('early'), deliveryOf('late')]
  copies.follow(early, copy)
  copies.limitWaiting([early])
  clock.advance(1)
  copies.follow(late, copy)
  copies.limitWaiting([late])
  clock.advance(minuteMs - 2)
  t.same(followed, [])
  clock.advance(1)
  t.same(followed, ['early alone'])
  t.equal(copies.of(item('one')), copy, 'the other one still waits for it')
  clock.advance(1)
  t.same(followed, ['early alone', 'late alone'])
  t.not(copies.of(item('one')), copy)
  t.end()
})

t.test('a resend that has ended with its copy does not end again after the minute', (t) => {
  const { copies, clock, followed } = given()
  const copy = copies.of(item('one'))
  const resend = deliveryOf('resend')
  copies.follow(resend, copy)
  copies.limitWaiting([resend])
  copies.ended('one', over)
  clock.advance(minuteMs)
  t.same(followed, ['resend delivered'])
  t.end()
})

t.test(
  'a resend does not wait for an ended copy, and waits without limit for a copy of this process',
  (t) => {
    const { copies, clock, followed } = given()
    const [first, second] = [deliveryOf('first'), deliveryOf('second')]
    copies.follow(first, new Original(item('over', over), true))
    copies.follow(second, new Original(item('own'), false))
    copies.limitWaiting([first, second])
    t.equal(clock.pending, 0)
    t.same(followed, [])
    copies.ended('own', over)
    t.same(followed, ['second delivered'])
    t.end()
  },
)

t.test('after stopWaiting, a resend waits no longer', (t) => {
  const { copies, clock, followed } = given()
  const [early, late] = [deliveryOf('early'), deliveryOf('late')]
  copies.follow(early, copies.of(item('one')))
  copies.limitWaiting([early])
  copies.stopWaiting()
  t.same(followed, ['early alone'])
  copies.follow(late, copies.of(item('other')))
  copies.limitWaiting([late])
  t.same(followed, ['early alone', 'late alone'])
  clock.advance(minuteMs)
  t.equal(followed.length, 2)
  t.end()
})

t.test(
  'reports whether a remembered delivery was resent, and then remembers the resend in its place',
  (t) => {
    const { copies, followed } = given()
    const [first, second] = [deliveryOf('first'), deliveryOf('second')]
    const [one, two] = [copies.of(copies.itemOf(first)), copies.of(copies.itemOf(second))]
    t.ok([first, second].every((each) => copies.remembers(each)))
    const resend = deliveryOf('resend')
    copies.forgotten(one, true)
    copies.follow(resend, one)
    copies.remember(resend)
    t.equal(copies.remembers(first), false)
    t.equal(copies.remembers(resend), true, 'as what it repeats')
    copies.forgotten(two, false)
    copies.forgotten(one, false)
    t.equal(copies.remembers(resend), false)
    t.same(followed, ['first resent', 'second forgotten', 'resend forgotten'])
    t.end()
  },
)
