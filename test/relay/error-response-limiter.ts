import t from 'tap'
import { ErrorResponseLimiter } from '../../src/relay/error-response-limiter.ts'

const minuteMs = 60_000

function report(loops: ErrorResponseLimiter, times: number, nowMs: number): void {
  for (let count = 0; count < times; count++) loops.reported('key', false, nowMs)
}

t.test('allows five reports about the same notification in a minute', (t) => {
  const loops = new ErrorResponseLimiter()
  for (let count = 0; count < 5; count++) {
    t.ok(loops.admits('key', 0))
    report(loops, 1, 0)
  }
  t.notOk(loops.admits('key', minuteMs - 1))
  t.end()
})

t.test('starts again after the minute', (t) => {
  const loops = new ErrorResponseLimiter()
  report(loops, 5, 0)
  t.ok(loops.admits('key', minuteMs))
  report(loops, 4, minuteMs)
  t.ok(loops.admits('key', minuteMs))
  report(loops, 1, minuteMs)
  t.notOk(loops.admits('key', minuteMs))
  t.end()
})

t.test('allows one report if the identifier is ambiguous', (t) => {
  const loops = new ErrorResponseLimiter()
  loops.reported('key', true, 0)
  t.notOk(loops.admits('key', minuteMs - 1))
  t.ok(loops.admits('key', minuteMs))
  t.end()
})

t.test('starts again after a withdrawn report', (t) => {
  const loops = new ErrorResponseLimiter()
  report(loops, 5, 0)
  loops.withdrawn('key')
  report(loops, 4, 0)
  t.ok(loops.admits('key', 0))
  report(loops, 1, 0)
  t.notOk(loops.admits('key', 0))
  t.end()
})

t.test('counts each notification separately', (t) => {
  const loops = new ErrorResponseLimiter()
  report(loops, 5, 0)
  t.ok(loops.admits('another', 0))
  t.end()
})

t.test('removes expired counts with the next report about any notification', (t) => {
  const loops = new ErrorResponseLimiter()
  report(loops, 5, 0)
  loops.reported('another', false, minuteMs)
  t.ok(loops.admits('key', minuteMs))
  report(loops, 4, minuteMs)
  t.ok(loops.admits('key', minuteMs + 1))
  t.end()
})
