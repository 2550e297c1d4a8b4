/** Order, retries and bounds of the alarms for one receiver, without a network. */
import t, { type Test } from 'tap'
import type { AlarmEvent } from '../../src/alarms/alarm-event.ts'
import { messageAbout, type AlarmMessage } from '../../src/alarms/alarm-message.ts'
import { AlarmQueue, type Answer } from '../../src/alarms/alarm-queue.ts'
import type { ProblemChange } from '../../src/admin/problem-watch.ts'
import { appeared, cleared } from '../fixtures/alarm-receiver.ts'
import { untilIs } from '../fixtures/condition.ts'
import { FakeClock } from '../fixtures/fake-clock.ts'

const accepted: Answer = { outcome: 'accepted' }
const unavailable: Answer = { outcome: 'unavailable', cause: 'down' }
const refused: Answer = { outcome: 'refused', cause: 'gone' }
const minuteMs = 60_000

interface Scene {
  readonly queue: AlarmQueue
  readonly clock: FakeClock
  /** Messages of all attempts. */
  readonly attempts: AlarmMessage[]
  readonly events: AlarmEvent[]
  readonly push: (change: ProblemChange) => void
  /** What has become of the alarms, as `sent code`. */
  readonly ends: () => string[]
}

/** @param answer to each attempt; a promise that never ends is a receiver that hangs */
function scene(answer: (message: AlarmMessage) => Answer | Promise<Answer>): Scene {
  const clock = new FakeClock()
  const attempts: AlarmMessage[] = []
  const events: AlarmEvent[] = []
  const queue = new AlarmQueue({
    channel: 'webhook',
    attempt: (message, giveUp) => {
      attempts.push(message)
      return Promise.race([
        Promise.resolve(answer(message)),
        new Promise<Answer>((resolve) => {
          giveUp.addEventListener('abort', () => {
            resolve(unavailable)
          })
        }),
      ])
    },
    clock,
    random: () => 0,
    emit: (event) => events.push(event),
  })
  const push = (change: ProblemChange): void => {
    queue.push(messageAbout({ ...change, atMs: clock.now() }, { name: 'n', version: '1' }))
  }
  const ends = (): string[] =>
    events
      .filter(({ event }) => event !== 'alarm.failed')
      .map(({ event, code, tells }) => `${event} ${tells} ${code}`)
  return { queue, clock, attempts, events, push, ends }
}

const hanging = (): Promise<Answer> => new Promise(() => undefined)

t.test('alarms are delivered in their order, each once', async (t) => {
  const { push, ends, attempts } = scene(() => accepted)
  for (const code of ['a', 'b', 'c']) push(appeared(code))
  await untilIs(() => ends().length, 3)
  t.same(
    ends(),
    ['a', 'b', 'c'].map((code) => `alarm.sent problem.appeared ${code}`),
  )
  t.equal(attempts.length, 3)
})

t.test('a failed attempt is repeated with growing pauses and the same id', async (t) => {
  const { push, clock, attempts, events } = scene(() =>
    attempts.length < 4 ? unavailable : accepted,
  )
  push(appeared('a'))
  for (const pauseMs of [2500, 5000, 10_000]) {
    const before = attempts.length
    await untilIs(() => clock.pending, 1)
    clock.advance(pauseMs - 1)
    t.equal(attempts.length, before)
    clock.advance(1)
    await untilIs(() => attempts.length, before + 1)
  }
  await untilIs(() => events.length, 4)
  t.equal(new Set(attempts.map(({ id }) => id)).size, 1)
  t.match(events[0], { event: 'alarm.failed', cause: 'down', retryInMs: 2500 })
})

t.test('an alarm that is an hour old is given up, and the next one is tried', async (t) => {
  const { push, clock, ends } = scene(({ code }) => (code === 'old' ? unavailable : accepted))
  push(appeared('old'))
  await untilIs(() => clock.pending, 1)
  clock.advance(59 * minuteMs)
  push(appeared('new'))
  await untilIs(() => clock.pending, 1)
  t.same(ends(), [])
  clock.advance(6 * minuteMs)
  await untilIs(() => ends().length, 2)
  t.same(ends(), ['alarm.given-up problem.appeared old', 'alarm.sent problem.appeared new'])
})

