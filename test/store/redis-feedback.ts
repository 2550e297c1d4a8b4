/** What the feedback lists do with what no proxy has written: ignore it, and count it as damage. */
import t from 'tap'
import { LocalEventLog } from '../../src/store/local-event-log.ts'
import type { Reply } from '../../src/store/redis-dialler.ts'
import { RedisFeedback } from '../../src/store/redis-feedback.ts'
import { redisKeys } from '../../src/store/redis-key.ts'
import type { EventLog, LoggedEvent } from '../../src/store/store.ts'
import { FakeClock } from '../fixtures/fake-clock.ts'

interface Given {
  readonly feedback: RedisFeedback
  /** Events of another process. */
  readonly apply: (event: unknown) => void
  readonly damaged: () => number
}

/** @param answers what Redis answers, by command */
function given(answers: Readonly<Record<string, Reply>> = {}): Given {
  const clock = new FakeClock()
  let apply: (event: LoggedEvent) => void = () => undefined
  const local = new LocalEventLog(clock)
  const eventLog: EventLog = {
    isShared: true,
    listen: (_route, listener) => {
      apply = listener
      return () => undefined
    },
    append: local.append.bind(local),
  }
  let damaged = 0
  const feedback = new RedisFeedback({
    link: {
      isUp: true,
      send: ([name]) => Promise.resolve(answers[String(name)] ?? null),
    },
    keys: redisKeys('test'),
    eventLog,
    clock,
    damaged: () => {
      damaged++
    },
  })
  t.teardown(() => {
    feedback.close()
  })
  return {
    feedback,
    apply: (event) => {
      apply({ event, position: 1, atMs: 0, own: false })
    },
    damaged: () => damaged,
  }
}

const junk: readonly unknown[] = [
  null,
  'app',
  [],
  ['app'],
  ['app', null],
  ['app', [null]],
  ['app', [['5a']]],
  ['app', [[7, 1]]],
  ['app', [['5a', '1']]],
  ['app', [['5a', -1]]],
  ['app', [['5a', 1_700_000_000_000]]],
  [7, [['5a', 1]]],
]

t.test('an announcement of another process that is malformed adds nothing', (t) => {
  const { feedback, apply, damaged } = given()
  for (const event of junk) apply(event)
  t.equal(damaged(), junk.length)
  t.equal(feedback.count('app'), 0)
  apply(['app', [['5a', 1]]])
  t.equal(feedback.count('app'), 1)
  t.equal(damaged(), junk.length)
  t.end()
})

t.test('a timestamp in Redis that is none is left out', async (t) => {
  const pairs = ['5a', '1', '5b', 'soon', '5c', '', '5d', '99999999999', '5e', '2'].map((text) =>
    Buffer.from(text),
  )
  const { feedback, damaged } = given({ SMEMBERS: ['app'], ZRANGE: [], HSCAN: ['0', pairs] })
  await feedback.resume()
  t.equal(feedback.count('app'), 3)
  const hold = await feedback.hold('app')
  t.same(
    hold.tuples.map(({ timestamp, token }) => [token.toString('hex'), timestamp]),
    [
      ['5a', 1],
      ['5c', 0],
      ['5e', 2],
    ],
  )
  t.equal(damaged(), 2)
  hold.release()
})
