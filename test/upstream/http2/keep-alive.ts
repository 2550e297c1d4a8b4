import t from 'tap'
import { KeepAlive } from '../../../src/upstream/http2/http2-session.ts'

const times = {
  connectTimeoutMs: 10_000,
  requestTimeoutMs: 10_000,
  pingIntervalMs: 60_000,
  pingTimeoutMs: 5000,
}
const tickMs = 1000

/** Ticks once a second. @returns each verdict that differs from the one before */
function verdicts(
  keepAlive: KeepAlive,
  from: number,
  to: number,
  connectingSince?: number,
): string[] {
  const changes: string[] = []
  let before = ''
  for (let now = from; now <= to; now += tickMs) {
    const verdict = keepAlive.check(now, connectingSince)
    if (verdict !== before) changes.push(`${verdict} ${now}`)
    before = verdict
  }
  return changes
}

t.test('closes the session to a peer that does not send SETTINGS in time', (t) => {
  const keepAlive = new KeepAlive(times, tickMs, 0)
  t.same(verdicts(keepAlive, tickMs, 10_000, 0), ['wait 1000', 'gone 10000'])
  t.end()
})

t.test('sends a PING after the interval without received bytes', (t) => {
  const keepAlive = new KeepAlive(times, tickMs, 0)
  keepAlive.receivedAtMs = 500
  t.same(verdicts(keepAlive, tickMs, 61_000), ['present 1000', 'quiet 61000'])
  t.end()
})

t.test(
  'closes the session to a peer that does not answer a PING, even if it sends other frames',
  (t) => {
    const keepAlive = new KeepAlive(times, tickMs, 0)
    keepAlive.pingSentAtMs = 0
    keepAlive.receivedAtMs = 4000
    t.same(verdicts(keepAlive, tickMs, 5000), ['wait 1000', 'gone 5000'])
    keepAlive.pingSentAtMs = undefined
    t.equal(keepAlive.check(6000, undefined), 'present')
    t.end()
  },
)

t.test('skips a late tick, but never two in a row', (t) => {
  const keepAlive = new KeepAlive(times, tickMs, 0)
  t.equal(keepAlive.check(2000, undefined), 'present', 'twice the interval is not late')
  t.equal(keepAlive.check(70_000, undefined), 'wait')
  t.equal(keepAlive.check(140_000, undefined), 'quiet')
  t.equal(keepAlive.check(210_000, undefined), 'wait')
  t.end()
})
