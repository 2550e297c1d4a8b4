/** A flood of events is a few lines in the log, and the count in it is exact. */
import t from 'tap'
import { createLog } from '../../src/log/log.ts'
import { logEvents, type AnyEvent } from '../../src/proxy/log-event.ts'
import { RepeatedEvents, type RepeatedEvent } from '../../src/proxy/repeated-events.ts'
import { FakeClock } from '../fixtures/fake-clock.ts'
import { token } from '../fixtures/hex.ts'

const minuteMs = 60_000

interface Scene {
  readonly clock: FakeClock
  readonly repeated: RepeatedEvents
  readonly log: (event: AnyEvent) => void
  /** What was written since the last call, without its time. */
  readonly lines: () => Record<string, unknown>[]
}

function setScene(level = 'info'): Scene {
  const written: string[] = []
  const logger = createLog(level, { write: (line) => written.push(line) })
  const clock = new FakeClock()
  const repeated = new RepeatedEvents(clock, logEvents(logger))
  return {
    clock,
    repeated,
    log: logEvents(logger, { route: 'app' }, repeated),
    lines: () => written.splice(0).map((line) => JSON.parse(line) as Record<string, unknown>),
  }
}

function failure(address: string, cause: 'reset' | 'not-tls' = 'reset'): AnyEvent {
  return { event: 'handshake.failed', address, cause, error: new Error('x'), offered: undefined }
}

const rejection: AnyEvent = {
  event: 'notification.rejected',
  record: { sender: 'a', connection: 1, identifier: 2, apnsId: 'b', token },
  reason: 'BadDeviceToken',
  statusCode: 8,
}

function times(count: number, run: (number: number) => void): void {
  for (let number = 0; number < count; number++) run(number)
}

t.test('the first ten are logged, and after a minute how many there were besides', (t) => {
  const { clock, log, lines } = setScene()
  times(9000, () => log(failure('192.0.2.1')))
  const first = lines()
  t.equal(first.length, 10)
  t.match(first[9], { level: 'warn', event: 'handshake.failed', route: 'app', cause: 'reset' })
  clock.advance(minuteMs - 1)
  t.strictSame(lines(), [])
  clock.advance(1)
  const [line, ...more] = lines()
  t.match(line, {
    level: 'warn',
    event: 'events.repeated',
    of: 'handshake.failed',
    cause: 'reset',
    address: '192.0.2.1',
    count: 8990,
  })
  t.strictSame(more, [])
  t.equal(clock.pending, 0, 'without events there is no timer')
  log(failure('192.0.2.1'))
  t.match(lines(), [{ event: 'handshake.failed' }], 'a new minute begins')
  t.end()
})

t.test('causes and addresses are counted apart', (t) => {
  const { repeated, log, lines } = setScene()
  times(12, () => {
    log(failure('192.0.2.1'))
    log(failure('192.0.2.1', 'not-tls'))
    log(failure('192.0.2.2'))
  })
  t.equal(lines().length, 30)
  repeated.flush()
  t.match(lines(), [
    { cause: 'reset', address: '192.0.2.1', count: 2 },
    { cause: 'not-tls', address: '192.0.2.1', count: 2 },
    { cause: 'reset', address: '192.0.2.2', count: 2 },
  ])
  repeated.flush()
  t.strictSame(lines(), [])
  t.end()
})

t.test('events from many addresses are bounded, and each is counted', (t) => {
  const { clock, log, lines } = setScene()
  const count = 10_000
  times(count, (number) => log(failure(`2001:db8::${number.toString(16)}`)))
  const logged = lines()
  t.equal(logged.length, 64 + 10)
  clock.advance(minuteMs)
  t.match(lines(), [{ of: 'handshake.failed', address: 'others', count: count - logged.length }])
  t.end()
})

t.test('a hundred rejections of one reason are logged, and at level debug all', (t) => {
  for (const [level, most] of [
    ['info', 100],
    ['debug', 300],
  ] as const) {
    const { repeated, log, lines } = setScene(level)
    times(300, () => log(rejection))
    const logged = lines()
    t.equal(logged.length, most)
    t.ok(logged.every(({ identifier }) => identifier === 2))
    t.equal(logged.filter((line) => line['level'] === 'info').length, 100)
    repeated.flush()
    t.match(lines(), [
      { level: 'info', of: 'notification.rejected', cause: 'BadDeviceToken', count: 200 },
    ])
  }
  t.end()
})

t.test('reasons that somebody invents are bounded, too', (t) => {
  const { repeated, log, lines } = setScene()
  times(1000, (number) => log({ ...rejection, reason: `Reason${number}` }))
  t.equal(lines().length, 64 + 100)
  repeated.flush()
  t.match(lines(), [{ of: 'notification.rejected', cause: 'others', count: 1000 - 164 }])
  t.end()
})

t.test('other events are never summed up', (t) => {
  const { log, lines, clock } = setScene()
  times(500, () => log({ event: 'route.up' }))
  t.equal(lines().length, 500)
  t.equal(clock.pending, 0)
  t.end()
})

t.test('logged and summed up are together what happened, whatever happens', (t) => {
  const clock = new FakeClock()
  const summaries: RepeatedEvent[] = []
  const repeated = new RepeatedEvents(clock, (event) => summaries.push(event))
  let logged = 0
  times(20_000, (number) => {
    const address = `192.0.2.${(number * 7919) % 200}`
    const about = { of: 'x', level: 'warn', cause: undefined, address } as const
    if (repeated.isLogged(about, 3)) logged++
    clock.advance(number % 90)
  })
  repeated.flush()
  t.equal(
    summaries.reduce((sum, { count }) => sum + count, logged),
    20_000,
  )
  t.end()
})