t.test('a refusal is final', async (t) => {
  const { push, ends, attempts, clock } = scene(() => refused)
  push(appeared('a'))
  await untilIs(() => ends(), ['alarm.given-up problem.appeared a'])
  t.equal(attempts.length, 1)
  t.equal(clock.pending, 0)
})

t.test('what came and went while the receiver was down is told once, by its end', async (t) => {
  let isUp = false
  const { push, clock, ends, attempts } = scene(() => (isUp ? accepted : unavailable))
  push(appeared('a'))
  push(appeared('b'))
  await untilIs(() => clock.pending, 1)
  push(cleared('b'))
  push(cleared('a'))
  isUp = true
  clock.advance(minuteMs)
  await untilIs(() => ends().length, 2)
  t.same(ends(), ['alarm.sent problem.cleared b', 'alarm.sent problem.cleared a'])
  t.equal(attempts.length, 3)
})

t.test('the end of another problem, or of another route, replaces nothing', async (t) => {
  const { push, clock, ends } = scene(() => accepted)
  push(appeared('first'))
  const { problem } = cleared('b')
  push(appeared('b'))
  push({ event: 'problem.cleared', atMs: 0, lastedMs: 1, problem: { ...problem, route: 'other' } })
  push(cleared('c'))
  await untilIs(() => ends().length, 4)
  t.equal(ends()[1], 'alarm.sent problem.appeared b')
  t.equal(clock.pending, 0)
})

t.test('at most 100 wait behind the one in progress; the oldest is given up', async (t) => {
  const { push, events, attempts, queue, clock } = scene(hanging)
  for (let at = 0; at < 103; at++) push(appeared(`p${at}`))
  t.equal(attempts.length, 1)
  t.same(
    events.map(({ event, code }) => `${event} ${code}`),
    ['alarm.given-up p1', 'alarm.given-up p2'],
  )
  const stopped = queue.stop()
  clock.advance(2000)
  await stopped
})

t.test('changed settings are tried at once', async (t) => {
  const { push, clock, attempts, queue } = scene(() => unavailable)
  push(appeared('a'))
  await untilIs(() => clock.pending, 1)
  queue.retryNow()
  await untilIs(() => attempts.length, 2)
  t.equal(clock.pending, 1, 'the old pause is over')
})

t.test('a stop tries once more, and leaves no timer', async (t) => {
  let isUp = false
  const { push, clock, ends, queue } = scene(() => (isUp ? accepted : unavailable))
  push(appeared('a'))
  push(appeared('b'))
  await untilIs(() => clock.pending, 1)
  isUp = true
  await queue.stop()
  t.same(ends(), ['alarm.sent problem.appeared a', 'alarm.sent problem.appeared b'])
  t.equal(clock.pending, 0)
  push(appeared('late'))
  t.equal(ends().length, 2)
})

t.test('a stop waits two seconds for a receiver that hangs, and gives the rest up', async (t) => {
  const { push, clock, events, attempts, queue } = scene(hanging)
  push(appeared('a'))
  push(appeared('b'))
  let isStopped = false
  const stopped = queue.stop().then(() => (isStopped = true))
  clock.advance(1999)
  t.notOk(isStopped)
  clock.advance(1)
  await stopped
  t.match(events, [
    { event: 'alarm.given-up', code: 'a', cause: 'the proxy stops' },
    { event: 'alarm.given-up', code: 'b', cause: 'the proxy stops' },
  ])
  t.equal(attempts.length, 1)
  t.equal(clock.pending, 0)
})

t.test('a stop with nothing to do does nothing', async (t: Test) => {
  const { clock, queue, events } = scene(hanging)
  await queue.stop()
  await queue.stop()
  t.same(events, [])
  t.equal(clock.pending, 0)
})
