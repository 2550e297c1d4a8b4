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

t.test('an ending is known to who hears of its copy later, until 50,000 others have ended', (t) => {
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
})

t.test('one that is no longer remembered is kept only for those who wait for it', (t) => {
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

t.test('others are told how that ended which they may wait for, and nothing else', (t) => {
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

t.test('a resend of what another process owns waits for a minute at the most', (t) => {
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

t.test('what has ended in time is not let go later', (t) => {
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

t.test('nobody waits for what is over, nor a minute only for what this process owns', (t) => {
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
})

t.test('once nobody is left to be told, a resend waits no longer', (t) => {
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

t.test('whoever is remembered hears whether its resend has come, and is told instead', (t) => {
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
})
